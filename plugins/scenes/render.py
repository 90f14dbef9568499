"""From one seed to one pair of pictures: `render` is a pure function of its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from . import ScenesConfig
from .canvas import Canvas, Surface
from .climate import sample_climate
from .layout import paint_scene, sample_camera
from .sensors import expose, measure
from .shading import CanvasArrays, shade, warm
from .street import sample_street

Split = Literal["train", "test"]
CLASSES = ("sky", "road", "building", "tree", "person", "car", "minibus", "bus", "truck")
"""Label names by index. Road is all ground (asphalt, pavement, verge); building includes lamp posts and signs."""
CANVAS = 192
"""Pixels a side of the canvas at the least; a picture's pixel is the mean of 2 x 2 canvas pixels or more."""
STREAMS = {"train": 0, "test": 1}


@dataclass(frozen=True, kw_only=True)
class SceneObject:
    """An object that is seen in a scene."""

    label: int
    """Index in `CLASSES`."""
    celsius: float
    """Mean of `Scene.celsius` over its pixels."""
    pixels: int


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One street, seen twice. Every array has the same height and width."""

    visible: NDArray[np.uint8]
    """[H, W, 3], with sensor noise."""
    thermal: NDArray[np.uint8]
    """[H, W], with sensor noise; 0 and 255 are the degrees of `THERMAL_RANGE`."""
    celsius: NDArray[np.float32]
    """[H, W], degrees after the lens and before the sensor: what a perfect detector would read."""
    labels: NDArray[np.uint8]
    """[H, W], indices in `CLASSES`."""
    instances: NDArray[np.uint16]
    """[H, W], indices in `objects`."""
    objects: tuple[SceneObject, ...]
    night: bool

    def boxes(self) -> list[tuple[float, float, float, float]]:
        """Return x1, y1, x2, y2 around the seen pixels of each object, in pixels, in the order of `objects`."""
        corners = []
        for index in range(len(self.objects)):
            rows, columns = np.nonzero(self.instances == index)
            corners.append((float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)))
        return corners

    def temperatures(self) -> dict[str, float]:
        """Return the mean degrees Celsius of each class that is seen."""
        return {
            CLASSES[label]: float(self.celsius[self.labels == label].mean())
            for label in np.unique(self.labels).tolist()
        }


def render(config: ScenesConfig, index: int, split: Split = "train") -> Scene:
    """Render scene `index` of a split; scenes do not depend on one another, nor the street on the size."""
    stream = [config.seed, STREAMS[split], index]
    rng = np.random.default_rng(stream)
    climate = sample_climate(rng, config.night)
    street = sample_street(rng)
    camera = sample_camera(rng, street)
    samples = max(2, round(CANVAS / config.size))
    canvas = Canvas(camera, climate.sun, config.size * samples, Surface((0.0, 0.0, 0.0), climate.zenith))
    lanterns = paint_scene(canvas, climate, street, rng)

    sensor = np.random.default_rng([*stream, 1])
    view = CanvasArrays(canvas, samples, np.random.default_rng([*stream, 2]))
    visible = expose(shade(view, climate, lanterns), climate.night, sensor)
    celsius, thermal = measure(warm(view, climate), config.seed, sensor)

    middle = slice(samples // 2, None, samples)
    things = np.array([row.thing for row in canvas.rows])[view.seen[middle, middle]]
    seen, instances = np.unique(things, return_inverse=True)
    instances = instances.reshape(things.shape)
    kinds = np.array([CLASSES.index(label) for label in canvas.labels], dtype=np.uint8)[seen]
    pixels = np.bincount(instances.ravel())
    means = np.bincount(instances.ravel(), weights=celsius.ravel()) / pixels
    objects = tuple(
        SceneObject(label=int(kind), celsius=float(mean), pixels=int(count))
        for kind, mean, count in zip(kinds, means, pixels, strict=True)
    )
    return Scene(
        visible=visible,
        thermal=thermal,
        celsius=celsius,
        labels=kinds[instances],
        instances=instances.astype(np.uint16),
        objects=objects,
        night=climate.night,
    )
