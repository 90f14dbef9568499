"""The command that reproduces a run: the recorded one, reduced to the run's parts if that gives the same recipe."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

from zoo.composition import parts_text, resolve_parts
from zoo.errors import ZooError
from zoo.presets import PresetName
from zoo.recipe import Recipe
from zoo.records.record import Record
from zoo.registry import split_specs
from zoo.run.grid import Axes, System
from zoo.sizes import Size

AXES = {"--recipe": "recipe", "--method": "method", "--gen": "generator", "--disc": "discriminator"}
"""Options of `zoo bench` that accept several values, and the field of `System` for each."""


def row_command(record: Record) -> str:
    """Return the command that trains and scores this run's system alone, with all seeds of the bench.

    If the parts give another recipe today (a plugin is not installed, a default changed), or the command is not a `zoo bench`
    with parts, the recorded command is returned unchanged.
    """
    try:
        words = shlex.split(record.command)
        options = _find_options(words)
        values = {name: words[index].removeprefix(prefix) for name, (index, prefix) in options.items()}
        system = _system(values, record.recipe)
    except (ZooError, ValueError):
        return record.command
    if system is None:
        return record.command
    chosen = {option: getattr(system, part) for option, part in AXES.items()}
    chosen["--data"] = _dataset(values.get("--data", ""), record.recipe)
    for option, value in chosen.items():
        if value and option in options:
            index, prefix = options[option]
            words[index] = prefix + value
    return shlex.join(words)


def _find_options(words: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Return the position and prefix of each option's value after `bench`, for `--name value` and `--name=value`.

    Raises:
        ValueError: the command is not a `zoo bench` with parts.
    """
    found: dict[str, tuple[int, str]] = {}
    start = words.index("bench") + 1
    for index, word in enumerate(words[start:], start):
        name, equals, _ = word.partition("=")
        if name.startswith("--") and (equals or index + 1 < len(words)):
            found[name] = (index, f"{name}=") if equals else (index + 1, "")
    if "--table" in found:
        raise ValueError("the rows of a table are not given by options")
    return found


def _system(values: Mapping[str, str], recipe: Recipe) -> System | None:
    """Return the combination of the given parts that is this recipe's, or None."""
    axes = tuple(values.get(option, "") for option in AXES)
    systems = _systems(axes, values.get("--preset", "quick"), values.get("--norm"), recipe.size)
    return systems.get(parts_text(recipe.parts))


@lru_cache(maxsize=256)
def _systems(axes: tuple[str, ...], preset: str, norm: str | None, size: Size) -> dict[bytes, System]:
    """Return the combinations of a bench by their parts at a size; cached, since the runs of a grid share them."""
    recipes, methods, generators, discriminators = map(split_specs, axes)
    bench = Axes(
        recipes=recipes,
        methods=methods,
        generators=generators,
        discriminators=discriminators,
        norm=norm,
        preset=cast(PresetName, preset),
    )
    found: dict[bytes, System] = {}
    for system in bench.systems():
        found.setdefault(parts_text(resolve_parts(bench.choose(system).parts, size)), system)
    return found


def _dataset(text: str, recipe: Recipe) -> str:
    """Return the recipe's dataset among several; empty if it is ambiguous or the only one."""
    specs = split_specs(text)
    name = recipe.data.name
    fitting = [spec for spec in specs if name in (spec.partition(":")[0].rpartition("/")[2], Path(spec).name)]
    return fitting[0] if len(specs) > 1 and len(fitting) == 1 else ""
