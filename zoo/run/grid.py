"""The grid: a product of axes, every run composed and so checked before any of them runs. Imports no torch."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from zoo.choices import Choice
from zoo.compatibility import check, check_sizes, check_transfer
from zoo.composition import Chosen, Settings, choose, compose_chosen
from zoo.data.union import scored_info
from zoo.environment import inference_options, option_files, provenance, values_of
from zoo.errors import RefusedError, UsageError
from zoo.keys import folder_name, key_of
from zoo.presets import PresetName
from zoo.recipe import choice_of, choices_of
from zoo.records.job import PlannedRun, score_name
from zoo.registry import get_registry
from zoo.sizes import Size
from zoo.sources import DataSource, Progress, open_source


@dataclass(frozen=True, kw_only=True)
class Axes(Settings):
    """What `zoo bench` was asked for."""

    recipes: Sequence[str] = ()
    """Complete systems by name, beside the combinations of the three axes that follow."""
    generators: Sequence[str] = ()
    discriminators: Sequence[str] = ()
    methods: Sequence[str] = ()
    data: Sequence[str] = ("scenes",)
    tests: Sequence[str] = ()
    """Datasets to score every run on, in place of its own test split."""
    norm: str | None = None
    preset: PresetName = "quick"
    seeds: int = 1
    """Trainings of each system; `seed` is that of the first."""
    processes: int = 1
    """That train one run together."""
    baselines: bool = False
    """Whether null baselines run beside networks."""

    @property
    def is_quick(self) -> bool:
        """Whether this is preset `quick` as it stands, whose networks are narrow: no size, steps or epochs of the user's."""
        return self.preset == "quick" and self.size is None and self.steps is None and self.epochs is None

    def systems(self) -> list[System]:
        """Return the recipes, and every combination of method, generator and discriminator where one is named or no recipe is."""
        named = [System(recipe=recipe) for recipe in self.recipes]
        if named and not (self.generators or self.discriminators or self.methods):
            return named
        unnamed: Sequence[str | None] = (None,)
        axes = itertools.product(self.methods or unnamed, self.generators or unnamed, self.discriminators or unnamed)
        combined = (System(method=method, generator=generator, discriminator=disc) for method, generator, disc in axes)
        return [*named, *combined]

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
class Refusal:
    """A combination that cannot work, and why."""

    label: str
    reason: str


def expand(
    axes: Axes, out: Path, progress: Progress | None = None, metrics: Sequence[str] = ()
) -> tuple[list[PlannedRun], list[Refusal]]:
    """Return the runs of a grid and the combinations that were refused; equal recipes are one run.

    Null baselines come last, on the data and at the sizes of networks; one that the data does not suit is left out.
    `metrics` are what the runs will be scored with: a size that is advised suits these too.

    Raises:
        UsageError: a name, option or number is wrong. Names and sizes are checked before any dataset is read.
    """
    systems = axes.systems()
    chosen = {system: axes.choose(system) for system in systems}
    if axes.is_quick:
        chosen = {system: each.quick() for system, each in chosen.items()}
    together = [get_registry().find("metric", spec) for spec in metrics]
    together += [part for each in chosen.values() for part in each.parts.values()]
    sizes: dict[System, Size] = {}
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
    trained: dict[tuple[str, Size], list[Chosen]] = {}
    seeds = range(axes.seed, axes.seed + axes.seeds)

    def plan(one: Chosen, data: str, size: Size, numbers: Iterable[int]) -> dict[str, PlannedRun]:
        tests = [(name, sources[name, size]) for name in axes.tests]
        made = plan_runs(one, sources[data, size], replace(axes, size=size), numbers, out)
        return {run.folder.name: score_on(run, tests) if tests else run for run in made}

    for data, system in combinations:
        try:
            made = plan(chosen[system], data, sizes[system], seeds)
        except RefusedError as error:
            refusals.append(Refusal(label=f"{system} on {data}", reason=str(error)))
        else:
            runs |= made
            trained.setdefault((data, sizes[system]), []).append(chosen[system])
    for (data, size), beside in trained.items():
        for baseline in _baselines_of(axes, beside):
            with contextlib.suppress(RefusedError):
                # They are deterministic: one seed is enough.
                made = plan(baseline, data, size, seeds[:1])
                runs |= {name: run for name, run in made.items() if name not in runs}
    return list(runs.values()), refusals


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


def _baselines_of(axes: Axes, chosen: Collection[Chosen]) -> list[Chosen]:
    """Return the null baselines to run beside these systems: those that read no more than they do; none without a network."""
    names = get_registry().null_baselines()
    parts = [part for each in chosen for part in each.parts.values()]
    if not axes.baselines or {part.full_name for part in parts if part.kind == "method"} <= names:
        return []
    reads = {entry for part in parts for entry in part.contract.reads}
    found = (axes.choose(System(method=name)) for name in sorted(names))
    return [each for each in found if reads.issuperset(each.parts["method"].contract.reads)]


def plan_runs(chosen: Chosen, source: DataSource, axes: Axes, seeds: Iterable[int], out: Path) -> list[PlannedRun]:
    """Return a system's runs in a results folder, one a seed; of the axes, what is common to all systems is read.

    Raises:
        UsageError: a name, option or number is wrong.
        RefusedError: the parts cannot work together, or not on this data.
    """
    recipe = compose_chosen(chosen, source, axes)
    # What has no network is fitted, and by one process.
    processes = axes.processes if recipe.generator or recipe.discriminator else 1
    if recipe.batch % (processes * recipe.accumulate):
        parts = f" in {recipe.accumulate} parts each" if recipe.accumulate > 1 else ""
        raise UsageError(
            f"a batch of {recipe.batch} cannot be divided equally among {processes} processes{parts}",
            f"Use `batch`={processes * recipe.accumulate} or a multiple of it",
        )
    runs, described, plugins = [], asdict(recipe), provenance(recipe)
    files = option_files(recipe, fetch=True)
    places = inference_options(recipe)
    inference = values_of(recipe, places, files)
    for seed in seeds:
        own = replace(recipe, seed=seed)
        key = key_of(described | {"seed": seed}, plugins, world_size=processes, files=files, inference=places)
        folder = out / folder_name(own, key, inference)
        runs.append(PlannedRun(recipe=own, source=source, folder=folder, train_key=key, processes=processes))
    return runs


def choose_metrics(specs: Sequence[str], runs: Sequence[PlannedRun]) -> list[Choice]:
    """Return the metrics of these names after checking that they apply to every run's data and image size.

    Raises:
        UsageError: a metric's name or an option is wrong.
        RefusedError: a metric does not apply.
    """
    choices = [get_registry().find("metric", spec) for spec in specs]
    for choice in choices:
        score_name(choice)  # so that an option that names a missing file is an error now
    # Runs by the thousand differ in what no metric looks at; whether there are degrees depends on the training data too.
    kinds = {
        (source.root, source.offers, run.recipe.size, run.recipe.thermal_channels): (run.recipe, source)
        for run in runs
        for source in scored_sources(run)
    }
    for recipe, source in kinds.values():
        for choice in choices:
            beside = itertools.chain(choices, choices_of(each.recipe for each in runs))
            channels = recipe.thermal_channels
            check({"metric": choice}, source, size=recipe.size, thermal_channels=channels, others=beside)
    return choices


def scored_sources(run: PlannedRun) -> list[DataSource]:
    """Return the datasets that a run is scored on; an uncalibrated training is scored on none in degrees."""
    others = [replace(one, info=scored_info(run.source.info, one.info)) for one in run.other_tests]
    return [run.source, *others] if run.scores_own else others
