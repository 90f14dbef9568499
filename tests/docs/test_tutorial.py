"""The tutorial's plugin is written, checked and used exactly as the page says."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial-plugin.md"
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
BLOCKS = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
INSTALL = "pip install -e ."


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package as the page writes it, with the metadata that `pip install` would leave."""
    root = tmp_path_factory.mktemp("tutorial")
    for name, text in BLOCKS.items():
        if "." in name and not name.startswith("fading/"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    info = root / "zoo_dilated-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: zoo-dilated\nVersion: 0.1.0\nRequires-Dist: thermal-zoo>=0.1\n"
    )
    (info / "entry_points.txt").write_text("[zoo.plugins]\ndilated = dilated\n")
    return root


def lines(block):
    return [shlex.split(line) for line in BLOCKS[block].splitlines() if line != INSTALL]


def typed(words, package, *more):
    environment = {**os.environ, "PYTHONPATH": str(package), "ZOO_STRICT": "1"}
    command = [sys.executable, "-m", "zoo", *words[1:], *more]
    return subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True, check=False)


def test_the_page_has_every_file_of_a_package():
    assert {"dilated/__init__.py", "dilated/network.py", "pyproject.toml", "tests/test_dilated.py"} <= BLOCKS.keys()
    assert INSTALL in BLOCKS["check"].splitlines()


@pytest.mark.parametrize("words", lines("check"), ids=" ".join)
def test_it_is_listed_and_passes_its_checks(package, words):
    done = typed(words, package, *(["--fast"] if "check" in words else []))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dilated" in done.stdout and "failed  " not in done.stdout


@pytest.mark.parametrize("words", lines("use"), ids=lambda words: " ".join(words[:4]))
def test_it_enters_a_grid(package, words):
    done = typed([*words, "--data", "scenes:train=4,test=2"], package)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dilated" in done.stdout


def test_its_test_file_runs_the_suite(package):
    environment = {**os.environ, "PYTHONPATH": str(package)}
    command = [sys.executable, "-m", "pytest", "-q", "--co", "-p", "no:cacheprovider", "tests/test_dilated.py"]
    done = subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "backward" in done.stdout and "dilated" in done.stdout


def test_the_method_passes_its_checks_and_its_runs_share_a_training(tmp_path, shell):
    files = {name: text for name, text in BLOCKS.items() if name.startswith("fading/")}
    assert len(files) == 2
    written = "\n".join(f"test -f {name} && cat > {name} <<'END'\n{text}END" for name, text in files.items())
    use = BLOCKS["use method"].replace("zoo check fading", "zoo check fading --fast")
    done = shell(tmp_path, f"{BLOCKS['new method']}{written}\n{use.replace('scenes', 'scenes:train=4,test=2')}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed  " not in done.stdout
    results = [line for line in done.stdout.splitlines() if line.startswith("fading")]
    assert len(results) >= 2
    records = [json.loads(path.read_text()) for path in tmp_path.glob("results/fading*/record.json")]
    assert len(records) == 2 and len({record["train_key"] for record in records}) == 1
