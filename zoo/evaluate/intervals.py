"""Intervals of a mean by bootstrap, of a distance between sets by jackknife. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import fmean

GROUPS = 20
"""Groups of images that the jackknife leaves out, one at a time."""
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

    >>> interval = bootstrap_interval([20.0, 22.0, 23.0, 23.0, 24.0, 26.0])
    >>> 20 < interval.low < 23 < interval.high < 26
    True
    >>> bootstrap_interval([20.0]) is None
    True

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


def jackknife_interval(
    value: float, estimates: Sequence[Callable[[slice], float]], sizes: Sequence[int], level: float = 0.95
) -> Interval | None:
    """Return the delete-a-group jackknife interval of a distance (Kott, Journal of Official Statistics 2001).

    Groups are runs of neighbouring images, so that frames of one drive are left out together. Resampling with replacement
    would not do: repeated images lower the rank of a covariance and bias the distance. The interval says how much the
    distance would vary with other images; a bias that is the same in every group is not part of it.

    Args:
        value: the distance over all images.
        estimates: one function a sample that is independent of the others (pairs are one sample, unpaired sets are two);
            it returns the distance without the images of a slice.
        sizes: number of images in each sample.
        level: confidence in (0, 1).

    Returns:
        The interval; None where a sample has fewer than three images, since two must be left.
    """
    from scipy.stats import t

    if min(sizes) < 3:
        return None
    variance = 0.0
    for estimate, size in zip(estimates, sizes, strict=True):
        groups = min(GROUPS, size)
        edges = [size * group // groups for group in range(groups + 1)]
        left = [estimate(slice(start, end)) for start, end in pairwise(edges)]
        mean = fmean(left)
        variance += (groups - 1) / groups * sum((one - mean) ** 2 for one in left)
    half = float(t.ppf((1 + level) / 2, min(GROUPS, *sizes) - 1)) * sqrt(variance)
    return Interval(low=value - half, high=value + half)
