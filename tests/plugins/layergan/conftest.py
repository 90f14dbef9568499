"""LayerGAN with small networks, and a batch whose second image lacks a class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from method_parts import TinyParts
from torch import Tensor, nn

from zoo_plugins.layergan.config import LayerGANConfig
from zoo_plugins.layergan.method import LayerGAN

SIZE = 32


class SmallDiscriminator(nn.Module):
    """A smooth discriminator of one hidden layer; a bias at its end would cancel out of a critic's loss."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden, self.out = nn.Conv2d(channels, 4, 4, stride=4), nn.Conv2d(4, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.out(self.hidden(x).tanh())
        return logits


@dataclass
class LayerParts(TinyParts):
    """Four classes, of which the batches below show the first three."""

    size: int = SIZE
    classes: tuple[str, ...] = ("road", "car", "person", "bus")
    class_temperatures: tuple[float, ...] = (10.0, 25.0, 30.0, float("nan"))
    thermal_range: tuple[float, float] | None = (-10.0, 50.0)

    def discriminator(self, *, in_channels: int) -> nn.Module:
        return self.normalizer.wrap(SmallDiscriminator(in_channels))


def options(**changes: object) -> LayerGANConfig:
    return LayerGANConfig(**{"latent": 8, "channel_multiplier": 0.01, "max_channels": 6, **changes})


def untrained(config: LayerGANConfig, parts: LayerParts | None = None) -> LayerGAN:
    torch.manual_seed(0)
    parts = parts or LayerParts()
    method = LayerGAN(config, parts)
    method.prepare_training(parts)
    return method


def build(config: LayerGANConfig, parts: LayerParts | None = None) -> LayerGAN:
    """Return a method whose heads draw something, as after some training."""
    method = untrained(config, parts)
    for head in method.generator.heads:
        for conv in head.convs:
            nn.init.normal_(conv.weight, 0.0, 0.05)
    return method


def make_batch(size: int = SIZE) -> dict[str, Tensor]:
    """Return two images; the first shows road, two cars and a person, the second only road and a car."""
    stream = torch.Generator().manual_seed(3)
    labels = torch.zeros(2, size, size, dtype=torch.int64)
    segmentation = torch.full((2, 1, size, size), -0.2)
    unit = size // 16
    for image, rows, columns, label, level in [
        (0, slice(2, 6), slice(1, 6), 1, 0.1),
        (0, slice(2, 6), slice(8, 14), 1, 0.4),
        (0, slice(8, 14), slice(3, 5), 2, 0.6),
        (1, slice(9, 13), slice(2, 12), 1, 0.2),
    ]:
        where = (slice(rows.start * unit, rows.stop * unit), slice(columns.start * unit, columns.stop * unit))
        labels[(image, *where)] = label
        segmentation[(image, 0, *where)] = level
    return {
        "visible": torch.rand(2, 3, size, size, generator=stream) * 2 - 1,
        "thermal": torch.rand(2, 1, size, size, generator=stream) * 2 - 1,
        "labels": labels,
        "thermal_segmentation": segmentation,
    }
