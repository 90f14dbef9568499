"""The command that reproduces a row: the bench's, narrowed to the row where it is sure to mean the same recipe."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

from zoo.composition import PresetName, parts_text, resolve_parts
from zoo.errors import ZooError
from zoo.recipe import Recipe
from zoo.registry import split_specs
from zoo.run.grid import Axes, System
from zoo.run.record import Record

AXES = {"--recipe": "recipe", "--method": "method", "--gen": "generator", "--disc": "discriminator"}
"""Options of `zoo bench` that take several parts, and the part of a system that each names."""


def row_command(record: Record) -> str:
    """Return the command that trains and scores this row alone, with as many seeds as the bench had.

    The parts are looked up as the bench did; where that gives another recipe today (a plugin is gone, a default
    changed) or the command is none of `zoo bench` with parts, the recorded command is returned as it is.
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
    data = _data(given.get("--data", ""), record.recipe)
    narrowed = {option: value for option, value in chosen.items() if value} | ({"--data": data} if data else {})
    return shlex.join(_replaced(words, narrowed))


def _system(given: dict[str, str], recipe: Recipe) -> System | None:
    """Return the combination of the named parts that is this recipe's, None where no combination is."""
    axes = tuple(given.get(option, "") for option in AXES)
    systems = _systems(axes, given.get("--preset", "quick"), given.get("--norm"), recipe.size)
    return systems.get(parts_text(recipe.parts))


@lru_cache(maxsize=256)
def _systems(axes: tuple[str, ...], preset: str, norm: str | None, size: int) -> dict[bytes, System]:
    """Return the combinations that a bench names, by their parts at a size; the runs of a grid all ask for the same."""
    recipes, methods, generators, discriminators = map(split_specs, axes)
    named = Axes(
        recipes=recipes,
        methods=methods,
        generators=generators,
        discriminators=discriminators,
        norm=norm,
        preset=cast(PresetName, preset),
    )
    found: dict[bytes, System] = {}
    for system in named.systems():
        found.setdefault(parts_text(resolve_parts(named.choose(system).parts, size)), system)
    return found


def _data(text: str, recipe: Recipe) -> str:
    """Return the one dataset of several that can be the recipe's; empty where that is not sure or there is no choice."""
    specs = split_specs(text)
    name = recipe.data.name
    fitting = [spec for spec in specs if name in (spec.partition(":")[0].rpartition("/")[2], Path(spec).name)]
    return fitting[0] if len(specs) > 1 and len(fitting) == 1 else ""


def _options(words: Sequence[str]) -> dict[str, str]:
    """Return the values of the options after `bench`, written `--name value` or `--name=value`.

    Raises:
        ValueError: the command is not of `zoo bench`, or runs a table.
    """
    after = words[words.index("bench") + 1 :]
    found: dict[str, str] = {}
    for word, following in zip(after, [*after[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            found[name] = value if equals else following
    if "--table" in found:
        raise ValueError("a table's rows are no product of parts")
    return found


def _replaced(words: Sequence[str], narrowed: dict[str, str]) -> list[str]:
    """Return the command with these options in the place of its own; what it does not name, it goes without."""
    kept: list[str] = []
    skip = False
    for word in words:
        name, equals, _ = word.partition("=")
        if skip:
            skip = False
        elif name in narrowed:
            kept += [f"{name}={narrowed[name]}"] if equals else [name, narrowed[name]]
            skip = not equals
        else:
            kept.append(word)
    return kept
