"""Translation with a generator that another program trained."""

from __future__ import annotations

from torch import Tensor

from zoo.contracts import Batch, Method, Parts
from zoo.layers.pixels import luma

from .config import ConvertedConfig


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
            visible = luma(visible)  # the weights that those programs take from Pillow
        thermal: Tensor = self.G(visible)
        return thermal
