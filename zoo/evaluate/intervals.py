"""Intervals of a mean by bootstrap, of a distance between sets by jackknife. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import sqrt
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from zoo.evaluate.results import Pooling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

GROUPS = 20
"""Number of groups of images; the jackknife leaves out one at a time."""
_TIE = 1e-12
"""Values that differ by less than this fraction are equal up to rounding."""
_BATCH_VALUES = 4_000_000
"""Most resampled values in memory at a time (32 MB)."""


class Interval(NamedTuple):
    """A confidence interval, in the units of the values; both ends are None where there are too few images for one."""

    low: float | None
    high: float | None


def pool(values: ArrayLike, pooling: Pooling = "mean", axis: int = -1) -> NDArray[np.float64]:
    """Return the value of images together from their own values, along an axis.

    >>> round(float(pool([10.0, 20.0], "mse")), 4)  # squared errors of 0.1 and 0.01
    12.5964
    """
    import numpy as np

    array = np.asarray(values, dtype=np.float64)
    if pooling == "mean":
        return np.asarray(array.mean(axis=axis))
    return np.asarray(-10 * np.log10(squared_error(array).mean(axis=axis)))


def squared_error(psnr: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean squared errors of images in [0, 1] with these values of PSNR in dB."""
    errors: NDArray[np.float64] = 10 ** (-psnr / 10)
    return errors


def bootstrap_interval(
    values: Sequence[float],
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    pooling: Pooling = "mean",
    other: Sequence[float] | None = None,
) -> Interval:
    """Return the bootstrap interval of the pooled value, bias-corrected and accelerated (Efron, JASA 1987).

    It measures how much the value varies with other test images of the same kind, not with another training. The same values
    and seed give the same interval.

    >>> interval = bootstrap_interval([20.0, 22.0, 23.0, 23.0, 24.0, 26.0])
    >>> 20 < interval.low < 23 < interval.high < 26
    True
    >>> bootstrap_interval([20.0])
    Interval(low=None, high=None)

    Args:
        values: one finite value per image; equal values give an interval of zero width, fewer than two give none.
        level: confidence in (0, 1).
        resamples: number of bootstrap samples.
        seed: of the resampling.
        pooling: how the value follows from those of the images.
        other: values of another system on the same images; then the interval is that of the difference of the two.
    """
    import numpy as np
    from scipy.stats import bootstrap

    samples = [np.asarray(one, dtype=np.float64) for one in (values, other) if one is not None]
    sample = samples[0] - samples[-1] if other is not None else samples[0]
    if sample.size < 2:
        return Interval(None, None)
    if np.ptp(sample) <= _TIE * np.abs(sample).max():  # the acceleration would divide by zero
        return Interval(float(sample[0]), float(sample[0]))

    def value(*drawn: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        pooled = [pool(one, pooling, axis) for one in drawn]
        return pooled[0] - pooled[1] if len(pooled) > 1 else pooled[0]

    result = bootstrap(
        samples,
        value,
        paired=len(samples) > 1,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _BATCH_VALUES // sample.size),
        confidence_level=level,
        method="BCa",
        random_state=np.random.default_rng(seed),
    )
    return Interval(*map(float, result.confidence_interval))


def jackknife_interval(
    value: float, estimates: Sequence[Callable[[slice], float]], sizes: Sequence[int], level: float = 0.95
) -> Interval:
    """Return the delete-a-group jackknife interval of a distance (Kott, Journal of Official Statistics 2001).

    Groups are sequences of neighbouring images, so that frames of one drive are left out together. The bootstrap is not
    suitable: repeated images lower the rank of a covariance and bias the distance. The interval measures how much the distance
    varies with other images; it does not contain a bias that is the same in every group.

    Args:
        value: the distance over all images.
        estimates: one function per independent sample (pairs are one sample, unpaired sets are two), which returns the
            distance without the images of a slice.
        sizes: number of images in each sample; with fewer than three there is no interval, since two must remain.
        level: confidence in (0, 1).
    """
    from scipy.stats import t

    if min(sizes) < 3:
        return Interval(None, None)
    variance = 0.0
    for estimate, size in zip(estimates, sizes, strict=True):
        groups = min(GROUPS, size)
        edges = [size * group // groups for group in range(groups + 1)]
        left = [estimate(slice(start, end)) for start, end in pairwise(edges)]
        mean = fmean(left)
        variance += (groups - 1) / groups * sum((one - mean) ** 2 for one in left)
    half = float(t.ppf((1 + level) / 2, min(GROUPS, *sizes) - 1)) * sqrt(variance)
    return Interval(value - half, value + half)
