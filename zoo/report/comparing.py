"""`zoo compare`: finished runs against the best null baseline or another reference. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, count

from zoo.composition import digest
from zoo.errors import RefusedError, UsageError, did_you_mean
from zoo.evaluate.results import Score
from zoo.records.record import Record
from zoo.report.aggregate import (
    Difference,
    SeedAggregate,
    aggregate_seeds,
    best_of,
    compare_aggregates,
    measurement_protocol,
    protocol_difference,
)
from zoo.report.finished_runs import FinishedRun, merge_baselines, split_suffix
from zoo.report.naming import is_baseline, name_systems, without_training
from zoo.report.tables import dataset_title
from zoo.sizes import pixels_text


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
        shown = replace(without_training(run.record.shown_recipe), seed=0)
        own = (
            str(run.folder) if is_baseline(shown) else ""
        )  # `merge_baselines` left only those apart that are measured otherwise
        key = digest([shown, trained_on, sources, run.record.option_files, run.split, own])
        if key not in labels:
            short = run.folder.name.rpartition("-")[0] or run.folder.name
            there = [short, run.folder.name, str(run.folder.resolve())]
            there += [f"{label} on {run.record.data.name}" for label in there]
            more = (f"{short} ({number})" for number in count(2))
            labels[key] = next(label for label in chain(there, more) if label not in groups)
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


@dataclass(frozen=True, kw_only=True)
class ComparedGroup:
    """The comparisons on one dataset."""

    dataset: str
    """Title of the dataset, with the image size and the split."""
    names: dict[str, str]
    """Short names of the systems by their labels."""
    reason: str
    """Why the reference is the reference, in words; empty where it was named, or there is no null baseline."""
    lines: tuple[ComparedScore, ...]


def compare_results(runs: Sequence[FinishedRun], reference: str = "") -> tuple[list[ComparedGroup], list[str]]:
    """Compare runs dataset by dataset with a reference, and return the comparisons and one line for each group left out.

    Args:
        runs: finished runs; those of one dataset, image size and split are compared.
        reference: label or short name of a system; by default the best null baseline of each dataset among those that read no
            more of each image than the other systems, by the first metric; without one the first system.

    Raises:
        UsageError: there is nothing to compare, or no system is the reference.
        RefusedError: protocols or test images differ.
    """
    groups: dict[tuple[str, object, str], list[FinishedRun]] = {}
    compared: list[ComparedGroup] = []
    left_out: list[str] = []
    known: list[str] = []
    seen: dict[tuple[str, str, str], FinishedRun] = {}
    for run in merge_baselines(runs):
        recipe = run.record.shown_recipe
        # The train key has no options of translation, the recipe no versions of plugins.
        scored = digest([recipe, run.record.option_files])
        first = seen.setdefault((run.record.train_key, scored, run.split), run)
        if first is run:
            groups.setdefault((recipe.data.fingerprint, recipe.size, run.split), []).append(run)
        else:
            left_out.append(f"left out: `{run.folder}`: the same run as `{first.folder}`")
    found = {key: group_seeds(members) for key, members in groups.items()}
    if all(len(systems) < 2 for systems in found.values()):
        compare_systems(group_seeds(list(seen.values())))  # raises what keeps them apart
    for (_, _, split), systems in found.items():
        shown = [system.records[0].shown_recipe for system in systems]
        names = _short_names(systems)
        where = f"{dataset_title(shown[0].data.name)}, {pixels_text(shown[0].size)}{split_suffix(split)}"
        known += names.values()
        if len(systems) < 2:
            left_out.append(f"left out: {systems[0].label}: it is the only system on {where}")
            continue
        best, reason = ("", "") if reference else _best_baseline(systems)
        one = _reference(systems, names, reference or best)
        if one is None:
            left_out.append(f"left out: {where}: it has no run of {reference}")
            continue
        ordered = [one, *(system for system in systems if system is not one)]
        try:
            lines = tuple(compare_systems(ordered))
        except RefusedError as error:
            if len(found) == 1:
                raise
            left_out.append(f"left out: {where}: {error}")
            continue
        compared.append(ComparedGroup(dataset=where, names=names, reason=reason, lines=lines))
    if not compared and not reference:
        raise RefusedError("none of the runs can be compared", left_out[0])
    if not compared:
        fix = did_you_mean(reference, known) or f"Use one of: {', '.join(dict.fromkeys(known))}"
        raise UsageError(f"no system of these runs is named {reference!r}", fix)
    return compared, left_out


def _short_names(systems: Sequence[SeedGroup]) -> dict[str, str]:
    """Return the systems' short names by label; their labels, where two would have the same."""
    names = name_systems([system.records[0].shown_recipe for system in systems])
    return {
        system.label: name if names.count(name) == 1 else system.label
        for system, name in zip(systems, names, strict=True)
    }


def _reference(systems: Sequence[SeedGroup], names: Mapping[str, str], wanted: str) -> SeedGroup | None:
    """Return the system that a name means, e.g. `pix2pix` where it begins one short name only; without a name the first."""
    exact = [one for one in systems if wanted in ("", one.label, names[one.label])]
    begun = [one for one in systems if names[one.label].split()[0].rstrip(",") == wanted]
    return next(iter(exact), begun[0] if len(begun) == 1 else None)


def _best_baseline(systems: Sequence[SeedGroup]) -> tuple[str, str]:
    """Return the label of the best null baseline by the first metric that all systems have, and what it is; else empty texts.

    A baseline that reads more of each test image than one of the others is no reference.
    """
    found = [system.scores for system in systems]
    metric = next((name for name in found[0] if all(name in scores for scores in found)), "")
    if not metric:
        return "", ""
    nulls = [system for system in systems if is_baseline(system.records[0].recipe)]
    others = [system for system in systems if system not in nulls]
    allowed = [null for null in nulls if all(_reads(null, metric) <= _reads(other, metric) for other in others)]
    best = best_of({null.label: aggregate_seeds(null.scores[metric]) for null in allowed})
    limit = "" if allowed == nulls else " of those that read no more of an image than any other run"
    return best, f"the best null baseline in {metric}{limit}" if best else ""


def _reads(system: SeedGroup, metric: str) -> set[str]:
    """Return what a system reads of each test image."""
    return {"visible"}.union(*(score.protocol.get("reads", ()) for score in system.scores[metric].values()))


def compare_systems(systems: Sequence[SeedGroup]) -> list[ComparedScore]:
    """Compare systems with the first of them: one result per metric and system; the tests of a metric are one family.

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
            raise RefusedError(f"the runs cannot be compared: {reason}", "Score both on the same images")
        for name in metrics:
            if reason := _difference_in_scoring(system, reference, name):
                raise RefusedError(
                    f"the runs cannot be compared: {reason}", "Score both on the same test split with the same protocol"
                )
    aggregates = {(s.label, name): aggregate_seeds(scores[s.label][name]) for s in systems for name in metrics}
    differences: dict[tuple[str, str], Difference] = {}
    for name in metrics:
        tested = [(s.label, name) for s in systems[1:] if aggregates[s.label, name].per_image]
        pairs = [(aggregates[row], aggregates[reference.label, name]) for row in tested]
        differences |= dict(zip(tested, compare_aggregates(pairs), strict=True))
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
        return f"{system.label} was scored on {data.name} and {reference.label} on {other.name}"
    return f"{system.label} and {reference.label} were scored on different contents of {data.name}"


def _difference_in_scoring(system: SeedGroup, reference: SeedGroup, metric: str) -> str:
    """Return how a metric's protocol or test images differ from the reference's; empty if they do not."""
    first = next(iter(reference.scores[metric].values()))
    for score in system.scores[metric].values():
        if differing := protocol_difference(measurement_protocol(score), measurement_protocol(first)):
            return f"{metric} of {system.label} was measured with {differing} as for {reference.label}"
        if score.per_image.keys() != first.per_image.keys() or score.n != first.n:
            return f"{system.label} was scored on {score.n} images and {reference.label} on {first.n}, and they are not the same"
    return ""
