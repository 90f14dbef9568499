"""`zoo new`: what it writes passes its own tests at once, and names that cannot work are refused."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from zoo.errors import UsageError
from zoo.scaffold import KINDS, VARIANTS, new_plugin, use_of
from zoo.version import __version__

EVERY = [(kind, variant) for kind in KINDS for variant in VARIANTS.get(kind, ("",))]


def _written(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("kind", "variant"), EVERY)
def test_a_package_says_what_it_is_and_needs(kind: str, variant: str, tmp_path: Path) -> None:
    name = f"my{kind}"
    made = new_plugin(name, kind, tmp_path / name, variant=variant)
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
    folders = {(kind, variant): tmp_path / f"fresh{kind}{variant}" for kind, variant in EVERY}
    for (kind, variant), folder in folders.items():
        new_plugin(folder.name, kind, folder, variant=variant)
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


RULES = "E,F,I,B,C4,UP,SIM,RUF,PT,PTH"
"""Rules of ruff that hold in every new package; RUF009 does not, which takes `inference_only` for no field."""


def test_every_variant_is_linted_and_formatted(tmp_path: Path) -> None:
    for number, (kind, variant) in enumerate(EVERY):
        folder = tmp_path / f"clean{number}"  # a longer name makes longer lines
        new_plugin(folder.name, kind, folder, variant=variant)
        usual = ["--isolated", "--no-cache", "--line-length", "120", "."]
        for words in (["check", "--select", RULES, "--ignore", "RUF009"], ["format", "--check"]):
            command = [sys.executable, "-m", "ruff", *words, *usual]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{kind} {variant}: {done.stdout}{done.stderr}"


def test_without_a_name_the_variant_is_the_first_and_each_has_its_own_code(tmp_path: Path) -> None:
    for kind, variants in VARIANTS.items():
        new_plugin("mine", kind, tmp_path / kind)
        given = {}
        for variant in variants:
            new_plugin("mine", kind, tmp_path / variant, variant=variant)
            given[variant] = _written(tmp_path / variant)
        assert _written(tmp_path / kind) == given[variants[0]]
        assert len({texts["src/mine/__init__.py"] for texts in given.values()}) == len(variants)


def test_the_command_of_a_variant_names_partners_that_fit_it() -> None:
    assert "--gen adm_unet_tiny" in use_of("method", "mine", "diffusion")
    assert "--disc" in use_of("method", "mine", "gan") and "--disc" not in use_of("method", "mine", "regression")
    assert use_of("dataset", "mine", "importer").startswith("zoo data import mine ")


@pytest.mark.parametrize(
    ("kind", "variant", "told"),
    [
        ("method", "gann", "no variant 'gann' of kind method.*regression, .*diffusion, "),
        ("dataset", "gan", "synthetic, .*importer, .*needs `source`"),
        ("metric", "gan", "no variants of kind metric"),
    ],
)
def test_a_variant_that_is_not_there_is_refused_with_those_that_are(
    kind: str, variant: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        new_plugin("mine", kind, tmp_path / "new", variant=variant)
    assert not (tmp_path / "new").exists()


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
