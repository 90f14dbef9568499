"""Bootstrap intervals of a mean. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_DRAWN_AT_ONCE = 4_000_000
"""Resampled values held in memory at a time (32 MB)."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval, in the units of the values."""

    low: float
    high: float


def bootstrap_interval(
    values: Sequence[float], level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval | None:
    """Return the bootstrap interval of the mean, bias-corrected and accelerated (Efron, JASA 1987).

    It says how much the mean would vary with other test images of the same kind, not with another training. The same
    values and seed give the same interval.

    Args:
        values: one finite value an image.
        level: confidence in (0, 1).
        resamples: bootstrap samples drawn.
        seed: of the resampling.

    Returns:
        The interval; of no width where all values are equal; None for fewer than two values, which carry no spread.
    """
    import numpy as np
    from scipy.stats import bootstrap

    sample = np.asarray(values, dtype=np.float64)
    if sample.size < 2:
        return None
    if np.ptp(sample) == 0:  # the acceleration would divide by zero
        return Interval(low=float(sample[0]), high=float(sample[0]))
    result = bootstrap(
        (sample,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, _DRAWN_AT_ONCE // sample.size),
        confidence_level=level,
        method="BCa",
        random_state=np.random.default_rng(seed),
    )
    return Interval(low=float(result.confidence_interval.low), high=float(result.confidence_interval.high))
