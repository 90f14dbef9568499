"""The grid: a product of axes, every cell composed and so checked before any of them runs. Imports no torch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from zoo.bench.environment import provenance
from zoo.composition import PRESETS, PresetName, choose_parts, compose, digest
from zoo.errors import RefusedError
from zoo.recipe import Part, Recipe
from zoo.registry import get_registry
from zoo.sources import DataSource, Progress, open_source


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What `zoo bench` was asked for."""

    generators: Sequence[str]
    discriminators: Sequence[str]
    methods: Sequence[str] = ("cyclegan",)
    data: Sequence[str] = ("scenes",)
    norm: str | None = None
    preset: PresetName = "quick"
    size: int | None = None
    steps: int | None = None
    epochs: int | None = None
    batch: int = 1
    seeds: int = 1
    thermal_channels: int = 1

    @property
    def pixels(self) -> int:
        """Image size of every cell."""
        return self.size if self.size is not None else PRESETS[self.preset].size


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One recipe of a grid, the data that it reads and the folder that it leaves."""

    recipe: Recipe
    source: DataSource
    folder: Path
    train_key: str

    @property
    def label(self) -> str:
        """Short name for progress lines."""
        return self.folder.name.rpartition("-")[0]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A combination that cannot work, and why."""

    label: str
    reason: str


def expand(axes: Axes, out: Path, progress: Progress | None = None) -> tuple[list[Cell], list[Refusal]]:
    """Return the cells of a grid and the combinations that were refused; equal recipes are one cell.

    Raises:
        UsageError: a name, option or number is wrong. Names are looked up before any dataset is read.
    """
    combinations = list(itertools.product(axes.data, axes.methods, axes.generators, axes.discriminators))
    for _, method, generator, discriminator in combinations:
        choose_parts(get_registry(), method=method, generator=generator, discriminator=discriminator, norm=axes.norm)
    sources = {name: open_source(name, size=axes.pixels, progress=progress) for name in axes.data}
    cells: dict[str, Cell] = {}
    refusals: list[Refusal] = []
    for (data, method, generator, discriminator), seed in itertools.product(combinations, range(axes.seeds)):
        try:
            recipe = compose(
                generator=generator,
                discriminator=discriminator,
                norm=axes.norm,
                method=method,
                data=sources[data],
                preset=axes.preset,
                size=axes.size,
                steps=axes.steps,
                epochs=axes.epochs,
                batch=axes.batch,
                seed=seed,
                thermal_channels=axes.thermal_channels,
            )
        except RefusedError as error:
            refusal = Refusal(label=f"{method} {generator} {discriminator} on {data}", reason=str(error))
            if refusal not in refusals:
                refusals.append(refusal)
            continue
        key = train_key(recipe)
        cells[key] = Cell(recipe=recipe, source=sources[data], folder=out / f"{slug(recipe)}-{key[:8]}", train_key=key)
    return list(cells.values()), refusals


def train_key(recipe: Recipe, *, precision: str = "fp32", world_size: int = 1) -> str:
    """Return the hash of what decides a training's weights: the recipe, its plugins' versions, precision, processes."""
    return digest([asdict(recipe), provenance(recipe), precision, world_size])


def slug(recipe: Recipe) -> str:
    """Return a folder name that a person can read: method, parts, data, size, budget, seed."""
    parts = [recipe.method, recipe.generator, recipe.discriminator]
    names = [_bare(part) for part in parts if part]
    if recipe.normalizer and _bare(recipe.normalizer) != "none":
        names[-1] += f"_{_bare(recipe.normalizer)}"
    period = recipe.budget.period
    length = f"{recipe.budget.steps // period}e" if period > 1 else f"{recipe.budget.steps}it"
    text = "-".join([*names, recipe.data.name, f"{recipe.size}px", length, f"s{recipe.seed}"])
    return re.sub(r"[^\w.-]", "_", text)


def _bare(part: Part) -> str:
    return part.name.partition("/")[2]
