"""`zoo compare`: finished runs against the first of them. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from zoo.composition import digest
from zoo.errors import RefusedError, UsageError
from zoo.evaluate.results import Score
from zoo.report.aggregate import (
    Difference,
    SeedAggregate,
    aggregate_seeds,
    compare_aggregates,
    measurement_protocol,
    protocol_difference,
)
from zoo.report.finished_runs import FinishedRun
from zoo.run.record import Record


@dataclass(frozen=True, kw_only=True)
class SeedGroup:
    """A system to compare: runs whose recipes differ only in the seed."""

    label: str
    records: tuple[Record, ...]

    @cached_property
    def scores(self) -> dict[str, dict[int, Score]]:
        """Return the scores by metric and seed; a metric that some run lacks is left out."""
        by_run = [{score.metric: score for score in record.scores} for record in self.records]
        seeds = [record.recipe.seed for record in self.records]
        common = [name for name in by_run[0] if all(name in scores for scores in by_run)]
        return {name: {seed: run[name] for seed, run in zip(seeds, by_run, strict=True)} for name in common}


@dataclass(frozen=True, kw_only=True)
class ComparedScore:
    """A system's metric and its difference to the reference's."""

    system: str
    metric: str
    pooled: SeedAggregate
    difference: Difference | None
    """None for the reference itself, and for a metric without values per image."""


def group_seeds(runs: Sequence[FinishedRun]) -> list[SeedGroup]:
    """Return the systems of some runs, in the order of their first runs.

    Raises:
        UsageError: a run occurs twice.
    """
    labels: dict[str, str] = {}
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        # Other source under the same version, or another file under the same name, is another system.
        sources = {kind: origin.get("source", "") for kind, origin in run.record.plugins.items()}
        trained_on = run.record.recipe.data.fingerprint
        key = digest([replace(run.record.shown_recipe, seed=0), trained_on, sources, run.record.option_files])
        if key not in labels:
            short = run.folder.name.rpartition("-")[0] or run.folder.name
            there = [short, run.folder.name, str(run.folder.resolve())]
            there += [f"{label} on {run.record.data.name}" for label in there]
            labels[key] = next(label for label in there if label not in groups)
        group = groups.setdefault(labels[key], [])
        if any(run.record.recipe.seed == other.record.recipe.seed for other in group):
            raise UsageError(
                f"`{run.folder}` has the same recipe and seed as another of the runs", "Name each run once"
            )
        group.append(run)
    return [
        SeedGroup(label=label, records=tuple(sorted((run.record for run in group), key=lambda each: each.recipe.seed)))
        for label, group in groups.items()
    ]


def compare_systems(systems: Sequence[SeedGroup]) -> list[ComparedScore]:
    """Compare systems with the first of them: one result per metric and system; the tests are one family.

    Raises:
        UsageError: there are fewer than two systems.
        RefusedError: data, test images or protocols differ, or the systems have no metric in common.
    """
    if len(systems) < 2:
        raise UsageError("the runs are one system, and a comparison requires two", "Name runs of two or more systems")
    scores = {system.label: system.scores for system in systems}
    reference = systems[0]
    metrics = [name for name in scores[reference.label] if all(name in found for found in scores.values())]
    if not metrics:
        raise RefusedError("the runs have no metric in common", "Score them with the same metrics")
    for system in systems:
        if reason := _difference_in_data(system, reference):
            raise RefusedError(f"the runs cannot be compared: {reason}", "Train both on the same data")
        for name in metrics:
            if reason := _difference_in_scoring(system, reference, name):
                raise RefusedError(
                    f"the runs cannot be compared: {reason}", "Score both on the same test split with the same protocol"
                )
    aggregates = {(s.label, name): aggregate_seeds(scores[s.label][name]) for s in systems for name in metrics}
    tested = [(s.label, name) for name in metrics for s in systems[1:] if aggregates[s.label, name].per_image]
    pairs = [(aggregates[label, name], aggregates[reference.label, name]) for label, name in tested]
    differences = dict(zip(tested, compare_aggregates(pairs), strict=True))
    return [
        ComparedScore(
            system=system.label,
            metric=name,
            pooled=aggregates[system.label, name],
            difference=differences.get((system.label, name)),
        )
        for name in metrics
        for system in systems
    ]


def _difference_in_data(system: SeedGroup, reference: SeedGroup) -> str:
    """Return how a system's dataset differs from the reference's; empty if it does not."""
    other = reference.records[0].data
    data = next((r.data for r in system.records if r.data.fingerprint != other.fingerprint), None)
    if data is None:
        return ""
    if data.name != other.name:
        return f"{system.label} was trained and scored on {data.name} and {reference.label} on {other.name}"
    return f"{system.label} and {reference.label} were trained and scored on different contents of {data.name}"


def _difference_in_scoring(system: SeedGroup, reference: SeedGroup, metric: str) -> str:
    """Return how a metric's protocol or test images differ from the reference's; empty if they do not."""
    first = next(iter(reference.scores[metric].values()))
    for score in system.scores[metric].values():
        if differing := protocol_difference(measurement_protocol(score), measurement_protocol(first)):
            return f"{metric} of {system.label} was measured with {differing} as for {reference.label}"
        if score.per_image.keys() != first.per_image.keys() or score.n != first.n:
            return f"{system.label} was scored on {score.n} images and {reference.label} on {first.n}, and they are not the same"
    return ""
