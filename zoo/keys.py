"""The names and keys of runs: `train_key` hashes what decides a training's weights. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from zoo.composition import digest
from zoo.content import with_contents
from zoo.environment import inference_options, option_files, provenance, values_of
from zoo.recipe import Part, Recipe
from zoo.registry import get_registry
from zoo.sizes import size_text

LATER: Mapping[str, object] = {
    "flip": True,
    "decay_crop": True,
    "accumulate": 1,
    "validation": None,
    "split": "test",
}
"""Fields that recipes did not have at first, with what was done then: with these values they are no part of a key."""
LONGEST_NAME, LONGEST_OPTIONS, LONGEST_VALUE = 200, 80, 16
"""Bytes of a folder's name before its key (file systems take 255), of the options of translation in it, and of one's value."""
NO_VALUES: Mapping[str, Any] = MappingProxyType({})


def folder_name(recipe: Recipe, key: str, inference: Mapping[str, Any] = NO_VALUES) -> str:
    """Return the name of a run's folder, from which a person reads the recipe and a bench finds the run.

    It ends in the start of the train key: runs that differ only in options of translation, `inference`, end alike.
    """
    return f"{readable_name(recipe, inference)}-{key[:8]}"


def train_key(recipe: Recipe, *, world_size: int = 1, fetch: bool = False) -> str:
    """Return the hash of what decides a training's weights: the recipe with the contents of files that its options name, its
    plugins' versions and sources, precision, processes. Options that only translation reads are no part of it.

    With `fetch` published weights from which the training starts are downloaded where this machine lacks them.
    """
    return key_of(
        asdict(recipe),
        provenance(recipe),
        world_size=world_size,
        files=option_files(recipe, fetch=fetch),
        inference=inference_options(recipe),
    )


def inference_values(recipe: Recipe) -> dict[str, Any]:
    """Return the options that only translation reads, by `KIND.OPTION`, with the SHA-256 of files in place of paths."""
    return values_of(recipe, inference_options(recipe), option_files(recipe))


def key_of(
    recipe: Mapping[str, Any],
    plugins: object,
    *,
    world_size: int = 1,
    files: Mapping[str, str] = NO_VALUES,
    inference: Collection[str] = (),
) -> str:
    """Return the train key of a recipe, its plugins' provenance, the SHA-256 of files that options name (`option_files`) and the
    options that do not count (`inference_options`), as they are or as a record's JSON has them."""
    for kind in {place.partition(".")[0] for place in (*files, *inference)}:
        part = recipe.get(kind)
        if isinstance(part, dict):  # a record may say anything
            config = with_contents(part.get("config", {}), files, f"{kind}.")
            config = {option: value for option, value in config.items() if f"{kind}.{option}" not in inference}
            recipe = {**recipe, kind: {**part, "config": config}}
    # The precision stands beside the recipe, and what older recipes did not say counts only where it is not the default: keys of
    # older records hold.
    usual = LATER.items()
    described = {name: value for name, value in recipe.items() if name != "precision" and (name, value) not in usual}
    return digest([described, plugins, recipe.get("precision", "fp32"), world_size])


def readable_name(recipe: Recipe, inference: Mapping[str, Any] = NO_VALUES) -> str:
    """Return a folder name that a person can read: method, parts, data, size, budget, seed, options of translation."""
    parts = [recipe.method, recipe.generator, recipe.discriminator]
    names = [recipe.program] if recipe.program else [qualified(part) for part in parts if part]
    if recipe.normalizer and qualified(recipe.normalizer) != "none":
        names[-1] += f"_{qualified(recipe.normalizer)}"
    period = recipe.budget.period
    size = f"{size_text(recipe.size)}px" if recipe.size else "own-size"
    length = f"{recipe.budget.steps // period}e" if period > 1 else f"{recipe.budget.steps}it"
    precision = [recipe.precision] if recipe.precision != "fp32" else []
    trained = [length, *precision, f"s{recipe.seed}"] if recipe.budget.steps else []
    split = [recipe.split] if recipe.split != "test" else []
    text = "-".join([*names, recipe.data.name, *split, size, *trained])
    options = "".join(f"-{place.partition('.')[2]}{_short(value)}" for place, value in inference.items())
    if len(options) > LONGEST_OPTIONS:
        options = f"-{digest(inference)[:8]}"
    return re.sub(r"[^\w.-]", "_", text).encode()[: LONGEST_NAME - len(options)].decode(errors="ignore") + options


def _short(value: object) -> str:
    """Return an option's value as a part of a file's name, of other values than short words and numbers a hash."""
    text = str(value).lower() if isinstance(value, bool | None) else str(value)
    return text if re.fullmatch(rf"[a-z0-9_.-]{{1,{LONGEST_VALUE}}}", text) else digest(value)[:8]


def qualified(part: Part) -> str:
    """Return a component's name, with its plugin's unless that is zoo's own: the same whatever else is installed."""
    plugin, _, name = part.name.partition("/")
    return name if any(own.name == plugin and own.builtin for own in get_registry().plugins) else part.name
