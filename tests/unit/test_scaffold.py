"""`zoo new`: what it writes passes its own tests at once, and names that cannot work are refused."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from zoo.errors import UsageError
from zoo.scaffold import KINDS, new_plugin
from zoo.version import __version__


def _written(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_says_what_it_is_and_needs(kind: str, tmp_path: Path) -> None:
    name = f"my{kind}"
    made = new_plugin(name, kind, tmp_path / name)
    files = _written(tmp_path / name)
    assert {path.relative_to(tmp_path / name).as_posix() for path in made} == files.keys()
    assert {".github/workflows/tests.yml", "README.md", f"tests/test_{name}.py"} <= files.keys()
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["entry-points"]["zoo.plugins"] == {name: name}
    assert project["dependencies"] == [f"thermal-zoo>={__version__}"]
    for path, text in files.items():
        assert "$" not in text.replace("${{ matrix.python }}", ""), path


def test_what_every_kind_gets_passes_its_own_tests(tmp_path: Path) -> None:
    """Every check of the suite and the package's own tests, by the class that the package's test file subclasses."""
    folders = {kind: tmp_path / f"fresh{kind}" for kind in KINDS}
    for kind, folder in folders.items():
        new_plugin(folder.name, kind, folder)
    path = os.pathsep.join(str(folder / "src") for folder in folders.values())
    tests = [str(folder / "tests") for folder in folders.values()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--import-mode=importlib", "-q", *tests],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for folder in folders.values():
        assert (
            f"TestFresh{folder.name.removeprefix('fresh')}" in (folder / "tests" / f"test_{folder.name}.py").read_text()
        )


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("My-Net", "generator", "my_net"),
        ("3d", "generator", "a letter first"),
        ("class", "generator", "cannot name a package"),
        ("net_", "generator", "cannot name a package"),
        ("resnet", "method", "a plugin resnet already"),
        ("resnet9", "generator", "a generator resnet9 already"),
        ("psnr", "metric", "a metric psnr already"),
        ("json", "generator", "a package 'json' already"),
        ("numpy", "generator", "a package 'numpy' already"),
        ("my_norm", "normalizer", "split at its last `_`"),
        ("mynet", "recipe", "generator, discriminator"),
    ],
)
def test_a_name_that_cannot_work_is_refused_and_nothing_written(
    name: str, kind: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        new_plugin(name, kind, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_existing_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mynet").mkdir()
    (tmp_path / "mynet/precious.txt").write_text("1")
    with pytest.raises(UsageError, match=r"exists already.*`out`"):
        new_plugin("mynet", "generator", tmp_path / "mynet")
    assert _written(tmp_path / "mynet") == {"precious.txt": "1"}
