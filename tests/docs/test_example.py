"""The example of an outsider's package passes its own tests, and its README counts its lines; the guide's values are options."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.errors import UsageError
from zoo.registry import get_registry, parse

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/zoo-i2sb"
VALUES = (
    (ROOT / "docs/concepts.md").read_text(encoding="utf-8").partition("| value | written as |")[2].partition("\n\n")[0]
)


def test_the_example_passes_its_own_tests_and_every_check(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(EXAMPLE / "tests")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


def test_the_examples_readme_counts_its_lines() -> None:
    lines = {path.stem: path.read_text().count("\n") for path in (EXAMPLE / "src/i2sb").glob("*.py")}
    readme = " ".join((EXAMPLE / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"{sum(lines.values())} lines in {['zero', 'one', 'two', 'three', 'four', 'five'][len(lines)]} files" in readme
    )
    for name, what in {"__init__": "describe the part", "config": "are its options", "bridge": "the bridge"}.items():
        assert f"{lines[name]} {what}" in readme
    assert f"{lines['method']} the training and the sampler" in readme


@pytest.mark.parametrize("name", re.findall(r"`((?:\w+/)?\w+:\w+=[^`]+)`", VALUES))
def test_every_example_of_a_value_in_the_guide_is_taken(name: str) -> None:
    found = []
    for kind in ("generator", "method", "metric"):
        try:
            found.append(get_registry().find(kind, name))
        except UsageError:
            continue
    (choice,) = found
    ((option, text),) = parse(name)[2].items()
    value = getattr(choice.config, option)
    shown = "+".join(map(str, value)) if isinstance(value, tuple) and "x" not in text else str(value).lower()
    if isinstance(value, float):
        assert value == float(text)
    elif isinstance(value, tuple) and "x" in text:
        assert "x".join(map(str, value)) == text
    else:
        assert shown == text


def test_the_guide_shows_several_values_one_and_none() -> None:
    assert {"cut:layers=0+4+8", "cut:layers=4", "timm/unet:size=none"} <= set(re.findall(r"`([^`]+)`", VALUES))
