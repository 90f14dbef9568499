"""Additional inputs of a generator, stacked as channels; the same in training and in `translate`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.contracts import Batch, Parts
from zoo.layers.pixels import from_bytes, to_celsius, to_range

__all__ = ["input_channels", "one_hot", "paint_temperatures", "stack", "to_celsius", "to_range"]


def input_channels(parts: Parts) -> int:
    """Return how many channels the recipe's generator reads (`parts.reads`)."""
    classes = len(parts.classes)
    sizes = {"visible": parts.visible_channels, "labels": classes, "temperatures": classes, "thermal_segmentation": 1}
    return sum(sizes.get(entry, 1) for entry in parts.reads)


def stack(batch: Batch, reads: Sequence[str], classes: int, thermal_range: tuple[float, float] | None) -> Tensor:
    """Return a generator's input [N, channels, H, W], its entries concatenated in the order of `reads`.

    Labels become one plane per class (0 or 1), temperatures one constant plane per class, in [-1, 1] over the thermal range and 0
    where the class is absent. Of declared entries a mask becomes a plane in [-1, 1], 255 being 1, and a scalar a constant plane.
    """
    planes = [_planes(batch, entry, classes, thermal_range) for entry in reads]
    return torch.cat([plane.to(batch["visible"].dtype) for plane in planes], dim=1)


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Return masks [N, classes, H, W] of 0 and 1 for class indices [N, H, W]."""
    return F.one_hot(labels, classes).permute(0, 3, 1, 2).float()


def paint_temperatures(labels: Tensor, temperatures: Tensor, thermal_range: tuple[float, float]) -> Tensor:
    """Return a thermal segmentation [N, 1, H, W] in [-1, 1]: every pixel of labels [N, H, W] at its class's temperature.

    Args:
        labels: int64 class indices.
        temperatures: degrees Celsius [N, K] by class; NaN paints the middle of the range.
        thermal_range: degrees at -1 and 1.
    """
    planes = torch.nan_to_num(to_range(temperatures, thermal_range), nan=0.0)
    return planes.gather(1, labels.flatten(1)).view_as(labels).unsqueeze(1)


def _planes(batch: Batch, entry: str, classes: int, thermal_range: tuple[float, float] | None) -> Tensor:
    if entry == "labels":
        return one_hot(batch["labels"], classes)
    if entry == "temperatures":
        assert thermal_range is not None, "a dataset that offers temperatures has a thermal range"
        height, width = batch["visible"].shape[-2:]
        planes = torch.nan_to_num(to_range(batch["temperatures"], thermal_range), nan=0.0)
        return planes[:, :, None, None].expand(-1, -1, height, width)
    plane: Tensor = batch[entry]
    if plane.dim() == 1:
        return plane[:, None, None, None].expand(-1, -1, *batch["visible"].shape[-2:])
    return from_bytes(plane[:, None]) if plane.dim() == 3 else plane
