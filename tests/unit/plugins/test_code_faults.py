"""Plugins whose code raises, ends or blocks the process are named with the reason; `zoo plugins --why` builds their parts."""

from __future__ import annotations

import json

import pytest
from plugin_packages import GOOD, install

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
