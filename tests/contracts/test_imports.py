"""What may not be imported: no torch where components are listed, and the arrows between the packages."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "timm", "torchvision", "torchmetrics", "numpy", "scipy", "accelerate", "matplotlib"}


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "import zoo"],
        ["-m", "zoo", "list"],
        ["-m", "zoo", "list", "--json"],
        ["-m", "zoo", "list", "weights"],
        ["-m", "zoo", "plugins"],
        ["-m", "zoo", "--help"],
    ],
)
def test_no_heavy_module_is_imported(words):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words], capture_output=True, text=True, check=True, cwd=ROOT
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "zoo" in imported
    assert not imported & HEAVY


def test_planning_a_grid_imports_no_torch(pairs):
    code = (
        "import sys; from pathlib import Path; from zoo.run.grid import Axes, expand; import zoo.run.runner;"
        f"expand(Axes(generators=['resnet9'], discriminators=['patchgan_gn'], data=[{str(pairs)!r}]), Path('x'));"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_import_rules_hold():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout


def test_plugins_may_import_the_frozen_data_modules_only():
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    forbidden = set(next(rule for rule in rules if rule["name"].startswith("Plugins import only"))["forbidden_modules"])
    frozen = set(json.loads(Path(__file__).with_name("api.json").read_text())["modules"])
    modules = {f"zoo.data.{path.stem}" for path in (ROOT / "zoo/data").glob("*.py") if path.stem != "__init__"}
    assert modules - forbidden == {name for name in frozen if name.startswith("zoo.data.")}


def test_no_file_of_the_core_names_a_plugins_package():
    for path in (ROOT / "zoo").rglob("*.py"):
        assert "zoo_plugins" not in path.read_text(), path
