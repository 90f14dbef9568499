"""Scores averaged over seeds, and how two systems differ in them. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from zoo.evaluate.compare import Comparison, Verdict, holm, paired_test, verdict_of
from zoo.evaluate.intervals import bootstrap_interval, pool
from zoo.evaluate.results import OPTIONS, SCORED_IMAGES, GroupScore, Pooling, Score

Groups = Mapping[str, Mapping[str, GroupScore]]

METHOD_ENTRIES = ("mode", "reads", "weights", OPTIONS, SCORED_IMAGES)
"""Entries of a protocol that describe how a method translates, not how images are measured; they may differ."""


@dataclass(frozen=True, kw_only=True)
class SeedAggregate(Score):
    """A metric over runs that differ only in their seed: `value` and `per_image` are means over the seeds.

    The interval is that of the mean over these images; for a metric without values per image it spans the seeds' intervals.
    The protocol has no entries of the method.
    """

    by_seed: dict[int, float]
    """Value of each run."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A paired comparison of two systems, corrected for multiple comparisons."""

    comparison: Comparison
    corrected: float
    """p after Holm's correction."""
    agreeing: int
    """Number of runs whose difference has the sign of the mean difference."""
    trainings: int
    """Number of runs."""
    verdict: Verdict


def aggregate_seeds(scores: Mapping[int, Score]) -> SeedAggregate:
    """Return the aggregate of one or more scores by seed, all of one metric and protocol on the same images."""
    first = next(iter(scores.values()))
    values = {seed: score.value for seed, score in scores.items()}
    per_image = {
        stem: float(pool([score.per_image[stem] for score in scores.values()], first.pooling))
        for stem in first.per_image
    }
    low, high = first.low, first.high
    if len(scores) > 1 and per_image:
        low, high = bootstrap_interval(list(per_image.values()), level=first.level, pooling=first.pooling)
    elif len(scores) > 1:
        low = min((score.low for score in scores.values() if score.low is not None), default=None)
        high = max((score.high for score in scores.values() if score.high is not None), default=None)
    changed = {
        "value": float(pool(list(values.values()), first.pooling)),
        "low": low,
        "high": high,
        "protocol": measurement_protocol(first),
        "per_image": per_image,
        "groups": _mean_groups([score.groups for score in scores.values()], first.pooling),
        "notes": list(dict.fromkeys(note for score in scores.values() for note in score.notes)),
    }
    return SeedAggregate(**{**vars(first), **changed}, by_seed=values)


def _mean_groups(by_seed: Sequence[Groups], pooling: Pooling) -> Groups:
    """Return the means over seeds of scores by group, whose images are the same for each seed."""
    return {
        entry: {
            name: replace(first, value=float(pool([groups[entry][name].value for groups in by_seed], pooling)))
            for name, first in means.items()
        }
        for entry, means in by_seed[0].items()
        if all(groups.get(entry, {}).keys() == means.keys() for groups in by_seed)
    }


def measurement_protocol(score: Score) -> dict[str, Any]:
    """Return the part of a score's protocol that must be equal for scores to be comparable.

    Options that are off are left out: records of a version without such an option do not list it.
    """
    entries = score.protocol.items()
    return {name: value for name, value in entries if name not in METHOD_ENTRIES and value is not False}


def protocol_difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """Return how two protocols differ, e.g. `resize 64x64 bicubic instead of 128x128 bicubic`; empty if they are equal."""
    names = [name for name in dict.fromkeys((*a, *b)) if a.get(name) != b.get(name)]
    return ", ".join(f"{name} {a.get(name)} instead of {b.get(name)}" for name in names)


def differing_protocols(scores: Mapping[str, Mapping[int, Score]]) -> dict[str, str]:
    """Return the rows whose protocol is not that of most rows, and how it differs: a column has one protocol.

    Args:
        scores: of one metric, by row and seed.
    """
    protocols = Counter(
        msgspec.json.encode(measurement_protocol(score), order="deterministic")
        for by_seed in scores.values()
        for score in by_seed.values()
    )
    usual = msgspec.json.decode(protocols.most_common(1)[0][0]) if protocols else {}
    return {
        row: f"measured with {difference} as most rows"
        for row, by_seed in scores.items()
        for score in by_seed.values()
        if (difference := protocol_difference(measurement_protocol(score), usual))
    }


def best_of(values: Mapping[str, SeedAggregate]) -> str:
    """Return the row with the best value; empty if there is none."""
    if not values:
        return ""
    sign = 1 if next(iter(values.values())).higher_is_better else -1
    return max(values, key=lambda row: sign * values[row].value)


def compare_aggregates(pairs: Sequence[tuple[SeedAggregate, SeedAggregate]], alpha: float = 0.05) -> list[Difference]:
    """Test each first system against its second, image by image, as one family (Holm).

    Values are averaged over the seeds first. A difference is `not distinguishable` unless it has the same sign in every run.

    Raises:
        UsageError: two systems of a pair were scored on different images.
    """
    comparisons = [
        paired_test(a.per_image, b.per_image, higher_is_better=a.higher_is_better, pooling=a.pooling) for a, b in pairs
    ]
    corrected = holm([comparison.p for comparison in comparisons])
    differences = []
    for (a, b), comparison, p in zip(pairs, comparisons, corrected, strict=True):
        by_run = _run_differences(a, b)
        agreeing = sum(difference * comparison.difference > 0 for difference in by_run)
        verdict = verdict_of(comparison, p, alpha) if agreeing == len(by_run) else "not distinguishable"
        differences.append(
            Difference(comparison=comparison, corrected=p, agreeing=agreeing, trainings=len(by_run), verdict=verdict)
        )
    return differences


def format_p(p: float) -> str:
    """Return a p-value with three decimals.

    >>> format_p(0.0321), format_p(0.00099), format_p(1e-7)
    ('0.032', '0.001', '< 0.001')
    """
    return f"{p:.3f}" if p >= 0.0005 else "< 0.001"


def _run_differences(a: SeedAggregate, b: SeedAggregate) -> list[float]:
    """Return the differences of runs with equal seeds, or of all runs to the only run of the other system."""
    if len(a.by_seed) == 1 or len(b.by_seed) == 1:
        return [one - other for one in a.by_seed.values() for other in b.by_seed.values()]
    shared = a.by_seed.keys() & b.by_seed.keys()
    return [a.by_seed[seed] - b.by_seed[seed] for seed in sorted(shared)] or [a.value - b.value]
