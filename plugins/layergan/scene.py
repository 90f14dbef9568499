"""The inputs of the layers: masks and temperatures of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.contracts import Batch, Parts
from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.layers.conditions import one_hot, paint_temperatures

from .config import LayerGANConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """The conditions of a batch."""

    visible: Tensor
    """[N, 3, H, W] in [-1, 1]."""
    labels: Tensor
    """Class indices [N, H, W]."""
    temperature: Tensor
    """Each object at its mean temperature, [N, 1, H, W] in [-1, 1] over the thermal range."""
    masks: Tensor
    """1 where a layer is seen, else 0: [N, layers, 1, H, W]; they add up to one."""

    @classmethod
    def of(cls, batch: Batch, parts: Parts, layer_of_class: Tensor, layers: int) -> Scene:
        """Return the scene of a batch; missing temperatures are painted from those of its classes.

        Raises:
            ZooError: the batch has no labels.
        """
        if "labels" not in batch:
            raise ZooError(
                "layergan translates an image and a map of its classes, and received no `labels`",
                "Provide the labels of the image, as class indices [N, H, W].",
            )
        labels = batch["labels"]
        masks = one_hot(layer_of_class[labels], layers)[:, :, None]
        return cls(
            visible=batch["visible"],
            labels=labels,
            temperature=_temperature(batch, parts),
            masks=masks.to(batch["visible"].dtype),
        )

    def resized(self, size: int) -> Scene:
        """Return the scene at size x size."""
        if not torch.compiler.is_compiling() and self.visible.shape[-2:] == (size, size):
            return self  # an exported graph takes any size

        def nearest(maps: Tensor) -> Tensor:
            return F.interpolate(maps, size=(size, size), mode="nearest-exact")

        return Scene(
            visible=F.interpolate(self.visible, size=(size, size), mode="bicubic", antialias=True).clamp(-1, 1),
            labels=nearest(self.labels[:, None].to(torch.float32))[:, 0].long(),
            temperature=nearest(self.temperature),
            masks=nearest(self.masks.flatten(1, 2)).unsqueeze(2),
        )


def layer_indices(config: LayerGANConfig, classes: Sequence[str]) -> tuple[int, ...]:
    """Return the layer of each class of the dataset; without layers all are in layer 0.

    Raises:
        UsageError: the options name a class that the dataset does not have.
    """
    if not config.layered:
        return (0,) * len(classes)
    own = config.classes if config.classes is not None else tuple(classes)
    for name in own:
        if name not in classes:
            hint = did_you_mean(name, classes)
            raise UsageError(f"layergan got a layer of {name!r}, which is not a class of this dataset", hint)
    return tuple(own.index(name) if name in own else len(own) for name in classes)


def _temperature(batch: Batch, parts: Parts) -> Tensor:
    if "thermal_segmentation" in batch:
        segmentation: Tensor = batch["thermal_segmentation"]
        return segmentation
    assert parts.thermal_range is not None, "the method's contract asks for degrees and their range"
    labels, visible = batch["labels"], batch["visible"]
    usual = torch.tensor(parts.class_temperatures, dtype=visible.dtype, device=visible.device).expand(
        labels.shape[0], -1
    )
    given = batch.get("temperatures", usual)
    return paint_temperatures(labels, torch.where(given.isnan(), usual, given), parts.thermal_range)
