"""How many degrees Celsius predicted temperatures are off, class by class."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.contracts import Method
from zoo.data.store import Store
from zoo.evaluate.results import CelsiusErrors
from zoo.layers.conditions import one_hot
from zoo.layers.pixels import shown_degrees


def score_celsius(
    method: Method, store: Store, *, classes: Sequence[str], thermal_range: tuple[float, float], device: torch.device
) -> CelsiusErrors:
    """Return how many degrees a method is off on a test split whose images carry `celsius`, one image at a time.

    Degrees are the method's own (`Method.degrees`), else its thermal image's over the thermal range, outside of which no image
    can say more.
    """
    totals, by_class = [], []
    for i in range(len(store)):
        batch = {name: tensor.to(device) for name, tensor in store.whole(torch.tensor([i])).items()}
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

    A class that an image does not show has NaN there.

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
    """Return each class's mean over the images that show it, by name; a class that none shows is absent.

    Args:
        errors: [N, classes] of `errors_by_class`, of as many batches as there are.
        classes: class names by index.
    """
    means = torch.nanmean(errors, dim=0).tolist()
    return {name: mean for name, mean in zip(classes, means, strict=True) if not math.isnan(mean)}
