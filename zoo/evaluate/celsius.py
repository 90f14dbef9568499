"""Errors of predicted temperatures in degrees Celsius, overall and per class."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.contracts import Batch, Method
from zoo.evaluate.results import CelsiusErrors
from zoo.layers.conditions import one_hot
from zoo.layers.pixels import shown_degrees


class DegreeErrors:
    """Mean absolute errors of a method in degrees Celsius over batches with the entry `celsius`, overall and per class.

    Predicted degrees come from `Method.degrees`, or else from the translated image and the thermal range.

    Args:
        method: in the mode in which it translates.
        classes: names of the values of `labels`.
        thermal_range: degrees of the darkest and the brightest level.
    """

    def __init__(self, method: Method, classes: Sequence[str], thermal_range: tuple[float, float]) -> None:
        self._method, self._classes, self._range = method, classes, thermal_range
        self._totals: list[Tensor] = []
        self._by_class: list[Tensor] = []

    def translate(self, batch: Batch) -> Tensor:
        """Return the method's translation of a batch, after adding its errors."""
        real = batch["celsius"]
        # Dropout then draws the same numbers for the image, and the next image those that it draws without degrees.
        with torch.random.fork_rng([] if real.device.type == "cpu" else [real.device]):
            predicted = self._method.degrees(batch)
        translated = self._method.translate(batch)
        predicted = shown_degrees(translated, self._range) if predicted is None else predicted
        self._totals.append((predicted.double() - real.double()).abs().mean(dim=(1, 2, 3)))
        if "labels" in batch:
            self._by_class.append(errors_by_class(predicted, real, batch["labels"], len(self._classes)))
        return translated

    @property
    def errors(self) -> CelsiusErrors:
        """The errors so far."""
        totals = torch.cat(self._totals)
        named = mean_errors(torch.cat(self._by_class), self._classes) if self._by_class else {}
        return CelsiusErrors(all=float(totals.mean()), classes=named, n=len(totals))


def errors_by_class(predicted: Tensor, real: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the mean absolute error over each class's pixels in each image, float64 [N, classes] in degrees Celsius.

    The value is NaN for a class that is not in the image.

    Args:
        predicted: degrees Celsius [N, 1, H, W].
        real: degrees Celsius [N, 1, H, W].
        labels: int64 class indices [N, H, W].
        classes: number of classes.
    """
    masks = one_hot(labels, classes).double()
    errors = (predicted.double() - real.double()).abs()
    return (errors * masks).sum(dim=(2, 3)) / masks.sum(dim=(2, 3))


def mean_errors(errors: Tensor, classes: Sequence[str]) -> dict[str, float]:
    """Return each class's mean over the images that show it, by name; a class without images is absent.

    Args:
        errors: [N, classes] from `errors_by_class`.
        classes: class names by index.
    """
    means = torch.nanmean(errors, dim=0).tolist()
    return {name: mean for name, mean in zip(classes, means, strict=True) if not math.isnan(mean)}
