"""Errors of predicted temperatures in degrees Celsius, overall and per class."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.contracts import Method
from zoo.data.store import on_device
from zoo.evaluate.results import CelsiusErrors
from zoo.evaluate.score import Split
from zoo.layers.conditions import one_hot
from zoo.layers.pixels import shown_degrees


def score_celsius(
    method: Method,
    store: Split,
    *,
    classes: Sequence[str],
    thermal_range: tuple[float, float],
    device: torch.device,
) -> CelsiusErrors:
    """Return a method's mean absolute errors on a test split with the batch entry `celsius`, one image at a time.

    Predicted degrees come from `Method.degrees`, or else from the translated image and the thermal range.
    """
    totals, by_class = [], []
    for i in range(len(store)):
        batch = on_device(store.whole(torch.tensor([i])), device)
        predicted = method.degrees(batch)
        if predicted is None:
            predicted = shown_degrees(method.translate(batch), thermal_range)
        real = batch["celsius"]
        totals.append((predicted.double() - real.double()).abs().mean())
        if "labels" in batch:
            by_class.append(errors_by_class(predicted, real, batch["labels"], len(classes)))
    named = mean_errors(torch.cat(by_class), classes) if by_class else {}
    return CelsiusErrors(all=float(torch.stack(totals).mean()), classes=named, n=len(store))


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
