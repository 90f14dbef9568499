"""The grid: a product of axes, every run composed and so checked before any of them runs. Imports no torch."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from zoo.compatibility import check_sizes, check_transfer
from zoo.composition import Chosen, PresetName, choose, compose_chosen
from zoo.environment import option_files, provenance
from zoo.errors import RefusedError, UsageError
from zoo.keys import folder_name, key_of
from zoo.recipe import Precision, Recipe, choice_of
from zoo.registry import get_registry
from zoo.sources import DataSource, Progress, open_source


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What `zoo bench` was asked for."""

    recipes: Sequence[str] = ()
    """Complete systems by name, in place of the three axes that follow."""
    generators: Sequence[str] = ()
    discriminators: Sequence[str] = ()
    methods: Sequence[str] = ()
    data: Sequence[str] = ("scenes",)
    tests: Sequence[str] = ()
    """Datasets to score every run on, in place of its own test split."""
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
                raise UsageError(
                    "`recipe` and `generator`, `discriminator` or `method` were both given", "Give one of them"
                )
            return [System(recipe=recipe) for recipe in self.recipes]
        unnamed: Sequence[str | None] = (None,)
        axes = itertools.product(self.methods or unnamed, self.generators or unnamed, self.discriminators or unnamed)
        return [
            System(method=method, generator=generator, discriminator=discriminator)
            for method, generator, discriminator in axes
        ]

    def choose(self, system: System) -> Chosen:
        """Return the installed components that a system's names mean.

        Raises:
            UsageError: a name or an option is wrong.
        """
        return choose(**asdict(system), norm=self.norm, preset=self.preset)


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
    tests: tuple[DataSource, ...] = ()
    """Datasets to score it on, in place of its own test split."""

    @property
    def scores_own(self) -> bool:
        """Whether it is scored on the test split of its own dataset."""
        return not self.tests or any(test.fingerprint == self.source.fingerprint for test in self.tests)

    @property
    def other_tests(self) -> list[DataSource]:
        """The datasets to score it on that are not its own."""
        return [test for test in self.tests if test.fingerprint != self.source.fingerprint]

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
    systems = axes.systems()
    chosen = {system: axes.choose(system) for system in systems}
    together = [get_registry().find("metric", spec) for spec in metrics]
    together += [part for each in chosen.values() for part in each.parts.values()]
    sizes: dict[System, int] = {}
    refusals: list[Refusal] = []
    for system, each in chosen.items():
        size = each.size(axes.size)
        try:
            check_sizes(each.parts, size, together)
        except RefusedError as error:
            refusals.append(Refusal(label=str(system), reason=str(error)))
        else:
            sizes[system] = size
    combinations = list(itertools.product(axes.data, sizes))
    sources = {
        (name, size): open_source(name, size=size, progress=progress)
        for name, size in dict.fromkeys(
            (name, sizes[system]) for data, system in combinations for name in (data, *axes.tests)
        )
    }
    runs: dict[str, PlannedRun] = {}
    seeds = range(axes.first_seed, axes.first_seed + axes.seeds)
    for data, system in combinations:
        try:
            made = plan_runs(chosen[system], sources[data, sizes[system]], axes, seeds, out)
        except RefusedError as error:
            refusals.append(Refusal(label=f"{system} on {data}", reason=str(error)))
        else:
            runs |= {run.train_key: run for run in made}
    if not axes.tests:
        return list(runs.values()), refusals
    planned = []
    for run in runs.values():
        try:
            planned.append(score_on(run, [(name, sources[name, run.recipe.size]) for name in axes.tests]))
        except RefusedError as error:
            refusals.append(Refusal(label=run.label, reason=str(error)))
    return planned, refusals


def score_on(run: PlannedRun, tests: Sequence[tuple[str, DataSource]]) -> PlannedRun:
    """Return a run that is scored on these datasets only, with their names in the request.

    Raises:
        UsageError: two of them are the same.
        RefusedError: the run cannot be tested on one.
    """
    names: dict[str, str] = {}
    for name, test in tests:
        if test.fingerprint in names:
            raise UsageError(f"`test_data` names {names[test.fingerprint]} and {name}, which are the same dataset")
        names[test.fingerprint] = name
    tested = replace(run, tests=tuple(test for _, test in tests))
    for test in tested.other_tests:
        check_transfer({kind: choice_of(kind, part) for kind, part in run.recipe.parts.items()}, run.source.info, test)
    return tested


def join_tests(one: PlannedRun, other: PlannedRun) -> PlannedRun:
    """Return a run that is scored on the datasets of both plans of it."""
    if not (one.tests or other.tests):
        return one
    tests = {test.fingerprint: test for run in (one, other) for test in run.tests or (run.source,)}
    return replace(one, tests=tuple(tests.values()))


def plan_runs(chosen: Chosen, source: DataSource, axes: Axes, seeds: Iterable[int], out: Path) -> list[PlannedRun]:
    """Return a system's runs in a results folder, one a seed; of the axes, what is common to all systems is read.

    Raises:
        UsageError: a name, option or number is wrong.
        RefusedError: the parts cannot work together, or not on this data.
    """
    recipe = compose_chosen(
        chosen,
        source,
        size=axes.size,
        steps=axes.steps,
        epochs=axes.epochs,
        batch=axes.batch,
        seed=axes.first_seed,
        thermal_channels=axes.thermal_channels,
        precision=axes.precision,
    )
    # What has no network is fitted, and by one process.
    processes = axes.processes if recipe.generator or recipe.discriminator else 1
    if recipe.batch % processes:
        raise UsageError(
            f"a batch of {recipe.batch} cannot be divided equally among {processes} processes",
            f"Use `batch`={processes} or a multiple of it",
        )
    runs, described, plugins, files = [], asdict(recipe), provenance(recipe), option_files(recipe)
    for seed in seeds:
        own = replace(recipe, seed=seed)
        key = key_of(described | {"seed": seed}, plugins, world_size=processes, files=files)
        folder = out / folder_name(own, key)
        runs.append(PlannedRun(recipe=own, source=source, folder=folder, train_key=key, processes=processes))
    return runs
