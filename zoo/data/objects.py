"""Outlines of labelled objects, by which two of one class that touch stay apart. Imports no torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def outlines(objects: NDArray[Any], width: int = 1) -> NDArray[np.bool_]:
    """Return where objects meet, bool [H, W]: every pixel within `width` steps up, down, left or right of another object.

    An object is a set of equal values in `objects` [H, W]. The LayerGAN paper (section 3.1) draws such edges into its maps of
    classes; objects of one class that touch become separate regions by them, each with a mean temperature of its own.
    """
    edge = np.zeros(objects.shape, bool)
    for axis in (0, 1):
        for step in range(1, min(width, objects.shape[axis] - 1) + 1):
            first = [slice(None), slice(None)]
            second = [slice(None), slice(None)]
            first[axis], second[axis] = slice(None, -step), slice(step, None)
            differs = objects[tuple(first)] != objects[tuple(second)]
            edge[tuple(first)] |= differs
            edge[tuple(second)] |= differs
    return edge


def with_edges(labels: NDArray[Any], objects: NDArray[Any], *, index: int, width: int = 1) -> NDArray[np.uint8]:
    """Return labels [H, W] in which the outlines of `objects` have the class `index`.

    An object whose outline covers it whole keeps its class, since its temperature would be lost otherwise.
    """
    edge = outlines(objects, width)
    for value in np.unique(objects[edge]):
        inside = objects == value
        if edge[inside].all():
            edge &= ~inside
    return np.where(edge, index, labels).astype(np.uint8)
