"""Baselines without a fit: an input image as it is, in grey or inverted."""

from __future__ import annotations

from torch import Tensor

from zoo.contracts import Batch, Method, Parts
from zoo.layers.pixels import luma

from .config import BaselineConfig, GreyConfig


class Grey(Method):
    """A visible image's grey values, in every thermal channel."""

    def __init__(self, config: GreyConfig, parts: Parts) -> None:
        super().__init__()
        self.sign = -1.0 if config.inverted else 1.0
        self.thermal_channels = parts.thermal_channels

    def translate(self, batch: Batch) -> Tensor:
        """Return the grey images [N, C, H, W], in [-1, 1]."""
        return (self.sign * grey(batch["visible"])).expand(-1, self.thermal_channels, -1, -1)


class ObjectMeans(Method):
    """The thermal segmentation itself, in every thermal channel: the baseline of methods that read it."""

    def __init__(self, config: BaselineConfig, parts: Parts) -> None:
        super().__init__()
        self.thermal_channels = parts.thermal_channels

    def translate(self, batch: Batch) -> Tensor:
        """Return the thermal segmentation [N, C, H, W], in [-1, 1]."""
        segmentation: Tensor = batch["thermal_segmentation"]
        return segmentation.expand(-1, self.thermal_channels, -1, -1)


def grey(visible: Tensor) -> Tensor:
    """Return the grey values [N, 1, H, W] of colour images [N, 3, H, W], both in [-1, 1]."""
    return luma(visible).clamp(-1, 1)
