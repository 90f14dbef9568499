"""The images of a dataset while it is written: names, shared traits, range, temperatures, entries and files. Imports no torch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data import image_checks
from zoo.data.atomic_folder import AtomicFolder
from zoo.data.entries import EntryValues
from zoo.data.info import ALL_SPLITS, SPLITS
from zoo.data.layout import FOLDERS
from zoo.data.temperatures import ClassMean
from zoo.errors import DataError

Array = NDArray[Any]


class WrittenImages:
    """The images that were written to a folder so far, and what is measured of them on the way."""

    def __init__(self, folder: AtomicFolder) -> None:
        self.traits: image_checks.SharedTraits | None = None
        self.stems = {(split, kind): set[str]() for split in ALL_SPLITS for kind in ("visible", "thermal")}
        self.range = image_checks.ThermalRange()
        self.entries = EntryValues()
        self._folder = folder
        # Classes measured from labels are indices until the end, when their names are final.
        self._temperatures: dict[str, list[tuple[str, str | int, float]]] = {split: [] for split in ALL_SPLITS}
        self._top_label = (-1, "")

    @property
    def splits(self) -> list[str]:
        """The splits in order: `train`, `validation` where it has an image, `test`."""
        return [split for split in ALL_SPLITS if split in SPLITS or self.stems[split, "visible"]]

    @property
    def count(self) -> int:
        """Number of visible images."""
        return sum(len(self.stems[split, "visible"]) for split in ALL_SPLITS)

    def accept(self, split: str, kinds: tuple[str, ...], stem: str, image: image_checks.SharedTraits) -> None:
        """Record an image's name and traits; where they do not fit the earlier ones, raise and change nothing.

        Raises:
            DataError: there is no such split, or the stem or a trait does not fit.
        """
        if split not in ALL_SPLITS:
            raise DataError(f"split `{split}` of `{stem}` is not one of {', '.join(ALL_SPLITS)}")
        image_checks.require_stem(stem, self._folder.name_bytes)
        for kind in kinds:
            if stem in self.stems[split, kind]:
                raise DataError(f"the stem `{stem}` occurs twice in {split}/{kind}")
        self.traits = image_checks.merge_traits(self.traits, image, stem)
        for kind in kinds:
            self.stems[split, kind].add(stem)

    def save(self, split: str, kind: str, stem: str, pixels: Array) -> None:
        """Write an image: numbers with a fraction as NPY, others as PNG."""
        with self._folder.writing() as root:
            (root / split / kind).mkdir(parents=True, exist_ok=True)
            if pixels.dtype.kind == "f":
                np.save(root / split / kind / f"{stem}.npy", pixels, allow_pickle=False)
                return
            # Level 1 halves the time of writing for a few per cent of size.
            Image.fromarray(np.ascontiguousarray(pixels)).save(root / split / kind / f"{stem}.png", compress_level=1)

    def save_thermal(self, split: str, stem: str, thermal: Array) -> None:
        """Write a thermal image and record its lowest and highest value."""
        self.save(split, "thermal", stem, thermal)
        self.range.include(split, stem, thermal)

    def save_labels(self, split: str, stem: str, labels: Array) -> None:
        """Write class indices below 256 and record the largest."""
        self.save(split, "labels", stem, labels.astype(np.uint8))
        self._top_label = max(self._top_label, (int(labels.max()), stem))

    def add_temperatures(self, split: str, stem: str, degrees: Mapping[str, float] | Mapping[int, float]) -> None:
        """Record the degrees of an image by name or index of the class; those that are not finite do not count."""
        self._temperatures[split] += [(stem, c, float(value)) for c, value in degrees.items() if math.isfinite(value)]

    def temperatures(self, classes: Sequence[str]) -> dict[str, list[ClassMean]]:
        """Return the degrees of each split by class name.

        Raises:
            DataError: as `zoo.data.image_checks.name_classes`.
        """
        return {
            split: image_checks.name_classes(self._temperatures[split], classes, self._top_label)
            for split in self.splits
        }

    def hold_out(self, stems: Collection[str], split: str) -> None:
        """Move pairs from the training set to another split.

        Raises:
            DataError: a stem is not in the training set, or is in the other split already.
        """
        for stem in stems:
            if stem not in self.stems["train", "visible"] or stem in self.stems[split, "visible"]:
                raise DataError(f"`{stem}` cannot be held out: it is not a pair of the training set alone")
        with self._folder.writing() as root:
            for kind, stem, suffix in itertools.product([*FOLDERS, *self.entries.names], stems, (".png", ".npy")):
                path = root / "train" / kind / f"{stem}{suffix}"
                if path.is_file():
                    (root / split / kind).mkdir(parents=True, exist_ok=True)
                    path.rename(root / split / kind / path.name)
        for kind in ("visible", "thermal"):
            self.stems["train", kind] -= set(stems)
            self.stems[split, kind] |= set(stems)
        self.range.hold_out(stems, split)
        self.entries.hold_out(stems, split)
        rows = self._temperatures["train"]
        self._temperatures[split] += [row for row in rows if row[0] in stems]
        self._temperatures["train"] = [row for row in rows if row[0] not in stems]
