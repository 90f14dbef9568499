"""Networks of one or two layers, and batches of a made-up labelled set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from zoo.contracts import Normalizer

LOW, HIGH = -10.0, 50.0
CLASSES = ("sky", "road", "car")


@dataclass
class TinyParts:
    """Parts as a recipe would give them."""

    visible_channels: int = 3
    thermal_channels: int = 1
    size: int = 6
    batch: int = 2
    classes: tuple[str, ...] = CLASSES
    class_temperatures: tuple[float, ...] = (-5.0, 20.0, float("nan"))
    thermal_range: tuple[float, float] | None = (LOW, HIGH)
    reads: tuple[str, ...] = ("visible",)
    normalizer: Normalizer = field(default_factory=Normalizer)
    rng: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(1))

    def generator(self, *, in_channels: int, out_channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(in_channels, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, out_channels, 1), nn.Tanh()
        )

    def discriminator(self, *, in_channels: int) -> nn.Module:
        return self.normalizer.wrap(nn.Sequential(nn.Conv2d(in_channels, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 1)))


def make_batch(seed: int = 0, *, size: int = 6, channels: int = 1) -> dict[str, Tensor]:
    """Return two pairs whose class 2 is absent in the second image."""
    stream = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (2, size, size), generator=stream)
    labels[1] %= 2
    celsius = torch.rand((2, 1, size, size), generator=stream, dtype=torch.float64) * 70 - 15
    temperatures = torch.tensor([[-12.0, 18.0, 45.0], [5.0, 30.0, float("nan")]], dtype=torch.float64)
    return {
        "visible": torch.rand((2, 3, size, size), generator=stream, dtype=torch.float64) * 2 - 1,
        "thermal": torch.rand((2, channels, size, size), generator=stream, dtype=torch.float64) * 2 - 1,
        "labels": labels,
        "celsius": celsius,
        "temperatures": temperatures,
        "thermal_segmentation": torch.rand((2, 1, size, size), generator=stream, dtype=torch.float64) * 2 - 1,
    }


@pytest.fixture(name="make_parts")
def _make_parts() -> type[TinyParts]:
    return TinyParts


@pytest.fixture(name="make_batch")
def _make_batch() -> Callable[..., dict[str, Tensor]]:
    return make_batch
