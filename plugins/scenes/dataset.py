"""The `scenes` dataset: from one seed to one pair of pictures, and to a folder in zoo's layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from zoo.data.entries import Box, DatasetEntry
from zoo.errors import UsageError

from . import ScenesConfig
from .canvas import Canvas, Climate
from .layout import Camera, paint_scene
from .shading import THERMAL_RANGE, CanvasArrays, expose, measure, shade, warm
from .street import Street

if TYPE_CHECKING:
    from zoo.data.writer import DatasetWriter

Split = Literal["train", "test"]
CLASSES = ("sky", "road", "building", "tree", "person", "car", "minibus", "bus", "truck")
"""Label names by index. Road is all ground (asphalt, pavement, verge); building includes lamp posts and signs."""
OBJECTS = ("person", "car", "minibus", "bus", "truck")
"""Classes that have boxes."""
ENTRIES = (
    DatasetEntry(name="boxes", kind="boxes", classes=OBJECTS, meaning="people and vehicles, what is seen of each"),
    DatasetEntry(name="daytime", kind="group", meaning="day or night"),
)
CANVAS = 192
"""Pixels a side of the canvas at the least; a picture's pixel is the mean of 2 x 2 canvas pixels or more."""
STREAMS: dict[Split, int] = {"train": 0, "test": 1}


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
    """Render scene `index` of a split; a pure function: scenes do not depend on one another, nor the street on the size."""
    stream = [config.seed, STREAMS[split], index]
    rng = np.random.default_rng(stream)
    climate, street = Climate(rng, config.night), Street(rng)
    samples = max(2, round(CANVAS / config.size))
    canvas = Canvas(Camera(rng), climate, config.size * samples)
    lanterns = paint_scene(canvas, street, rng)

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


class Scenes:
    """Synthetic road scenes, rendered from a seed.

    Raises:
        UsageError: a count, the size or the share of nights is out of its range.
    """

    def __init__(self, config: ScenesConfig) -> None:
        if config.train < 0 or config.test < 0 or config.size < 16 or not 0 <= config.night <= 1 or config.seed < 0:
            fix = "Counts and seed are 0 or more, size at least 16, night from 0 to 1"
            raise UsageError(f"scenes cannot be rendered with {config}", fix)
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None = None) -> None:
        """Render and write both splits.

        Raises:
            UsageError: a source folder was given; the set needs none.
        """
        if source is not None:
            fix = "Leave the folder out"
            raise UsageError(f"scenes is rendered from a seed and takes no source folder, but {source} was given", fix)
        writer.describe(
            name="scenes",
            source=f"rendered by zoo, seed {self.config.seed}",
            license="Apache-2.0",
            citation="",
            classes=CLASSES,
            thermal_low=THERMAL_RANGE[0],
            thermal_high=THERMAL_RANGE[1],
            unit="celsius",
            entries=ENTRIES if self.config.entries else (),
        )
        for split in STREAMS:
            for index in range(getattr(self.config, split)):
                scene = render(self.config, index, split)
                writer.add(
                    split,
                    f"{split}_{index:05d}",
                    visible=scene.visible,
                    thermal=scene.thermal,
                    labels=scene.labels,
                    celsius=scene.celsius,
                    temperatures=scene.temperatures(),
                    entries=_entries(scene) if self.config.entries else {},
                )


def _entries(scene: Scene) -> dict[str, Any]:
    boxes = [
        Box(label=CLASSES[thing.label], corners=box)
        for thing, box in zip(scene.objects, scene.boxes(), strict=True)
        if CLASSES[thing.label] in OBJECTS
    ]
    return {"boxes": boxes, "daytime": "night" if scene.night else "day"}
