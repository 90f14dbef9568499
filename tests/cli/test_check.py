"""`zoo check` and `zoo new`, typed; many plugins, one of them slow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_packages import GOOD, describe, install

from zoo.plugins import SLOW_MS

MARKED = """
import pathlib, time
pathlib.Path({marker!r}).touch()
time.sleep({seconds})
"""
TANH = "return torch.tanh(self.layers(x))"


@pytest.fixture
def thirty(tmp_path: Path) -> Path:
    """Thirty plugins that leave a mark when they are imported, one of them slow."""
    site = tmp_path / "site"
    (site / "seen").mkdir(parents=True)
    for number in range(30):
        seconds = 2 * SLOW_MS / 1000 if number == 17 else 0
        marker = str(site / "seen" / str(number))
        source = MARKED.format(marker=marker, seconds=seconds) + GOOD.format(name="net")
        install(site, f"extra{number}", source)
    return site


def test_help_imports_none_of_thirty_plugins_nor_what_draws_boxes(thirty, zoo):
    for words in (["--help"], ["check", "--help"], ["--version"]):
        done = zoo(*words, env={"PYTHONPATH": str(thirty)})
        assert done.returncode == 0
        assert list((thirty / "seen").iterdir()) == []
    timed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "zoo", "--help"],
        env={**os.environ, "PYTHONPATH": str(thirty)},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in timed.stderr.splitlines()}
    assert "zoo.cli.main" in imported
    assert not imported & {"torch", "numpy", "rich.console", "msgspec"}


def test_plugins_names_the_slow_one_of_thirty(thirty, zoo):
    rows = json.loads(zoo("plugins", "--json", env={"PYTHONPATH": str(thirty)}).stdout)
    times = {row["name"]: row["milliseconds"] for row in rows}
    assert times["extra17"] >= 2 * SLOW_MS
    table = zoo("plugins", env={"PYTHONPATH": str(thirty)}).stdout
    (line,) = [line for line in table.splitlines() if line.startswith("extra17 ")]
    assert "slow" in line
    assert len(list((thirty / "seen").iterdir())) == 30


def test_a_new_package_is_checked_as_typed_and_a_fault_ends_with_1(tmp_path, zoo):
    done = zoo("new", "mynet")
    assert done.returncode == 0
    assert "mynet/src/mynet/network.py" in done.stdout.splitlines()
    assert "zoo check mynet" in done.stderr
    path = {"PYTHONPATH": str(tmp_path / "mynet/src")}
    good = zoo("check", "mynet", "--fast", "--json", env=path)
    assert good.returncode == 0, good.stdout
    rows = {row["check"]: row for row in json.loads(good.stdout)}
    assert {row["status"] for row in rows.values()} == {"passed"}
    assert "8x10" in rows["shapes"]["text"] and rows["discovery"]["text"].endswith(" ms")
    assert {"plugin", "part", "check", "status", "text", "seconds"} <= rows["shapes"].keys()
    assert "compiles" not in rows
    network = tmp_path / "mynet/src/mynet/network.py"
    network.write_text(network.read_text().replace(TANH, "return 2 * torch.tanh(self.layers(x))"))
    bad = zoo("check", "mynet", "--fast", "--component", "generator:mynet", env=path)
    assert bad.returncode == 1
    assert "generator:mynet range: expected images in [-1, 1]" in bad.stdout
    assert "End the network with torch.tanh" in bad.stdout
    assert "passed, 1 failed" in bad.stdout


def test_a_part_that_raises_is_told_in_a_line_with_its_place_and_with_its_trace_on_request(tmp_path, zoo):
    zoo("new", "mynet")
    network = tmp_path / "mynet/src/mynet/network.py"
    network.write_text(network.read_text().replace(TANH, "raise RuntimeError('no such driver')"))
    path = {"PYTHONPATH": str(tmp_path / "mynet/src")}
    done = zoo("check", "mynet", "--fast", "--component", "generator:mynet", "--trace", env=path)
    assert done.returncode == 1
    assert "RuntimeError: no such driver (network.py:" in done.stdout
    assert "Traceback" in done.stdout and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["nosuchplugin"], "no plugin and no module is named 'nosuchplugin'"),
        (["resnet", "--component", "generator:resnet99"], "Did you mean generator:resnet9"),
        (["unett"], "Did you mean unet"),
    ],
)
def test_a_request_that_is_wrong_ends_with_2(words, shown, zoo):
    done = zoo("check", *words)
    assert done.returncode == 2
    assert shown in done.stderr


def test_a_plugin_that_fails_to_load_fails_its_check(tmp_path, zoo):
    site = tmp_path / "site"
    install(site, "raises", "raise RuntimeError('boom')")
    done = zoo("check", "raises", env={"PYTHONPATH": str(site)})
    assert done.returncode == 1
    assert "found RuntimeError: boom" in done.stdout


def _pytest(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_pytest_collects_an_item_for_each_part_and_check_and_no_other_tests(tmp_path):
    (tmp_path / "test_mine.py").write_text("def test_mine(): assert False")
    names = _pytest(tmp_path, "--zoo", "recipes", "--co", "-q").stdout
    assert "zoo/recipes::plugin:recipes-discovery" in names and "zoo/recipes::recipe:layergan-composes" in names
    assert "test_mine" not in names
    done = _pytest(tmp_path, "--zoo", "recipes", "-q", "-k", "discovery")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout
    both = _pytest(tmp_path, "test_mine.py", "--zoo", "recipes", "-q", "-k", "discovery or mine")
    assert "1 passed" in both.stdout and "1 failed" in both.stdout


def test_pytest_shows_what_a_failed_check_says_and_refuses_an_unknown_plugin(tmp_path):
    (tmp_path / "torchy.py").write_text("import torch\n" + GOOD.format(name="net"))
    done = _pytest(tmp_path, "--zoo", "torchy", "-q", "-k", "discovery")
    assert done.returncode == 1
    assert "plugin:torchy discovery: expected a plugin that is listed without torch" in done.stdout
    unknown = _pytest(tmp_path, "--zoo", "nosuch", "-q")
    assert unknown.returncode == 2 and "no plugin and no module is named 'nosuch'" in unknown.stdout


def test_pytest_starts_without_zoo_and_torch(tmp_path):
    code = "import sys, pytest; pytest.main(['-q', '-p', 'no:cacheprovider']); print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    imported = set(done.stdout.splitlines()[-1].split())
    assert "zoo.testing.pytest_plugin" in imported
    assert not imported & {"torch", "numpy", "zoo.plugins", "zoo.testing.running", "msgspec"}


@pytest.mark.parametrize(
    ("variant", "parts"),
    [
        ("regression", ["--gen", "resnet6:width=4,blocks=1"]),
        ("gan", ["--gen", "resnet6:width=4,blocks=1", "--disc", "patchgan_gn:width=4"]),
        ("diffusion", ["--gen", "adm_unet_tiny:width=32,mult=1+2,attention=2"]),
    ],
)
def test_a_new_method_of_each_variant_is_trained_and_scored(variant, parts, tmp_path, zoo):
    zoo("new", "mymethod", "--kind", "method", "--variant", variant)
    site = tmp_path / "mymethod/src"
    describe(site, "mymethod")
    data = ["--data", "scenes:train=4,test=2", "--size", "32", "--steps", "3", "--metrics", "psnr"]
    done = zoo("bench", "--method", "mymethod", *parts, *data, env={"PYTHONPATH": str(site)})
    assert done.returncode == 0, done.stderr
    (record,) = (tmp_path / "results").glob("mymethod_mymethod-*/record.json")
    found = json.loads(record.read_text())
    assert found["recipe"]["budget"]["steps"] == 3 and found["scores"][0]["metric"] == "psnr"


def test_a_constructor_that_raises_is_named_once(tmp_path, zoo):
    zoo("new", "mynet")
    network = tmp_path / "mynet/src/mynet/network.py"
    network.write_text(network.read_text().replace("super().__init__()", "raise RuntimeError('no such driver')"))
    done = zoo("check", "mynet", "--fast", env={"PYTHONPATH": str(tmp_path / "mynet/src")})
    assert done.returncode == 1
    assert done.stdout.count("no such driver") == 1
    assert "2 checks passed, 1 failed, 10 skipped" in done.stdout
