"""Baselines that are fitted in closed form over one pass of the training split."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.contracts import Batch, Method, Parts
from zoo.layers.pixels import from_bytes, to_levels
from zoo.sizes import height_width

from .config import BaselineConfig
from .unfitted import grey

LEVELS = 256
DEPENDENT = 1e-10
"""Eigenvalues of the normal equations below this fraction of the largest are rounding errors, e.g. of grey images in colour."""


class MeanImage(Method):
    """The mean thermal image of the training split, for every visible image."""

    inference = ("mean",)

    mean: Tensor
    """[C, H, W] of the recipe's size, in [-1, 1]."""

    def __init__(self, config: BaselineConfig, parts: Parts) -> None:
        super().__init__()
        self.size = height_width(parts.size)
        self.register_buffer("mean", torch.zeros(parts.thermal_channels, *self.size))

    def fit(self, batches: Iterable[Batch]) -> None:
        """Compute the mean over all thermal images, resized to the recipe's size."""
        total, count = torch.zeros((), dtype=torch.float64, device=self.mean.device), 0
        for batch in batches:
            total = total + batch["thermal"].double().sum(dim=0)
            count += len(batch["thermal"])
        self.mean.copy_(_resized((total / count).to(self.mean.dtype), *self.size))

    def translate(self, batch: Batch) -> Tensor:
        """Return the mean image at the size of the visible ones, [N, C, H, W]."""
        count, _, height, width = batch["visible"].shape
        return _resized(self.mean, height, width).expand(count, -1, -1, -1)


class PixelRegression(Method):
    """thermal = W visible + b in every pixel, with the W and b of least squared error over all training pixels.

    They solve the normal equations in float64. If the colours are linearly dependent, as in grey images, they are the solution
    of least norm.
    """

    inference = ("weight", "bias")

    weight: Tensor
    """[thermal channels, visible channels]."""
    bias: Tensor
    """[thermal channels]."""

    def __init__(self, config: BaselineConfig, parts: Parts) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(parts.thermal_channels, parts.visible_channels))
        self.register_buffer("bias", torch.zeros(parts.thermal_channels))

    def fit(self, batches: Iterable[Batch]) -> None:
        """Fit to all pixels of all pairs."""
        thermal, visible = self.weight.shape
        squares = self.weight.new_zeros(visible + 1, visible + 1, dtype=torch.float64)
        products = self.weight.new_zeros(visible + 1, thermal, dtype=torch.float64)
        for batch in batches:
            x = F.pad(_pixels(batch["visible"]), (0, 1), value=1.0)
            squares += x.T @ x
            products += x.T @ _pixels(batch["thermal"])
        solution = torch.linalg.pinv(squares, rtol=DEPENDENT, hermitian=True) @ products
        self.weight.copy_(solution[:-1].T)
        self.bias.copy_(solution[-1])

    def translate(self, batch: Batch) -> Tensor:
        """Return the fitted values, clipped to [-1, 1], [N, C, H, W]."""
        return F.conv2d(batch["visible"], self.weight[:, :, None, None], self.bias).clamp(-1, 1)


class HistogramMatching(Method):
    """A visible image in grey, with the histogram of the training thermal images.

    A grey level at quantile p of its image becomes the level at quantile p of all training thermal images, with linear
    interpolation between two levels. The images need not be pairs.
    """

    inference = ("histogram",)

    histogram: Tensor
    """Number of pixels of each level in the training thermal images, int64 [256]."""

    def __init__(self, config: BaselineConfig, parts: Parts) -> None:
        super().__init__()
        self.thermal_channels = parts.thermal_channels
        self.register_buffer("histogram", torch.zeros(LEVELS, dtype=torch.int64))

    def fit(self, batches: Iterable[Batch]) -> None:
        """Count the levels of all thermal images."""
        self.histogram.zero_()
        for batch in batches:
            self.histogram += _histogram(_levels(batch["thermal"]))

    def translate(self, batch: Batch) -> Tensor:
        """Return the matched images in every thermal channel, [N, C, H, W], in [-1, 1]."""
        matched = torch.stack([self._match(image) for image in _levels(grey(batch["visible"]))])
        return from_bytes(matched).expand(-1, self.thermal_channels, -1, -1)

    def _match(self, levels: Tensor) -> Tensor:
        """Return an image's levels, mapped to the training thermal images' levels at the same quantiles."""
        present = self.histogram.nonzero()[:, 0]
        thermal = _quantiles(self.histogram)[present]
        visible = _quantiles(_histogram(levels))
        table = np.interp(visible.cpu().numpy(), thermal.cpu().numpy(), present.cpu().numpy())
        return torch.from_numpy(table).to(levels.device, torch.float32)[levels]


def _pixels(images: Tensor) -> Tensor:
    """Return images [N, C, H, W] as float64 pixels [N * H * W, C]."""
    return images.double().movedim(1, -1).flatten(0, 2)


def _levels(images: Tensor) -> Tensor:
    """Return the 8-bit levels, int64, of images in [-1, 1]."""
    return to_levels(images).long()


def _histogram(levels: Tensor) -> Tensor:
    return torch.bincount(levels.flatten(), minlength=LEVELS)


def _quantiles(histogram: Tensor) -> Tensor:
    """Return the fraction of values at or below each level, float64."""
    return histogram.cumsum(0).double() / histogram.sum()


def _resized(image: Tensor, height: int, width: int) -> Tensor:
    """Return an image [C, h, w] at another size, [C, height, width], with the bicubic filter of resized datasets."""
    resized = F.interpolate(image[None], size=(height, width), mode="bicubic", antialias=True)
    return resized[0].clamp(-1, 1)
