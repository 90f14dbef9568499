"""The generator of ThermalGAN's published code: step 2 alone, from the temperature of every object."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.contracts import Batch, Method, Parts
from zoo.layers.pixels import to_celsius, to_range

from .config import ContrastConfig


class Contrast(Method):
    """A generator G of relative temperatures R from a thermal segmentation S and the visible image, concatenated in this order.

    S counts `label_scale` degrees, R `contrast` degrees; `label_scale` S + `contrast` R is the temperature. The authors' code
    multiplies S by 30 where it divided by 40; 40 is what G was trained with.
    """

    inference = ("G",)

    def __init__(self, config: ContrastConfig, parts: Parts) -> None:
        super().__init__()
        assert parts.thermal_range is not None, "the format's row names the thermal range"
        self.config, self.thermal_range, self.test_mode = config, parts.thermal_range, config.evaluation
        self.thermal_channels = parts.thermal_channels
        self.G = parts.generator(in_channels=1 + parts.visible_channels, out_channels=1)

    def degrees(self, batch: Batch) -> Tensor:
        """Return temperatures [N, 1, H, W] in degrees Celsius."""
        celsius_of_objects = to_celsius(batch["thermal_segmentation"], self.thermal_range)
        segmentation = (celsius_of_objects / self.config.label_scale).clamp(-1, 1)
        relative = self.G(torch.cat((segmentation, batch["visible"]), dim=1))
        celsius: Tensor = self.config.label_scale * segmentation + self.config.contrast * relative
        return celsius

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] over the thermal range."""
        return to_range(self.degrees(batch), self.thermal_range).repeat(1, self.thermal_channels, 1, 1)
