"""Inputs and targets of ThermalGAN's steps, and the conversion of their values to degrees."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Batch, Parts
from zoo.errors import UsageError
from zoo.layers.conditions import input_channels, one_hot, paint_temperatures, stack, to_celsius

from .config import ThermalGANConfig


class Inputs(nn.Module):
    """The networks' inputs and targets from a batch; holds no weights.

    A thermal segmentation S counts `label_scale` degrees, a relative temperature R `contrast` degrees, both in [-1, 1], and
    `label_scale` S + `contrast` R is the temperature.
    """

    class_temperatures: Tensor
    """[K] mean degrees Celsius of each class in the training split, NaN where it never occurs."""

    def __init__(self, config: ThermalGANConfig, parts: Parts) -> None:
        super().__init__()
        self.config = config
        self.reads, self.classes, self.thermal_range = parts.reads, len(parts.classes), parts.thermal_range
        self.seen_channels = input_channels(parts)
        labelled = self.classes + config.paints_temperatures + config.edges if config.label_mode == "given" else 0
        self.condition_channels = self.seen_channels + labelled
        self.register_buffer(
            "class_temperatures", torch.tensor(parts.class_temperatures, dtype=torch.float32), persistent=False
        )

    def seen(self, batch: Batch) -> Tensor:
        """Return what the recipe's generator reads, [N, seen_channels, H, W]; the visible image unless it reads more."""
        return stack(batch, self.reads, self.classes, self.thermal_range)

    def condition(self, batch: Batch) -> Tensor:
        """Return step 1's input without its code, [N, condition_channels, H, W].

        With labels these are what is seen, a mask for each class, the classes' temperatures and the edges. Where the batch
        has no temperatures, each class is at its mean over the training split; a class without any is at 0.

        Raises:
            UsageError: labels are needed and the batch has none.
        """
        seen = self.seen(batch)
        if self.config.label_mode != "given":
            return seen
        if "labels" not in batch:
            raise UsageError(
                "this thermalgan translates visible images together with their class labels, and received none",
                "Provide the labels, or train with `method`=thermalgan:label_mode=predicted",
            )
        labels = batch["labels"]
        planes = [seen, one_hot(labels, self.classes).to(seen.dtype)]
        if self.config.paints_temperatures:
            scale = self.config.label_scale
            means = self.class_temperatures.expand(labels.shape[0], -1)
            planes.append(paint_temperatures(labels, batch.get("temperatures", means), (-scale, scale)).to(seen.dtype))
        if self.config.edges:
            planes.append(edges(labels).to(seen.dtype))
        return torch.cat(planes, dim=1)

    def segmentation(self, batch: Batch) -> Tensor:
        """Return the real thermal segmentation S, [N, 1, H, W]."""
        return (self._degrees(batch["thermal_segmentation"]) / self.config.label_scale).clamp(-1, 1)

    def relative(self, batch: Batch, segmentation: Tensor) -> Tensor:
        """Return the real relative temperatures R for a segmentation, [N, 1, H, W]."""
        difference: Tensor = batch["celsius"] - self.config.label_scale * segmentation
        return (difference / self.config.contrast).clamp(-1, 1)

    def recombine(self, segmentation: Tensor, relative: Tensor) -> Tensor:
        """Return degrees Celsius [N, 1, H, W] of S and R; undoes `relative` where nothing was clipped."""
        return self.config.label_scale * segmentation + self.config.contrast * relative

    def _degrees(self, thermal: Tensor) -> Tensor:
        assert self.thermal_range is not None, "a dataset that offers thermal_segmentation has a thermal range"
        return to_celsius(thermal, self.thermal_range)


def edges(labels: Tensor) -> Tensor:
    """Return [N, 1, H, W]: 1 at pixels with a side neighbour of another class, for labels [N, H, W], else 0."""
    across = (labels[:, :, 1:] != labels[:, :, :-1]).float()
    down = (labels[:, 1:] != labels[:, :-1]).float()
    sides = (F.pad(across, (1, 0)), F.pad(across, (0, 1)), F.pad(down, (0, 0, 1, 0)), F.pad(down, (0, 0, 0, 1)))
    return torch.stack(sides).amax(dim=0).unsqueeze(1)
