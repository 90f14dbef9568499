"""The `scenes` dataset: writes rendered scenes in zoo's layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.entries import Box, DatasetEntry
from zoo.errors import UsageError

from . import ScenesConfig
from .render import CLASSES, Scene, Split, render
from .sensors import THERMAL_RANGE

OBJECTS = ("person", "car", "minibus", "bus", "truck")
"""Classes that have boxes."""
ENTRIES = (
    DatasetEntry(name="boxes", kind="boxes", classes=OBJECTS, meaning="people and vehicles, what is seen of each"),
    DatasetEntry(name="daytime", kind="group", meaning="day or night"),
)

if TYPE_CHECKING:
    from zoo.data.writer import DatasetWriter


class Scenes:
    """Synthetic road scenes, rendered from a seed.

    Raises:
        UsageError: a count, the size or the share of nights is out of its range.
    """

    def __init__(self, config: ScenesConfig) -> None:
        if config.train < 0 or config.test < 0 or config.size < 16 or not 0 <= config.night <= 1 or config.seed < 0:
            raise UsageError(
                f"scenes cannot be rendered with {config}",
                "Counts and seed are 0 or more, size at least 16, night from 0 to 1",
            )
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None = None) -> None:
        """Render and write both splits.

        Raises:
            UsageError: a source folder was given; the set needs none.
        """
        if source is not None:
            raise UsageError(
                f"scenes is rendered from a seed and takes no source folder, but {source} was given",
                "Leave the folder out",
            )
        low, high = THERMAL_RANGE
        writer.describe(
            name="scenes",
            source=f"rendered by zoo, seed {self.config.seed}",
            license="Apache-2.0",
            citation="",
            classes=CLASSES,
            thermal_low=low,
            thermal_high=high,
            unit="celsius",
            entries=ENTRIES if self.config.entries else (),
        )
        counts: dict[Split, int] = {"train": self.config.train, "test": self.config.test}
        for split, count in counts.items():
            for index in range(count):
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
