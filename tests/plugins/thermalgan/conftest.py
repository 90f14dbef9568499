"""Networks of one or two layers, and batches of a made-up labelled set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from method_parts import TinyParts
from torch import Tensor

LOW, HIGH = -10.0, 50.0
CLASSES = ("sky", "road", "car")


@dataclass
class LabelledParts(TinyParts):
    """Parts of a dataset with three classes, one without a temperature."""

    classes: tuple[str, ...] = CLASSES
    class_temperatures: tuple[float, ...] = (-5.0, 20.0, float("nan"))
    thermal_range: tuple[float, float] | None = (LOW, HIGH)


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
def _make_parts() -> type[LabelledParts]:
    return LabelledParts


@pytest.fixture(name="make_batch")
def _make_batch() -> Callable[..., dict[str, Tensor]]:
    return make_batch
