"""What third parties build on changes only on purpose."""

import ast
import importlib.util
import json
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("api", Path(__file__).with_name("api.py"))
api = importlib.util.module_from_spec(spec)
spec.loader.exec_module(api)
KEPT = json.loads(api.SNAPSHOT.read_text(encoding="utf-8"))
NOW = api.describe()
HOW = "say so in the CHANGELOG, bump the version, and run: python tests/contracts/api.py"


@pytest.mark.parametrize("part", ["modules", "commands"])
def test_names_and_signatures_are_those_of_the_snapshot(part):
    kept, now = KEPT[part], NOW[part]
    changed = sorted(name for name in kept.keys() | now.keys() if kept.get(name) != now.get(name))
    assert not changed, f"the public API changed in {', '.join(changed)}: {HOW}"


def test_plugins_import_only_frozen_modules_of_layers_and_checkpoints():
    imported = {
        node.module
        for file in Path(__file__).parents[2].joinpath("plugins").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("zoo.layers", "zoo.checkpoints"))
    }
    assert imported and imported <= set(api.PUBLIC)


def test_rows_only_gain_fields_with_defaults():
    from dataclasses import MISSING, fields

    from zoo.hookspec import CheckpointFormat, Component, Contract, RecipeConfig, Weights

    first = {
        Component: {"kind", "name", "target", "config", "summary"},
        Contract: set(),
        RecipeConfig: {"method"},
        Weights: {"name", "summary", "train", "dataset"},
        CheckpointFormat: {"name", "summary", "origin", "tensors"},
    }
    for row, needed in first.items():
        required = {one.name for one in fields(row) if one.default is MISSING and one.default_factory is MISSING}
        assert required <= needed, f"{row.__name__}: old plugins do not give {required - needed}; {HOW}"
