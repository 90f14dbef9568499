"""The content of `dataset.json`: what is known of a dataset, and its data quality. Imports no torch, numpy or pillow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from zoo.data.entries import DatasetEntry

SPLITS = ("train", "test")
"""The splits of every dataset; one may state a `validation` split as well (`DatasetInfo.all_splits`)."""
ALL_SPLITS: tuple[str, ...] = ("train", "validation", "test")

Unit = Literal["grey", "celsius"]
Alignment = Literal["", "pixel", "time", "none"]
Spectrum = Literal["", "lwir", "mwir", "nir"]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A file of the source that an importer skipped."""

    name: str
    """Its path inside the source."""
    reason: str
    """Why, in one line."""


class DataQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Results of the data quality checks of a dataset, in counts; `zoo.data.quality` measures them, tables show `summary`."""

    images: int
    """Number of visible images checked."""
    checked: int = msgspec.field(default=0, name="judged")  # in the file it has the name of release 0.1
    """Number of pairs with edges enough to check their registration."""
    misregistered: int = 0
    """Number of checked pairs whose two images are shifted against each other."""
    shift: float = 0.0
    """Median shift of the checked pairs in pixels, accurate to about a pixel."""
    repeated: int = 0
    """Number of test images that the training split contains too."""
    clipped: int = 0
    """Number of thermal images of which a large part lies at or beyond an end of the thermal range."""
    constant: int = 0
    """Number of thermal images without contrast."""
    mismatched: int = 0
    """Number of files in the wrong place: labels in other colours, a thermal image in place of the visible."""
    unreadable: int = 0
    """Number of files that cannot be decoded."""
    fingerprint: str = ""
    """The dataset's fingerprint when this was measured."""

    @property
    def judged(self) -> int:
        """Former name of `checked`."""
        return self.checked

    @property
    def summary(self) -> str:
        """The problems found, in one line."""
        counts = {
            f"of {self.checked} checked pairs misregistered": self.misregistered,
            "test images repeated in training": self.repeated,
            "thermal images clipped": self.clipped,
            "thermal images constant": self.constant,
            "files mismatched": self.mismatched,
            "files unreadable": self.unreadable,
        }
        found = [f"{count} {what}" for what, count in counts.items() if count]
        checked = f"checked in {self.checked} pairs" if self.checked else "not checked"
        return ", ".join(found) or f"no problem found in {self.images} images (registration {checked})"


Health = DataQuality  # former name, for one release


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """The content of `dataset.json`."""

    name: str
    """Short name, as shown in tables."""
    source: str = ""
    """Where the images come from: paper, address, or how they were made."""
    license: str = ""
    """The publishers' license; empty if they state none."""
    citation: str = ""
    """How to cite it."""
    splits: dict[str, int]
    """Number of pairs by split; of visible images where the set is unpaired. A set for testing only has 0 in `train`."""
    split_origin: str = ""
    """Who made the split: the publishers, a paper, or the importer by a rule; empty if not stated."""
    pairs: bool = True
    """Whether images of one stem in `visible` and `thermal` show the same scene."""
    alignment: Alignment = ""
    """How the two images of a stem correspond: `pixel`, `time` (both cameras at one moment, not registered), `none`; empty if not
    stated. Only `pixel` makes pairs: images of one moment are compared with no pixel metric."""
    spectrum: Spectrum = ""
    """What the thermal camera measures: heat (`lwir`, `mwir`) or reflected light (`nir`); empty if not stated."""
    classes: tuple[str, ...] = ()
    """Class names of the label indices 0, 1, ...; empty without labels."""
    celsius: bool = False
    """Whether the degrees of every pixel are given in `celsius/`."""
    unit: Unit = "grey"
    """What `thermal_low` and `thermal_high` count: stored grey levels, or degrees Celsius."""
    thermal_bits: Literal[8, 16, 32] = 8
    """Depth of the thermal files: 8 and 16 are integers, 32 is float."""
    thermal_low: float = 0.0
    """Thermal value, in `unit`, that networks see as -1."""
    thermal_high: float = 255.0
    """Thermal value, in `unit`, that networks see as 1."""
    class_temperatures: dict[str, float] = field(default_factory=dict)
    """Mean degrees Celsius of each class over the training images that show it; a class that never occurs is absent."""
    entries: tuple[DatasetEntry, ...] = ()
    """More entries of each image, such as boxes or a group."""
    left_out: tuple[LeftOut, ...] = ()
    """Files that the importer skipped, with reasons."""
    notes: tuple[str, ...] = ()
    """Decisions of the importer, one sentence each."""
    fingerprint: str = ""
    """`fingerprint(root)` at the time of writing."""
    drawn: str = ""
    """How `zoo data sample` made this subset of another dataset; empty for a whole one."""
    health: DataQuality | None = None
    """Results of the data quality checks, or None where they were not run; no part of the fingerprint."""
    members: tuple[DatasetInfo, ...] = ()
    """The datasets of a union, in order, with names that begin its stems; empty for a single dataset."""

    def health_summary(self, fingerprint: str) -> str:
        """Return the health of a dataset with this fingerprint in one line; empty if it was not measured for these files."""
        if self.members:
            found = {one.name: one.health_summary(one.fingerprint) for one in self.members}
            return "; ".join(f"{name}: {text}" for name, text in found.items()) if all(found.values()) else ""
        return self.health.summary if self.health and self.health.fingerprint in ("", fingerprint) else ""

    @property
    def all_splits(self) -> tuple[str, ...]:
        """The splits in order: `train`, `validation` where there is one, `test`."""
        return tuple(split for split in ALL_SPLITS if split in SPLITS or self.splits.get(split))

    @property
    def test_only(self) -> bool:
        """Whether there is nothing to train on."""
        return self.splits.get("train") == 0 and self.splits.get("test", 0) > 0

    @property
    def offers(self) -> frozenset[str]:
        """Features that a recipe may need: entries, `pairs`, `labels`, `celsius`, `temperatures`, `thermal_segmentation`.

        Networks receive the last two in the thermal range, so these need a range in degrees.
        """
        has_celsius = self.celsius or (self.unit == "celsius" and self.pairs)
        in_range = bool(self.classes) and has_celsius and self.thermal_range is not None
        features = {
            "pairs": self.pairs,
            "labels": bool(self.classes),
            "celsius": has_celsius,
            "temperatures": in_range and bool(self.class_temperatures),
            "thermal_segmentation": in_range,
        }
        features |= {entry.name: True for entry in self.entries}
        return frozenset(name for name, present in features.items() if present)

    def classes_of(self, name: str) -> tuple[str, ...]:
        """Return the class names of `labels` or of a declared entry; none for others."""
        declared = {entry.name: entry.classes for entry in self.entries}
        return self.classes if name == "labels" else declared.get(name, ())

    @property
    def thermal_range(self) -> tuple[float, float] | None:
        """Degrees Celsius that networks see as -1 and 1, or None where only grey levels are known."""
        return (self.thermal_low, self.thermal_high) if self.unit == "celsius" else None

    @property
    def stored_range(self) -> tuple[float, float]:
        """Stored numbers that networks see as -1 and 1.

        Grey files and float files hold the unit itself; integer files of degrees spread the range over all their levels.
        """
        if self.unit == "celsius" and self.thermal_bits < 32:
            return 0.0, float(2**self.thermal_bits - 1)
        return self.thermal_low, self.thermal_high
