"""A method that was trained on one dataset and is tested on another: classes by name, thermal values by degrees."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.contracts import Batch, Method
from zoo.data.layout import DatasetInfo
from zoo.layers.pixels import to_celsius, to_range


class TransferredMethod(Method):
    """A trained method whose translations stand on the thermal range of the dataset that it is tested on.

    Where both datasets are calibrated, a translation keeps its degrees and is clipped to the tested range; else each dataset's
    own range is -1 to 1. Class indices and mean temperatures become those of the same names in the training.

    Args:
        method: with its trained weights.
        trained, tested: the two datasets; the classes of `tested` are among those of `trained` if the method reads any.
    """

    def __init__(self, method: Method, trained: DatasetInfo, tested: DatasetInfo) -> None:
        super().__init__()
        self.method, self.test_mode = method, method.test_mode
        self.trained_range, self.tested_range = trained.thermal_range, tested.thermal_range
        self.classes = len(trained.classes)
        known = {name: number for number, name in enumerate(trained.classes)}
        self.numbers = [known.get(name, 0) for name in tested.classes] if known else []

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
        if self.numbers and "labels" in batch:
            batch["labels"] = torch.tensor(self.numbers, device=batch["labels"].device)[batch["labels"]]
        if self.numbers and "temperatures" in batch:
            own = batch["temperatures"]
            batch["temperatures"] = own.new_full((len(own), self.classes), float("nan"))
            batch["temperatures"][:, self.numbers] = own
        return batch


def _between(thermal: Tensor, old: tuple[float, float] | None, new: tuple[float, float] | None) -> Tensor:
    """Return thermal images on another range in degrees; unchanged where a range is unknown or both are the same."""
    if old is None or new is None or old == new:
        return thermal
    return to_range(to_celsius(thermal, old), new)
