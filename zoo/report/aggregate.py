"""A metric of one system over its seeds, and how two systems differ in it. Imports no torch."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.evaluate.compare import Comparison, Verdict, holm, paired_test, verdict_of
from zoo.evaluate.intervals import bootstrap_interval
from zoo.evaluate.results import Score

OF_THE_METHOD = ("mode", "reads")
"""Entries of a protocol that say how a method translates, not how images are measured. Systems may differ in them."""


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """A metric of trainings that differ in their seed alone."""

    metric: str
    value: float
    """Mean over the seeds."""
    low: float | None
    """Lower end of the interval: of the mean over the images of their values averaged over the seeds; for a metric without
    values of images, the lowest end of any seed's."""
    high: float | None
    """Upper end, or the highest of any seed's."""
    level: float
    n: int
    """Number of images."""
    unit: str
    higher_is_better: bool
    protocol: dict[str, Any]
    """What measures the images, alike for all systems of a comparison."""
    per_image: dict[str, float]
    """Value of each image, averaged over the seeds; empty where the metric has none."""
    by_seed: dict[int, float]
    """Value of each training."""
    notes: tuple[str, ...] = ()
    """Qualifications that belong beside the value."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A paired comparison, corrected for the others made beside it."""

    comparison: Comparison
    corrected: float
    """Holm's p."""
    agreeing: int
    """Trainings whose difference has the sign of the mean difference."""
    trainings: int
    verdict: Verdict


def pool(scores: Mapping[int, Score]) -> Pooled:
    """Return a metric over trainings by seed; at least one, of one metric and protocol on the same images."""
    first = next(iter(scores.values()))
    values = {seed: score.value for seed, score in scores.items()}
    per_image = {stem: statistics.fmean(score.per_image[stem] for score in scores.values()) for stem in first.per_image}
    low, high = first.low, first.high
    if len(scores) > 1 and per_image:
        interval = bootstrap_interval(list(per_image.values()), level=first.level)
        low, high = (interval.low, interval.high) if interval else (None, None)
    elif len(scores) > 1:
        low = min((score.low for score in scores.values() if score.low is not None), default=None)
        high = max((score.high for score in scores.values() if score.high is not None), default=None)
    return Pooled(
        metric=first.metric,
        value=statistics.fmean(values.values()),
        low=low,
        high=high,
        level=first.level,
        n=first.n,
        unit=first.unit,
        higher_is_better=first.higher_is_better,
        protocol=measuring(first),
        per_image=per_image,
        by_seed=values,
        notes=tuple(dict.fromkeys(note for score in scores.values() for note in score.notes)),
    )


def measuring(score: Score) -> dict[str, Any]:
    """Return the part of a score's protocol that must be the same for all that is compared."""
    return {name: value for name, value in score.protocol.items() if name not in OF_THE_METHOD}


def protocol_difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """Return in what two protocols differ, e.g. `resize 64x64 bicubic instead of 128x128 bicubic`; empty if in nothing."""
    names = [name for name in (*a, *(name for name in b if name not in a)) if a.get(name) != b.get(name)]
    return ", ".join(f"{name} {a.get(name)} instead of {b.get(name)}" for name in names)


def compare_pooled(pairs: Sequence[tuple[Pooled, Pooled]], alpha: float = 0.05) -> list[Difference]:
    """Test each first system against its second, image by image, as one family (Holm).

    Values are averaged over the seeds first, so that the images are what varies. A difference whose sign is not that of every
    training is not distinguishable, whatever the images say: another seed would have turned it.

    Raises:
        UsageError: two systems of a pair were scored on other images.
    """
    comparisons = [paired_test(a.per_image, b.per_image, higher_is_better=a.higher_is_better) for a, b in pairs]
    corrected = holm([comparison.p for comparison in comparisons])
    found = []
    for (a, b), comparison, p in zip(pairs, comparisons, corrected, strict=True):
        trainings = _by_training(a, b)
        agreeing = sum(difference * comparison.difference > 0 for difference in trainings)
        settled = agreeing == len(trainings)
        verdict = verdict_of(comparison, p, alpha) if settled else "not distinguishable"
        found.append(
            Difference(comparison=comparison, corrected=p, agreeing=agreeing, trainings=len(trainings), verdict=verdict)
        )
    return found


def p_text(p: float) -> str:
    """Return a p-value with as many digits as it is worth."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def _by_training(a: Pooled, b: Pooled) -> list[float]:
    """Return the differences of single trainings: of equal seeds, or of all seeds to the only one of the other system."""
    if len(a.by_seed) == 1 or len(b.by_seed) == 1:
        return [mine - other for mine in a.by_seed.values() for other in b.by_seed.values()]
    shared = a.by_seed.keys() & b.by_seed.keys()
    return [a.by_seed[seed] - b.by_seed[seed] for seed in sorted(shared)] or [a.value - b.value]
