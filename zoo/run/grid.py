"""The grid: a product of axes, every run composed and so checked before any of them runs. Imports no torch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from zoo.compatibility import check_sizes
from zoo.composition import PresetName, choose_parts, choose_preset, choose_system, compose, digest
from zoo.content import with_contents
from zoo.errors import RefusedError, UsageError
from zoo.recipe import Precision, Recipe
from zoo.registry import get_registry
from zoo.run.environment import option_files, provenance
from zoo.run.naming import qualified
from zoo.sources import DataSource, Progress, open_source

LATER: Mapping[str, object] = {"flip": True, "decay_crop": True}
"""Fields that recipes did not have at first, with what was done then."""
LONGEST_SLUG = 200
"""Bytes of a folder's name before its key; file systems take 255."""


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What `zoo bench` was asked for."""

    recipes: Sequence[str] = ()
    """Complete systems by name, in place of the three axes that follow."""
    generators: Sequence[str] = ()
    discriminators: Sequence[str] = ()
    methods: Sequence[str] = ()
    data: Sequence[str] = ("scenes",)
    norm: str | None = None
    preset: PresetName = "quick"
    size: int | None = None
    steps: int | None = None
    epochs: int | None = None
    batch: int | None = None
    seeds: int = 1
    first_seed: int = 0
    thermal_channels: int = 1
    precision: Precision = "fp32"
    processes: int = 1
    """That train one run together."""

    def systems(self) -> list[System]:
        """Return the recipes, or every combination of method, generator and discriminator."""
        if self.recipes:
            parts = (self.generators, self.discriminators, self.methods)
            if any(parts):
                raise UsageError("--recipe and --gen, --disc or --method were both given", "Give one of them")
            return [System(recipe=recipe) for recipe in self.recipes]
        unnamed: Sequence[str | None] = (None,)
        axes = itertools.product(self.methods or unnamed, self.generators or unnamed, self.discriminators or unnamed)
        return [
            System(method=method, generator=generator, discriminator=discriminator)
            for method, generator, discriminator in axes
        ]


@dataclass(frozen=True, kw_only=True)
class System:
    """What is compared: a recipe by name, or its parts; None where the user named none."""

    recipe: str | None = None
    method: str | None = None
    generator: str | None = None
    discriminator: str | None = None

    def __str__(self) -> str:
        words = (self.recipe, self.method, self.generator, self.discriminator)
        return " ".join(word for word in words if word)


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One recipe of a grid, the data that it reads and the folder that it leaves."""

    recipe: Recipe
    source: DataSource
    folder: Path
    train_key: str
    processes: int = 1
    """That train it together."""

    @property
    def label(self) -> str:
        """Short name for progress lines."""
        return self.folder.name.rpartition("-")[0]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A combination that cannot work, and why."""

    label: str
    reason: str


def expand(
    axes: Axes, out: Path, progress: Progress | None = None, metrics: Sequence[str] = ()
) -> tuple[list[PlannedRun], list[Refusal]]:
    """Return the runs of a grid and the combinations that were refused; equal recipes are one run.

    `metrics` are what the runs will be scored with: a size that is advised suits these too.

    Raises:
        UsageError: a name, option or number is wrong. Names and sizes are checked before any dataset is read.
    """
    systems, registry = axes.systems(), get_registry()
    sizes: dict[System, int] = {}
    refusals: list[Refusal] = []
    configs = [choose_system(registry, **asdict(system), preset=axes.preset) for system in systems]
    chosen = [choose_parts(registry, config, axes.norm) for config in configs]
    together = [registry.find("metric", spec) for spec in metrics] + [
        part for parts in chosen for part in parts.values()
    ]
    for system, config, parts in zip(systems, configs, chosen, strict=True):
        preset = choose_preset(axes.preset, config, parts["method"].contract.training)
        size = axes.size if axes.size is not None else preset.size
        try:
            check_sizes(parts, size, together)
        except RefusedError as error:
            refusals.append(Refusal(label=str(system), reason=str(error)))
        else:
            sizes[system] = size
    combinations = list(itertools.product(axes.data, sizes))
    sources = {
        (name, size): open_source(name, size=size, progress=progress)
        for name, size in dict.fromkeys((name, sizes[system]) for name, system in combinations)
    }
    runs: dict[str, PlannedRun] = {}
    seeds = range(axes.first_seed, axes.first_seed + axes.seeds)
    for data, system in combinations:
        try:
            made = plan_runs(system, sources[data, sizes[system]], axes, seeds, out)
        except RefusedError as error:
            refusals.append(Refusal(label=f"{system} on {data}", reason=str(error)))
        else:
            runs |= {run.train_key: run for run in made}
    return list(runs.values()), refusals


def plan_runs(system: System, source: DataSource, axes: Axes, seeds: Iterable[int], out: Path) -> list[PlannedRun]:
    """Return a system's runs in a results folder, one a seed; of the axes, what is common to all systems is read.

    Raises:
        UsageError: a name, option or number is wrong.
        RefusedError: the parts cannot work together, or not on this data.
    """
    recipe = compose(
        **asdict(system),
        norm=axes.norm,
        data=source,
        preset=axes.preset,
        size=axes.size,
        steps=axes.steps,
        epochs=axes.epochs,
        batch=axes.batch,
        thermal_channels=axes.thermal_channels,
        precision=axes.precision,
    )
    # What has no network is fitted, and by one process.
    processes = axes.processes if recipe.generator or recipe.discriminator else 1
    if recipe.batch % processes:
        raise UsageError(
            f"a batch of {recipe.batch} cannot be divided equally among {processes} processes",
            f"Type --batch {processes} or a multiple of it",
        )
    runs, described, plugins, files = [], asdict(recipe), provenance(recipe), option_files(recipe)
    for seed in seeds:
        own = replace(recipe, seed=seed)
        key = key_of(described | {"seed": seed}, plugins, world_size=processes, files=files)
        folder = out / folder_name(own, key)
        runs.append(PlannedRun(recipe=own, source=source, folder=folder, train_key=key, processes=processes))
    return runs


def folder_name(recipe: Recipe, key: str) -> str:
    """Return the name of a run's folder, from which a person reads the recipe and a bench knows the run."""
    return f"{slug(recipe)}-{key[:8]}"


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


def slug(recipe: Recipe) -> str:
    """Return a folder name that a person can read: method, parts, data, size, budget, seed."""
    parts = [recipe.method, recipe.generator, recipe.discriminator]
    names = [qualified(part) for part in parts if part]
    if recipe.normalizer and qualified(recipe.normalizer) != "none":
        names[-1] += f"_{qualified(recipe.normalizer)}"
    period = recipe.budget.period
    length = f"{recipe.budget.steps // period}e" if period > 1 else f"{recipe.budget.steps}it"
    precision = [recipe.precision] if recipe.precision != "fp32" else []
    text = "-".join([*names, recipe.data.name, f"{recipe.size}px", length, *precision, f"s{recipe.seed}"])
    return re.sub(r"[^\w.-]", "_", text).encode()[:LONGEST_SLUG].decode(errors="ignore")
