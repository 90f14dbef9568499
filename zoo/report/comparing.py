"""`zoo compare`: finished runs against the first of them. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zoo.composition import digest
from zoo.errors import RefusedError, UsageError
from zoo.evaluate.results import Score
from zoo.report.aggregate import Difference, Pooled, compare_pooled, measuring, pool, protocol_difference
from zoo.report.finished_runs import FinishedRun
from zoo.run.record import Record


@dataclass(frozen=True, kw_only=True)
class System:
    """Runs whose recipes differ in nothing but the seed."""

    label: str
    records: tuple[Record, ...]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One system's metric beside the reference's."""

    system: str
    metric: str
    pooled: Pooled
    difference: Difference | None
    """None for the reference itself, and where the metric has no values of images to pair."""


def systems_of(runs: Sequence[FinishedRun]) -> list[System]:
    """Return the systems in the order in which their first runs were named.

    Raises:
        UsageError: a run was named twice.
    """
    labels: dict[str, str] = {}
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        # Other source under the same version, or another file under the same name, is another system.
        sources = {kind: origin.get("source", "") for kind, origin in run.record.plugins.items()}
        key = digest([replace(run.record.recipe, seed=0), sources, run.record.option_files])
        if key not in labels:
            short = run.folder.name.rpartition("-")[0] or run.folder.name
            labels[key] = next(
                label for label in (short, run.folder.name, str(run.folder.resolve())) if label not in groups
            )
        group = groups.setdefault(labels[key], [])
        if any(run.record.recipe.seed == other.record.recipe.seed for other in group):
            raise UsageError(f"`{run.folder}` is the same training as another run that was named", "Name each run once")
        group.append(run)
    return [
        System(label=label, records=tuple(sorted((run.record for run in group), key=lambda record: record.recipe.seed)))
        for label, group in groups.items()
    ]


def compare_systems(systems: Sequence[System]) -> list[Line]:
    """Return one line a metric and system, the first system being the reference; the tests are one family.

    Raises:
        UsageError: fewer than two systems.
        RefusedError: data, test images or protocols differ, or no metric is common to all.
    """
    if len(systems) < 2:
        raise UsageError("there is one system and nothing to compare it with", "Name two runs or more")
    scores = {system.label: _scores(system) for system in systems}
    first = systems[0]
    metrics = [name for name in scores[first.label] if all(name in found for found in scores.values())]
    if not metrics:
        raise RefusedError("the runs have no metric in common", "Score them again with the same --metrics")
    reference = first.records[0]
    for system in systems:
        for record, found in zip(system.records, _by_record(system), strict=True):
            _require_same_data(system.label, record, first.label, reference)
            for name in metrics:
                _require_same_measure(system.label, found[name], first.label, scores[first.label][name][0])
    pooled = {
        (system.label, name): pool(
            {
                record.recipe.seed: score
                for record, score in zip(system.records, scores[system.label][name], strict=True)
            }
        )
        for system in systems
        for name in metrics
    }
    tested = [(s.label, name) for name in metrics for s in systems[1:] if pooled[s.label, name].per_image]
    differences = compare_pooled([(pooled[label, name], pooled[first.label, name]) for label, name in tested])
    by_place = dict(zip(tested, differences, strict=True))
    return [
        Line(
            system=system.label,
            metric=name,
            pooled=pooled[system.label, name],
            difference=by_place.get((system.label, name)),
        )
        for name in metrics
        for system in systems
    ]


def _by_record(system: System) -> list[dict[str, Score]]:
    return [{score.metric: score for score in record.scores} for record in system.records]


def _scores(system: System) -> dict[str, list[Score]]:
    """Return a system's scores by metric, one a training; a metric that some training lacks is left out."""
    found = _by_record(system)
    return {name: [scores[name] for scores in found] for name in found[0] if all(name in scores for scores in found)}


def _require_same_data(label: str, record: Record, first: str, reference: Record) -> None:
    mine, other = record.recipe.data, reference.recipe.data
    if mine.fingerprint != other.fingerprint:
        what = (
            f"{label} was trained and scored on {mine.name} and {first} on {other.name}"
            if mine.name != other.name
            else f"{label} and {first} were trained and scored on different contents of {mine.name}"
        )
        raise RefusedError(f"the runs cannot be compared: {what}", "Train both on the same data")


def _require_same_measure(label: str, score: Score, first: str, reference: Score) -> None:
    differing = protocol_difference(measuring(score), measuring(reference))
    if differing:
        raise RefusedError(
            f"the runs cannot be compared: {score.metric} of {label} was measured with {differing} as for {first}",
            "Score both with the same protocol, at the same size",
        )
    if score.per_image.keys() != reference.per_image.keys() or score.n != reference.n:
        raise RefusedError(
            f"the runs cannot be compared: {label} was scored on {score.n} images and {first} on {reference.n}, "
            "and they are not the same",
            "Score both on the same test split",
        )
