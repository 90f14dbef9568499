"""Kernel distance of features."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from .extractor import FeatureMetric

_ROWS = 1024
"""Rows of the kernel matrix in memory at a time."""


class KID(FeatureMetric):
    """Squared maximum mean discrepancy with the kernel (x.y / D + 1)^3 (Binkowski et al. 2018, section 4).

    All images are compared with all; the paper's code averages over random subsets of 1,000. Both estimates are unbiased; this
    one has less variance and is deterministic. It is negative if the sets are closer than chance.
    """

    name: ClassVar[str] = "kid"
    settings: ClassVar[dict[str, Any]] = {"kernel": "(x.y / D + 1)^3", "estimate": "unbiased, all images"}

    def distance(self, translated: Tensor, real: Tensor) -> float:
        """Return the distance of features [N, D] and [M, D], at least two of each."""
        return float(kernel_distance(translated, real))


def kernel_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean kernel within a, plus that within b, minus twice that between them (Gretton et al. 2012, Eq. 3).

    An image is not compared with itself.

    Args:
        a: features [N, D] of two images or more.
        b: features [M, D] of two images or more.
    """
    a, b = a.double(), b.double()
    return _within(a) + _within(b) - 2 * _sum(a, b) / (len(a) * len(b))


def _within(features: Tensor) -> Tensor:
    n, d = features.shape
    itself = (features.square().sum(dim=1) / d + 1).pow(3).sum()
    return (_sum(features, features) - itself) / (n * (n - 1))


def _sum(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of the kernel over all pairs of rows."""
    starts = range(0, len(a), _ROWS)
    parts = [(a[start : start + _ROWS] @ b.T / a.shape[1] + 1).pow(3).sum() for start in starts]
    return torch.stack(parts).sum()
