"""Broken plugins, each installed beside zoo as a third party's package would be: one line each, never the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from forked_zoo import FRESH

from zoo import probe as probing

GOOD = """
from dataclasses import dataclass
from zoo.hookspec import Component, hookimpl

@dataclass(frozen=True, kw_only=True)
class Config:
    in_channels: int = 3
    out_channels: int = 1

@hookimpl
def zoo_components():
    return [Component(kind="generator", name="{name}", target="x:X", config=Config(), summary="a network")]
"""


def install(site: Path, name: str, source: str, requires: str = "", entry: str | None = None) -> None:
    """Put a package with one entry point and its metadata into a folder of the import path."""
    (site / f"{name}.py").write_text(source)
    info = site / f"{name}_dist-1.2.dist-info"
    info.mkdir()
    requires_line = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1.2\n{requires_line}")
    (info / "entry_points.txt").write_text(f"[zoo.plugins]\n{entry or name} = {name}\n")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def test_each_broken_plugin_costs_one_line_and_listing_goes_on(site, zoo):
    install(site, "raises", "raise RuntimeError('boom')")
    install(site, "exits", "import sys; sys.exit(3)")
    install(
        site, "badrow", "from zoo.hookspec import hookimpl\n@hookimpl\ndef zoo_components():\n    return ['resnet']"
    )
    install(site, "tooNew", GOOD.format(name="newer"), requires="thermal-zoo>=99")
    install(site, "fine", GOOD.format(name="finenet"))
    done = zoo("list", "generator", env={"PYTHONPATH": str(site)})
    assert done.returncode == 0
    assert "finenet" in done.stdout and "resnet9" in done.stdout and "newer" not in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 4, done.stderr
    assert {line.split()[2] for line in lines} == {"raises", "exits", "badrow", "tooNew"}
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "source", "requires", "reason"),
    [
        ("raises", "raise RuntimeError('boom')", "", "RuntimeError: boom"),
        ("exits", "import sys; sys.exit(3)", "", "SystemExit: 3"),
        ("typo", "from zoo.hookspec import hookimpl\n@hookimpl\ndef zoo_component(): return []", "", "zoo_component"),
        ("notrow", "from zoo.hookspec import hookimpl\n@hookimpl\ndef zoo_components(): return [1]", "", "bad row"),
        ("badname", GOOD.format(name="Bad Name"), "", "'Bad Name'"),
        ("newer", GOOD.format(name="x"), "thermal-zoo>=99", "needs thermal-zoo>=99"),
    ],
)
def test_why_prints_the_reason(site, zoo, name, source, requires, reason):
    install(site, name, source, requires)
    done = zoo("plugins", "--why", name, env={"PYTHONPATH": str(site)})
    assert done.returncode == 0
    assert reason in done.stdout


def test_an_incompatible_plugin_is_never_imported(site, zoo, tmp_path):
    marker = tmp_path / "imported"
    install(site, "newer", f"open({str(marker)!r}, 'w')", requires="thermal_zoo >= 99")
    zoo("list", env={"PYTHONPATH": str(site)})
    assert not marker.exists()


def test_what_a_plugin_prints_does_not_spoil_json(site, zoo):
    install(site, "chatty", "print('hello')\n" + GOOD.format(name="chattynet"))
    done = zoo("list", "--json", env={"PYTHONPATH": str(site)})
    assert "chattynet" in {row["name"] for row in json.loads(done.stdout)}
    assert "hello" in done.stderr


def test_blocking_and_choosing_plugins(site, zoo):
    install(site, "fine", GOOD.format(name="finenet"))
    path = {"PYTHONPATH": str(site)}
    assert "finenet" not in zoo("list", env=path | {"ZOO_PLUGINS": "-fine"}).stdout
    assert "finenet" not in zoo("--no-plugin", "fine", "list", env=path).stdout
    only = zoo("list", "--json", env=path | {"ZOO_PLUGINS": "fine"})
    assert [row["name"] for row in json.loads(only.stdout)] == ["finenet"]
    unknown = zoo("list", env=path | {"ZOO_PLUGINS": "-fin"})
    assert unknown.returncode == 2 and "fine" in unknown.stderr


def test_a_bare_name_stays_the_core_wheels_when_a_plugin_takes_it(site, zoo):
    install(site, "other", GOOD.format(name="resnet9"))
    done = zoo("info", "resnet9", "--json", env={"PYTHONPATH": str(site)})
    names = [row["full_name"] for row in json.loads(done.stdout)]
    assert "resnet/resnet9" in names
    chosen = zoo("info", "other/resnet9", "--json", env={"PYTHONPATH": str(site)})
    assert (
        "cannot be loaded from x:X" in json.loads(chosen.stdout)[0]["fault"]
    )  # the other one, whose target is not there


def test_a_name_that_two_plugins_share_must_be_written_in_full(site, zoo):
    install(site, "one", GOOD.format(name="twin"))
    install(site, "two", GOOD.format(name="twin"))
    done = zoo("bench", "--gen", "twin", env={"PYTHONPATH": str(site)})
    assert done.returncode == 2
    assert "one/twin, two/twin" in done.stderr


def test_two_distributions_with_one_entry_point_name(site, zoo):
    install(site, "first", GOOD.format(name="firstnet"), entry="same")
    install(site, "second", GOOD.format(name="secondnet"), entry="same")
    done = zoo("list", env={"PYTHONPATH": str(site)})
    assert "firstnet" in done.stdout and "secondnet" not in done.stdout
    assert "taken by distribution first-dist" in done.stderr


def test_a_failed_lookup_names_the_plugins_that_failed_to_load(site, zoo):
    install(site, "mine", "raise ImportError('no module named foo')")
    done = zoo("bench", "--gen", "mynet", env={"PYTHONPATH": str(site)})
    assert done.returncode == 2
    assert "not loaded: mine" in done.stderr


def test_strict_mode_raises(site, zoo):
    install(site, "raises", "raise RuntimeError('boom')")
    done = zoo("list", env={"PYTHONPATH": str(site), "ZOO_STRICT": "1"})
    assert done.returncode == 1 and "boom" in done.stderr


def test_plugins_names_the_one_that_imports_torch(site, zoo):
    install(site, "heavy", "import torch\n" + GOOD.format(name="heavynet"))
    rows = json.loads(zoo("plugins", "--json", env={"PYTHONPATH": str(site), **FRESH}).stdout)
    heavy = {row["name"]: row["heavy"] for row in rows}
    assert "torch" in heavy["heavy"]
    assert all(not found for name, found in heavy.items() if name != "heavy")


NO_HOOK = "def zoo_components():\n    return []"
CONTRACT = GOOD.replace("import Component, hookimpl", "import Component, Contract, hookimpl")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (NO_HOOK, "is @hookimpl missing"),
        (CONTRACT.replace('summary="a network"', 'summary="a", contract=Contract(size_multiple=0)'), "size_multiple"),
        (CONTRACT.replace('summary="a network"', 'summary="a", contract=Contract(needs=("pairs",))'), "frozenset"),
        (CONTRACT.replace('summary="a network"', 'summary="a", contract=Contract(inputs="time")'), "tuple of words"),
        (GOOD.replace('summary="a network"', 'summary="two\\nlines"'), "one line"),
        (GOOD.replace("    out_channels: int = 1\n", "    def contract(self): return 1 / 0\n"), "ZeroDivisionError"),
    ],
)
def test_rows_that_later_code_would_stumble_over_are_refused(site, zoo, source, reason):
    install(site, "bad", source.replace("{name}", "badnet"))
    done = zoo("list", env={"PYTHONPATH": str(site)})
    assert done.returncode == 0 and "resnet9" in done.stdout
    (line,) = done.stderr.splitlines()
    assert reason in line


NETWORK = """
from torch import nn


class X(nn.Module):
    def __init__(self, config):
        super().__init__()
        {init}

    def forward(self, x):
        {forward}
"""


@pytest.mark.parametrize(
    ("source", "cause", "line"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'", 1),
        ("def broken(:", "SyntaxError: ", 1),
        (NETWORK.format(init="config.gone", forward="return x"), "AttributeError: ", 8),
        (
            NETWORK.format(init="self.layer = nn.Conv2d(3, 1, 1)", forward="raise KeyError('lost')"),
            "KeyError: 'lost'",
            11,
        ),
    ],
)
def test_a_fault_of_a_plugins_code_is_one_line_with_its_place_and_the_check(
    site, zoo, pairs, tmp_path, source, cause, line
):
    install(site, "fine", GOOD.format(name="finenet").replace("x:X", "finecode:X"))
    (site / "finecode.py").write_text(source)
    path = {"PYTHONPATH": str(site)}
    words = ("--data", str(pairs), "--size", "32", "--steps", "1", "--no-baselines", "--out", str(tmp_path / "out"))
    done = zoo("bench", "--gen", "finenet", "--disc", "patchgan:width=2", *words, env=path)
    (failed,) = [one for one in done.stderr.splitlines() if "FAILED" in one]
    assert done.returncode == 1 and cause in failed and "Traceback" not in done.stderr
    assert failed.endswith(f"finecode.py, line {line}). Run: zoo check fine")
    why = zoo("plugins", "--why", "fine", env=path).stdout
    if "forward" not in source or "gone" in source:
        assert "1 of 1 parts cannot be built" in why and cause in why and ": ok" not in why


def test_a_target_that_raises_is_reported_with_its_plugin(site, zoo):
    install(site, "fine", GOOD.format(name="finenet"))
    (site / "x.py").write_text("raise RuntimeError('no such driver')")
    done = zoo("info", "finenet", env={"PYTHONPATH": str(site)})
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "fine/finenet of fine-dist 1.2 cannot be loaded from x:X: RuntimeError: no such driver" in " ".join(
        done.stdout.split()
    )


DEATHS = {
    "crashes": ("import ctypes; ctypes.string_at(0)", "signal 11"),
    "aborts": ("import os; os.abort()", "signal 6"),
    "leaves": ("import os; os._exit(0)", "exit status 0"),
    "hangs": ("while True: pass", "did not end within 2 s"),
    "hangs_in_c": ("import ctypes; ctypes.PyDLL(None).sleep(100)", "did not end within 2 s"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "threads": (
        "import threading, time; threading.Thread(target=time.sleep, args=(100,)).start()",
        "leaves the thread",
    ),
    "asks": ("input()", "EOFError"),
    "closes": ("import os; os.closerange(3, 100); os._exit(5)", "exit status 5"),
    "hooks": (
        GOOD.replace("    return [", "    import os; os._exit(3)\n    return [").format(name="hooked"),
        "exit status 3",
    ),
}


def test_plugins_that_end_or_block_the_process_are_named_and_the_command_succeeds(site, zoo):
    for name, (source, _) in DEATHS.items():
        install(site, name, source)
    install(site, "zfine", GOOD.format(name="finenet"))
    env = {"PYTHONPATH": str(site), "ZOO_PLUGIN_TIMEOUT": "2"}
    done = zoo("list", "generator", env=env)
    assert done.returncode == 0 and "finenet" in done.stdout and "resnet9" in done.stdout
    lines = {line.split()[2]: line for line in done.stderr.splitlines()}
    assert lines.keys() == DEATHS.keys()
    for name, (_, reason) in DEATHS.items():
        assert reason in lines[name]


@pytest.mark.parametrize("name", ["crashes", "leaves"])
def test_plugins_and_why_name_a_plugin_that_ends_the_process(site, zoo, name):
    install(site, name, DEATHS[name][0])
    env = {"PYTHONPATH": str(site)}
    rows = {row["name"]: row for row in json.loads(zoo("plugins", "--json", env=env).stdout)}
    assert rows[name]["status"] == "failed" and DEATHS[name][1] in rows[name]["why"]
    why = zoo("plugins", "--why", name, env=env).stdout
    assert DEATHS[name][1] in why
    assert name != "crashes" or f"{name}.py" in why  # where it crashed


def test_a_plugin_that_is_slow_is_named_while_it_is_imported(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(probing, "NOTICE", 0.3)
    point = EntryPoint(name="sleepy", value="time", group="zoo.plugins")
    assert probing.probe([point], lambda _: time.sleep(1)) == {}
    assert "plugin sleepy is still being imported" in capsys.readouterr().err


def test_what_a_plugin_writes_in_any_way_never_reaches_stdout(site, zoo):
    ways = """
import ctypes, os, subprocess, sys
print("by print")
os.write(1, b"by descriptor\\n")
subprocess.run(["echo", "by command"])
sys.__stdout__.write("by stream\\n")
ctypes.CDLL(None).printf(b"by C\\n")
"""
    install(site, "chatty", ways.replace("\\\\", "\\") + GOOD.format(name="chattynet"))
    done = zoo("list", "--json", env={"PYTHONPATH": str(site)})
    assert "chattynet" in {row["name"] for row in json.loads(done.stdout)}
    for way in ("print", "descriptor", "command", "stream", "C"):
        assert done.stderr.count(f"by {way}") == 1


def test_plugins_load_beside_a_closed_stdout_and_a_cache_that_is_a_file(site, zoo, tmp_path):
    install(site, "fine", GOOD.format(name="finenet"))
    (tmp_path / "file").touch()
    code = "import os, zoo; os.close(1); assert 'finenet' in zoo.list_components('generator')"
    env = {**os.environ, "PYTHONPATH": str(site), "ZOO_CACHE": str(tmp_path / "file")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("kind", "base", "arguments"),
    [
        ("metric", "object", "self, config"),
        ("method", "Method", "self, config, parts"),
        ("dataset", "object", "self, config"),
    ],
)
def test_why_builds_parts_of_every_kind(site, zoo, kind, base, arguments):
    row = GOOD.format(name="mine").replace("x:X", "minecode:Mine").replace('"generator"', f'"{kind}"')
    assert f'"{kind}"' in row
    install(site, "mine", row)
    imported = f"from zoo.contracts import {base}\n" if base != "object" else ""
    code = f"{imported}class Mine({base}):\n    def __init__({arguments}):\n        raise KeyError('lost')\n"
    (site / "minecode.py").write_text(code)
    why = zoo("plugins", "--why", "mine", env={"PYTHONPATH": str(site)}).stdout
    assert "1 of 1 parts cannot be built" in why and "KeyError: 'lost' (" in why and f"{kind} mine/mine" in why


@pytest.mark.parametrize("plugin", ["metrics", "unet"])
def test_why_downloads_nothing_and_finds_no_fault_in_zoos_own_parts(zoo, tmp_path, plugin):
    env = {"ZOO_CACHE": str(tmp_path), "TORCH_HOME": str(tmp_path / "torch"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = zoo("plugins", "--why", plugin, env=env)
    assert done.returncode == 0 and done.stdout.rstrip().endswith(": ok")
