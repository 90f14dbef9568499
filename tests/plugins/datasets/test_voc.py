"""Edges part objects that touch, so that each keeps a mean temperature of its own."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.data.temperatures import mean_by_object
from zoo_plugins.datasets.voc import object_edges, with_edges


@pytest.mark.parametrize("width", [1, 2, 3])
def test_outlines_are_the_pixels_near_another_object(width: int) -> None:
    objects = np.random.default_rng(0).integers(0, 3, (6, 7)).repeat(4, axis=0).repeat(4, axis=1)
    got = object_edges(objects, width)
    for y, x in np.ndindex(objects.shape):
        near = [(y + d, x) for d in range(-width, width + 1)] + [(y, x + d) for d in range(-width, width + 1)]
        inside = [(a, b) for a, b in near if 0 <= a < objects.shape[0] and 0 <= b < objects.shape[1]]
        assert got[y, x] == any(objects[place] != objects[y, x] for place in inside)


def test_two_cars_that_touch_get_two_temperatures() -> None:
    labels = np.zeros((10, 20), np.uint8)
    labels[2:8, 2:18] = 1
    objects = labels.copy()
    objects[2:8, 10:18] = 2
    celsius = np.select([objects == 1, objects == 2], [30.0, 50.0], 10.0)
    assert mean_by_object(labels, celsius)[5, 5] == 40
    apart = mean_by_object(with_edges(labels, objects, index=2), celsius)
    assert (apart[5, 5], apart[5, 14]) == (30, 50)


def test_an_object_no_wider_than_its_outline_keeps_its_class() -> None:
    objects = np.zeros((9, 9), np.uint8)
    objects[4, 4] = 1
    got = with_edges(objects, objects, index=5)
    assert got[4, 4] == 1
    assert got[4, 3] == 5
