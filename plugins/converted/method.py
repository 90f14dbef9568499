"""Translation with a generator that another program trained."""

from __future__ import annotations

from torch import Tensor

from zoo.contracts import Batch, Method, Parts

from .config import ConvertedConfig

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey, ITU-R BT.601, which those programs take from pillow."""


class Converted(Method):
    """A generator G of thermal images from visible ones, in colour or, where it reads one channel, in grey."""

    inference = ("G",)

    def __init__(self, config: ConvertedConfig, parts: Parts) -> None:
        super().__init__()
        self.test_mode = config.evaluation
        self.grey = parts.visible_channels == 1
        self.G = parts.generator(in_channels=parts.visible_channels, out_channels=parts.thermal_channels)

    def translate(self, batch: Batch) -> Tensor:
        """Return G's thermal images."""
        visible = batch["visible"]
        if self.grey:
            visible = (visible * visible.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        thermal: Tensor = self.G(visible)
        return thermal
