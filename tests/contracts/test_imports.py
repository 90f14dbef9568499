"""What may not be imported: no torch where components are listed, and the arrows between the packages."""

from __future__ import annotations

import subprocess
import sys
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


def test_no_file_of_the_core_names_a_plugins_package():
    for path in (ROOT / "zoo").rglob("*.py"):
        assert "zoo_plugins" not in path.read_text(), path
