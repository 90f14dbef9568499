"""Paired tests: whether one system scores better than another on the same test images. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from zoo.errors import UsageError

from .intervals import bootstrap_interval, pool, squared_error
from .results import Pooling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Verdict = Literal["better", "worse", "not distinguishable"]

_BATCH_VALUES = 4_000_000
"""Most sign-flipped differences in memory at a time (32 MB)."""
_TIE = 1e-12
"""Values that differ by less than this fraction of the differences are equal up to rounding."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A paired comparison of two systems on the same images."""

    difference: float
    """The first system's value minus the second's, over all images."""
    low: float | None
    """Lower end of the difference's interval (`bootstrap_interval`); None for a single image."""
    high: float | None
    """Upper end; None for a single image."""
    level: float
    """Confidence of the interval."""
    p: float
    """Two-sided p of the sign-flip permutation test, before any correction."""
    effect: float | None
    """Cohen's d_z: the mean difference divided by the standard deviation of the differences; None if they do not vary."""
    n: int
    """Number of images."""
    higher_is_better: bool


def too_few(n: int, tests: int = 1) -> str:
    """Return a warning that tests over n images, corrected for their number, cannot distinguish anything; empty where they can.

    A sign-flip test over n images has p >= 2 / 2^n, and the smallest of some p-values is multiplied by their number.
    """
    fewest = (40 * tests).bit_length()  # 2 / 2^n * tests < 0.05
    if n >= fewest:
        return ""
    what = f"{tests} corrected paired tests, which require" if tests > 1 else "a paired test, which requires"
    return f"{n} test image{'s' * (n > 1)}: too few for {what} {fewest} or more, preferably {max(20, 2 * fewest)}."


def paired_test(
    a: Mapping[str, float],
    b: Mapping[str, float],
    *,
    higher_is_better: bool,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    pooling: Pooling = "mean",
) -> Comparison:
    """Compare two systems by their values on the same images.

    Null hypothesis: the two can be exchanged on every image, so that each difference has either sign with equal probability.
    If there are at most `resamples` sign patterns (2^n), all are counted and p is exact; otherwise p is (1 + the number of
    random patterns whose mean is at least as far from zero) / (1 + `resamples`), which is never zero and never too small on
    average (Phipson and Smyth, 2010).

    Args:
        a, b: one finite value per image, by stem, for the same images.
        higher_is_better: whether a greater value is a better one.
        level: confidence of the interval, in (0, 1).
        resamples: number of random sign patterns and of bootstrap samples.
        seed: of both; the same values and seed give the same result.
        pooling: how a system's value follows from those of the images; with `mse` the squared errors are tested.

    Raises:
        UsageError: the images are not the same, or there are none.
    """
    import numpy as np

    if not a or a.keys() != b.keys():
        raise UsageError(
            f"a paired test needs the same images in both runs, and {len(a.keys() & b.keys())} of {len({*a, *b})} are in both",
            "Compare runs that were scored on the same test split",
        )
    first, second = (np.array([one[stem] for stem in sorted(a)], dtype=np.float64) for one in (a, b))
    settings: dict[str, Any] = {"level": level, "resamples": resamples, "seed": seed}
    if pooling == "mean":
        differences = first - second
        low, high = bootstrap_interval(differences.tolist(), **settings)
        value = float(differences.mean())
    else:
        differences = squared_error(second) - squared_error(first)  # a lower error is a higher PSNR
        low, high = bootstrap_interval(first.tolist(), **settings, pooling=pooling, other=second.tolist())
        value = float(pool(first, pooling) - pool(second, pooling))
    spread = float(differences.std(ddof=1)) if differences.size > 1 else 0.0
    mean = float(differences.mean())
    return Comparison(
        difference=value,
        low=low,
        high=high,
        level=level,
        p=_sign_flip(differences, resamples, seed),
        effect=mean / spread if spread > _TIE * abs(mean) else None,
        n=differences.size,
        higher_is_better=higher_is_better,
    )


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the same order (Holm, Scandinavian Journal of Statistics 1979).

    The probability of one or more corrected values below alpha is at most alpha if no two systems differ.
    """
    corrected = [1.0] * len(p)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, p[index] * (len(p) - rank)))
        corrected[index] = largest
    return corrected


def verdict_of(comparison: Comparison, corrected: float, alpha: float = 0.05) -> Verdict:
    """Return whether the first system of a comparison is better or worse, given its corrected p."""
    if corrected >= alpha or comparison.difference == 0:
        return "not distinguishable"
    return "better" if (comparison.difference > 0) == comparison.higher_is_better else "worse"


def _sign_flip(differences: NDArray[np.float64], resamples: int, seed: int) -> float:
    import numpy as np

    n = differences.size
    observed = abs(float(differences.sum())) - _TIE * float(np.abs(differences).sum())
    exact = n < resamples.bit_length() and 2**n <= resamples
    patterns = 2**n if exact else resamples
    rng = np.random.default_rng(seed)
    extreme = 0
    step = max(1, _BATCH_VALUES // n)
    for start in range(0, patterns, step):
        count = min(step, patterns - start)
        if exact:
            flips = np.arange(start, start + count)[:, None] >> np.arange(n) & 1
        else:
            flips = rng.integers(0, 2, (count, n), dtype=np.int8)
        sums = (1.0 - 2.0 * flips) @ differences
        extreme += int((np.abs(sums) >= observed).sum())
    return extreme / patterns if exact else (extreme + 1) / (patterns + 1)
