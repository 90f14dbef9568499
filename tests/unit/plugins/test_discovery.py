"""Which installed plugins are taken and under which names; each that cannot be costs one line, never the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.metadata import EntryPoint

import pytest
from forked_zoo import FRESH
from plugin_packages import GOOD, install

from zoo import probe as probing


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
