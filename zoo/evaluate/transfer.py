"""A method that was trained on one dataset and is tested on another: classes by name, thermal values by degrees."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.contracts import Batch, Method
from zoo.data.layout import DatasetInfo
from zoo.data.union import new_indices
from zoo.layers.pixels import to_celsius, to_range


class TransferredMethod(Method):
    """A trained method whose translations stand on the thermal range of the dataset that it is tested on.

    Where both datasets are calibrated, a translation keeps its degrees and is clipped to the tested range; else each dataset's
    own range is -1 to 1. Class indices, in labels, masks and boxes, and mean temperatures become those of the same names in the
    training.

    Args:
        method: with its trained weights.
        trained, tested: the two datasets; an entry that the method reads has the classes of `trained`, or some of them.
    """

    def __init__(self, method: Method, trained: DatasetInfo, tested: DatasetInfo) -> None:
        super().__init__()
        self.method, self.test_mode = method, method.test_mode
        self.trained_range, self.tested_range = trained.thermal_range, tested.thermal_range
        self.classes = len(trained.classes)
        names = ("labels", *(entry.name for entry in tested.entries))
        found = {name: new_indices(tested.classes_of(name), trained.classes_of(name)) for name in names}
        self.indices = {name: torch.tensor(new) for name, new in found.items() if new}
        known = set(tested.classes) <= set(trained.classes)
        self.columns = [trained.classes.index(name) for name in tested.classes] if known else []

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] of the tested dataset's range."""
        return _between(self.method.translate(self._as_trained(batch)), self.trained_range, self.tested_range)

    def degrees(self, batch: Batch) -> Tensor | None:
        """Return the method's own degrees Celsius [N, 1, H, W], or None where it has none."""
        return self.method.degrees(self._as_trained(batch))

    def _as_trained(self, batch: Batch) -> Batch:
        """Return a batch of the tested dataset as one of the training's."""
        batch = dict(batch)
        if "thermal_segmentation" in batch:
            batch["thermal_segmentation"] = _between(
                batch["thermal_segmentation"], self.tested_range, self.trained_range
            )
        for name in self.indices.keys() & batch.keys():
            batch[name] = _renumbered(batch[name], self.indices[name])
        if self.columns and "temperatures" in batch:
            own = batch["temperatures"]
            batch["temperatures"] = own.new_full((len(own), self.classes), float("nan"))
            batch["temperatures"][:, self.columns] = own
        return batch


def _renumbered(value: Tensor | list[Tensor], indices: Tensor) -> Tensor | list[Tensor]:
    """Return labels or masks [N, H, W], or a list of boxes [k, 5] whose last column is the class, with other class indices."""
    if isinstance(value, Tensor):
        return indices.to(value.device)[value]
    rows = [(boxes[:, :4], indices.to(boxes.device)[boxes[:, 4:].long()]) for boxes in value]
    return [torch.cat([corners, classes.to(corners.dtype)], dim=1) for corners, classes in rows]


def _between(thermal: Tensor, old: tuple[float, float] | None, new: tuple[float, float] | None) -> Tensor:
    """Return thermal images on another range in degrees; unchanged where a range is unknown or both are the same."""
    if old is None or new is None or old == new:
        return thermal
    return to_range(to_celsius(thermal, old), new)
