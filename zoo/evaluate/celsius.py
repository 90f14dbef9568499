"""How many degrees Celsius predicted temperatures are off, class by class."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.layers.conditions import one_hot


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
