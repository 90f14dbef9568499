"""The command that reproduces a run: the recorded one, reduced to the run's parts if that gives the same recipe."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import cast

from zoo.composition import PresetName, choose_parts, choose_preset, choose_system
from zoo.errors import ZooError
from zoo.recipe import Recipe
from zoo.registry import get_registry, split_specs
from zoo.run.grid import Axes, System
from zoo.run.record import Record
from zoo.run.systems import fitted_parts, parts_text, recipe_parts

AXES = {"--recipe": "recipe", "--method": "method", "--gen": "generator", "--disc": "discriminator"}
"""Options of `zoo bench` that accept several values, and the field of `System` for each."""


def row_command(record: Record) -> str:
    """Return the command that trains and scores this run's system alone, with all seeds of the bench.

    If the parts give another recipe today (a plugin is not installed, a default changed), or the command is not a `zoo bench`
    with parts, the recorded command is returned unchanged.
    """
    try:
        words = shlex.split(record.command)
        given = _options(words)
        system = _system(given, record.recipe)
    except (ZooError, ValueError):
        return record.command
    if system is None:
        return record.command
    chosen = {option: getattr(system, part) for option, part in AXES.items()}
    chosen["--data"] = _data(given.get("--data", ""), record.recipe)
    return shlex.join(_replaced(words, {option: value for option, value in chosen.items() if value}))


def _system(given: dict[str, str], recipe: Recipe) -> System | None:
    """Return the combination of the given parts that is this recipe's, or None."""
    axes = tuple(given.get(option, "") for option in AXES)
    systems = _systems(axes, given.get("--preset", "quick"), given.get("--norm"), recipe.size)
    return systems.get(parts_text(recipe_parts(recipe)))


@lru_cache(maxsize=256)
def _systems(axes: tuple[str, ...], preset: str, norm: str | None, size: int) -> dict[bytes, System]:
    """Return the combinations of a bench by their parts at a size; cached, since the runs of a grid share them."""
    recipes, methods, generators, discriminators = map(split_specs, axes)
    bench = Axes(recipes=recipes, methods=methods, generators=generators, discriminators=discriminators)
    registry = get_registry()
    found: dict[bytes, System] = {}
    for system in bench.systems():
        config = choose_system(registry, **asdict(system), preset=preset)
        parts = choose_parts(registry, config, norm)
        choose_preset(cast(PresetName, preset), config, parts["method"].contract.training)
        found.setdefault(parts_text(fitted_parts(parts, size)), system)
    return found


def _data(text: str, recipe: Recipe) -> str:
    """Return the recipe's dataset among several; empty if it is ambiguous or the only one."""
    specs = split_specs(text)
    name = recipe.data.name
    fitting = [spec for spec in specs if name in (spec.partition(":")[0].rpartition("/")[2], Path(spec).name)]
    return fitting[0] if len(specs) > 1 and len(fitting) == 1 else ""


def _options(words: Sequence[str]) -> dict[str, str]:
    """Return the values of the options after `bench`, written `--name value` or `--name=value`.

    Raises:
        ValueError: the command is not a `zoo bench` with parts.
    """
    after = words[words.index("bench") + 1 :]
    found: dict[str, str] = {}
    for word, following in zip(after, [*after[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            found[name] = value if equals else following
    if "--table" in found:
        raise ValueError("the rows of a table are not given by options")
    return found


def _replaced(words: Sequence[str], values: dict[str, str]) -> list[str]:
    """Return the command with other values of the options that it has."""
    kept: list[str] = []
    skip = False
    for word in words:
        name, equals, _ = word.partition("=")
        if skip:
            skip = False
        elif name in values:
            kept += [f"{name}={values[name]}"] if equals else [name, values[name]]
            skip = not equals
        else:
            kept.append(word)
    return kept
