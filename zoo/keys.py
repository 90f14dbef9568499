"""The names and keys of runs: `train_key` hashes what decides a training's weights. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from zoo.composition import digest
from zoo.content import with_contents
from zoo.environment import option_files, provenance
from zoo.recipe import Part, Recipe
from zoo.registry import get_registry

LATER: Mapping[str, object] = {"flip": True, "decay_crop": True}
"""Fields that recipes did not have at first, with what was done then."""
LONGEST_NAME = 200
"""Bytes of a folder's name before its key; file systems take 255."""


def folder_name(recipe: Recipe, key: str) -> str:
    """Return the name of a run's folder, from which a person reads the recipe and a bench knows the run."""
    return f"{readable_name(recipe)}-{key[:8]}"


def train_key(recipe: Recipe, *, world_size: int = 1) -> str:
    """Return the hash of what decides a training's weights: the recipe with the contents of files that its options name, its
    plugins' versions and sources, precision, processes."""
    return key_of(asdict(recipe), provenance(recipe), world_size=world_size, files=option_files(recipe))


def key_of(
    recipe: Mapping[str, Any], plugins: object, *, world_size: int = 1, files: Mapping[str, str] | None = None
) -> str:
    """Return the train key of a recipe, its plugins' provenance and the SHA-256 of files that options name (`option_files`),
    as they are or as a record's JSON has them."""
    for kind in {place.partition(".")[0] for place in files or {}}:
        part = recipe.get(kind)
        if files and isinstance(part, dict):  # a record may say anything
            config = with_contents(part.get("config", {}), files, f"{kind}.")
            recipe = {**recipe, kind: {**part, "config": config}}
    # The precision stands beside the recipe, and what older recipes did not say counts only where it is not the default: keys of
    # older records hold.
    usual = LATER.items()
    described = {name: value for name, value in recipe.items() if name != "precision" and (name, value) not in usual}
    return digest([described, plugins, recipe.get("precision", "fp32"), world_size])


def readable_name(recipe: Recipe) -> str:
    """Return a folder name that a person can read: method, parts, data, size, budget, seed."""
    parts = [recipe.method, recipe.generator, recipe.discriminator]
    names = [recipe.program] if recipe.program else [qualified(part) for part in parts if part]
    if recipe.normalizer and qualified(recipe.normalizer) != "none":
        names[-1] += f"_{qualified(recipe.normalizer)}"
    period = recipe.budget.period
    size = f"{recipe.size}px" if recipe.size else "own-size"
    length = f"{recipe.budget.steps // period}e" if period > 1 else f"{recipe.budget.steps}it"
    precision = [recipe.precision] if recipe.precision != "fp32" else []
    trained = [length, *precision, f"s{recipe.seed}"] if recipe.budget.steps else []
    text = "-".join([*names, recipe.data.name, size, *trained])
    return re.sub(r"[^\w.-]", "_", text).encode()[:LONGEST_NAME].decode(errors="ignore")


def qualified(part: Part) -> str:
    """Return a component's name, with its plugin's unless that is zoo's own: the same whatever else is installed."""
    plugin, _, name = part.name.partition("/")
    return name if any(own.name == plugin and own.builtin for own in get_registry().plugins) else part.name
