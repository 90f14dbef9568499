"""The examples in docstrings print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [*(ROOT / "zoo").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]


def module_of(path):
    package, *inner = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([{"plugins": "zoo_plugins"}.get(package, package), *inner]).removesuffix(".__init__")


WITH_EXAMPLES = sorted(module_of(path) for path in FILES if ">>> " in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_print_what_the_docstring_says(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_examples_are_found():
    assert "zoo.layers.pixels" in WITH_EXAMPLES
