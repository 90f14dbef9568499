"""What a method that reads more than the visible image is told before it does anything."""

from __future__ import annotations

from torch import Tensor

from zoo.contracts import Batch, Method, Parts

from .config import BaselineConfig


class ObjectMeans(Method):
    """The thermal segmentation itself, in every thermal channel: the least that a method which reads it must beat."""

    def __init__(self, config: BaselineConfig, parts: Parts) -> None:
        super().__init__()
        self.thermal_channels = parts.thermal_channels

    def translate(self, batch: Batch) -> Tensor:
        """Return the thermal segmentation [N, C, H, W], in [-1, 1]."""
        return batch["thermal_segmentation"].expand(-1, self.thermal_channels, -1, -1)
