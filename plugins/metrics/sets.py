"""Metrics of sets of images, by the features of a network: FID and KID."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar

import torch
from torch import Tensor

from .config import ExtractorConfig
from .extractor import Extractor

_FEW = 1000
"""Number of singular values that are computed within a second."""
_ROWS = 1024
"""Rows of the kernel matrix in memory at a time."""


class FeatureMetric:
    """A distance between the features of two sets of images; a subclass has a `name`, `settings` and a `distance`."""

    name: ClassVar[str]
    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = ""
    settings: ClassVar[dict[str, Any]]
    """What its protocol adds to the extractor's."""

    def __init__(self, config: ExtractorConfig) -> None:
        self.features = Extractor(config.extractor, config.weights)

    @property
    def extractor(self) -> str:
        """Name of the network and its weights."""
        return self.features.label

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return self.features.protocol() | self.settings

    def notes(self, images: int, dimensions: int) -> list[str]:
        """Return warnings about a distance of so many images with D features each; none by default."""
        return []


class FID(FeatureMetric):
    """Squared Frechet distance between Gaussians fitted to the features of both sets (Heusel et al. 2017, Eq. 6)."""

    name: ClassVar[str] = "fid"
    settings: ClassVar[dict[str, Any]] = {"covariance": "sample"}

    def distance(self, translated: Tensor, real: Tensor) -> float:
        """Return the distance of features [N, D] and [M, D], at least two of each."""
        return float(frechet_distance(translated, real))

    def notes(self, images: int, dimensions: int) -> list[str]:
        """Return a warning if there are no more images than features."""
        if images > dimensions:
            return []
        return [
            f"{images} images span at most {images - 1} of the features' {dimensions} dimensions: the covariances are "
            "rank-deficient and FID is biased upwards by an amount that the interval does not contain; compare it only with "
            "FID of the same number of images"
        ]


def frechet_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)) with sample covariances S, at least 0.

    With S_a = A^T A and S_b = B^T B the trace of the root is the nuclear norm of A B^T, which requires no matrix root and
    is a small matrix for few images. For many images, A is first reduced to as many rows as there are dimensions.

    Args:
        a: features [N, D] of two images or more.
        b: features [M, D] of two images or more.
    """
    a, b = a.double(), b.double()
    shift = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    a, b = _root(a), _root(b)
    return (shift + a.square().sum() + b.square().sum() - 2 * _nuclear_norm(a @ b.T)).clamp(min=0)


def _root(features: Tensor) -> Tensor:
    """Return R, with no more rows than columns, such that R^T R is the sample covariance of features [N, D]."""
    n, d = features.shape
    centred = (features - features.mean(dim=0)) / sqrt(n - 1)
    return centred if n <= d else torch.linalg.qr(centred, mode="r").R


def _nuclear_norm(matrix: Tensor) -> Tensor:
    """Return the sum of the singular values."""
    if min(matrix.shape) < _FEW:
        singular: Tensor = torch.linalg.svdvals(matrix)
        return singular.sum()
    # Several times faster; the root of a rounded zero is too large, by 1e-8 of the largest value at most.
    squares: Tensor = torch.linalg.eigvalsh(matrix @ matrix.T)
    return squares.clamp(min=0).sqrt().sum()


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
