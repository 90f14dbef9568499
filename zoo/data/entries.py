"""Entries that a dataset declares in `dataset.json` beside the standard ones: their files, read and written. Imports no torch.

ROOT/SPLIT/NAME/STEM.png   kind `mask`: 8-bit values of every pixel
ROOT/SPLIT/NAME.json       kind `boxes`: {STEM: [{"class": NAME, "box": [x1, y1, x2, y2]}, ...]}; an absent stem has none
ROOT/SPLIT/NAME.csv        other kinds: a header, then `STEM,VALUE`; of a vector one column for each of its numbers
"""

from __future__ import annotations

import csv
import itertools
import math
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from zoo.errors import DataError

__all__ = ["Box", "DatasetEntry", "EntryKind", "files_by_stem", "read_values", "write_values"]

EntryKind = Literal["mask", "vector", "scalar", "boxes", "text", "group"]

STANDARD = (
    *("visible", "thermal", "labels", "celsius", "temperatures", "thermal_segmentation"),
    *("pairs", "object_celsius", "temperature", "source", "equal_channels", "prediction"),
    *("step", "progress", "origin"),
)
"""Names that a declared entry cannot have: entries, files and features that are zoo's own."""
MASK = object()
"""Stands for a mask that was written."""


@dataclass(frozen=True, kw_only=True)
class DatasetEntry:
    """One more entry that a dataset has for each image."""

    name: str
    """Name in a batch and of its file or folder: small letters, digits and `_`."""
    kind: EntryKind
    """What it is: `mask` (an 8-bit image), `boxes` (rectangles with classes), `vector` and `scalar` (numbers), `text`, or `group`
    (a name that several images share, such as day or night, or a sequence; scores are also given by group)."""
    classes: tuple[str, ...] = ()
    """Class names of the indices in `boxes`, or of the values of a mask."""
    unit: str = ""
    """Unit of the numbers."""
    meaning: str = ""
    """What it says, in one sentence."""

    def path(self, folder: Path) -> Path:
        """Return its file or folder in the folder of a split."""
        return folder / (self.name + {"mask": "", "boxes": ".json"}.get(self.kind, ".csv"))


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """An object in an image."""

    label: str = msgspec.field(name="class")
    """Name of its class."""
    corners: tuple[float, float, float, float] = msgspec.field(name="box")
    """x1, y1, x2, y2 in pixels of the stored image: its left, upper, right and lower edge."""


def declaration_fault(entries: Sequence[DatasetEntry]) -> str:
    """Return what is wrong with the declared entries of a dataset; empty where nothing is."""
    names = [entry.name for entry in entries]
    for entry in entries:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", entry.name):
            return f"the entry {entry.name!r} is not named by small letters, digits and _"
        if entry.name in STANDARD:
            return f"the entry {entry.name!r} has a name that zoo uses itself"
        if names.count(entry.name) > 1:
            return f"two entries are named {entry.name!r}"
    return ""


def files_by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of a folder with one of the suffixes (in upper or lower case) by stem; none if it is missing.

    Raises:
        DataError: two of them have the same stem.
    """
    files: dict[str, Path] = {}
    if not folder.is_dir():
        return files
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in files:
            raise DataError(
                f"`{path}` and `{files[path.stem].name}` in its folder have the same stem",
                "Rename one of the two, or move it out of the folder",
            )
        files[path.stem] = path
    return files


def read_values(entry: DatasetEntry, folder: Path) -> dict[str, Any]:
    """Return the values of an entry that is no mask by stem: lists of `Box`, a float, a list of floats, or a text.

    Args:
        entry: as declared.
        folder: of the split.

    Raises:
        DataError: the file is missing or damaged.
    """
    path = entry.path(folder)
    try:
        if entry.kind == "boxes":
            return dict(msgspec.json.decode(path.read_bytes(), type=dict[str, list[Box]]))
        with path.open(newline="", encoding="utf-8") as file:
            _, *rows = csv.reader(file)
            return {stem: _value(entry, stem, fields) for stem, *fields in rows}
    except (OSError, ValueError, csv.Error) as error:  # msgspec's errors are ValueErrors
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"`{path}` cannot be read: {reason}", "Correct the file, or remove the entry") from error


def write_values(entry: DatasetEntry, folder: Path, values: Mapping[str, Any]) -> None:
    """Write the values of an entry that is no mask, by stem, into the folder of a split."""
    path = entry.path(folder)
    if entry.kind == "boxes":
        path.write_bytes(msgspec.json.format(msgspec.json.encode(values, order="sorted"), indent=1) + b"\n")
        return
    rows = [[stem, *(value if entry.kind == "vector" else [value])] for stem, value in sorted(values.items())]
    columns = [f"{entry.name}_{index}" for index in range(len(rows[0]) - 1)] if entry.kind == "vector" and rows else []
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["stem", *(columns or [entry.name])], *rows])


def copy_entries(entries: Iterable[DatasetEntry], sources: Mapping[Path, Mapping[str, str]], target: Path) -> None:
    """Copy declared entries into the folder of a split.

    Args:
        entries: as declared.
        sources: the new stem of each stem to copy, by the folder of its split.
        target: folder of the new split.
    """
    for entry in entries:
        if entry.kind != "mask":
            values: dict[str, Any] = {}
            for source, stems in sources.items():
                found = read_values(entry, source) if stems else {}
                values |= {stems[stem]: value for stem, value in found.items() if stem in stems}
            write_values(entry, target, values)
            continue
        entry.path(target).mkdir(parents=True, exist_ok=True)
        for source, stems in sources.items():
            for stem, path in files_by_stem(entry.path(source), (".png",)).items():
                if stem in stems:
                    shutil.copyfile(path, entry.path(target) / f"{stems[stem]}.png")


def value_faults(entry: DatasetEntry, folder: Path, sizes: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """Yield what is wrong with the values of an entry that is no mask, each in one line.

    Args:
        entry: as declared.
        folder: of the split.
        sizes: height and width of the visible images, by stem.
    """
    try:
        values = read_values(entry, folder)
    except DataError as error:
        yield " ".join(error.message.replace(f"`{entry.path(folder)}`", "").split())
        return
    unknown = sorted(values.keys() - sizes.keys())
    if unknown:
        yield f"has values of `{unknown[0]}`, which is no image of the split ({len(unknown)} such names)"
    if entry.kind == "boxes":
        for stem in sorted(values.keys() & sizes.keys()):
            yield from _box_faults(entry, stem, values[stem], sizes[stem])
        return
    missing = sorted(sizes.keys() - values.keys())
    if missing:
        yield f"has no value of `{missing[0]}` ({len(missing)} images without one)"
    lengths = {len(value) for value in values.values()} if entry.kind == "vector" else set()
    if len(lengths) > 1:
        yield f"has vectors of different lengths: {', '.join(map(str, sorted(lengths)))}"


class EntryValues:
    """The values of a dataset's entries while it is written, by split, entry and stem; of masks only which there are."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def names(self) -> list[str]:
        """Names of the entries that images have."""
        return list(dict.fromkeys(name for _, name in self._values))

    def add(self, split: str, stem: str, entries: Mapping[str, Any]) -> None:
        """Add the entries of one image by name; a mask is an array."""
        for name, value in entries.items():
            self._values.setdefault((split, name), {})[stem] = MASK if hasattr(value, "shape") else value

    def hold_out(self, stems: Collection[str], split: str = "test") -> None:
        """Move images from the training set to another split."""
        for name in self.names:
            values = self._values.get(("train", name), {})
            held = {stem: values.pop(stem) for stem in stems if stem in values}
            self._values.setdefault((split, name), {}).update(held)

    def checked(
        self, declared: Sequence[DatasetEntry], stems: Mapping[tuple[str, str], Collection[str]]
    ) -> tuple[DatasetEntry, ...]:
        """Return the declared entries, boxes with the classes that occur where none are named.

        Args:
            declared: of the dataset.
            stems: of the images, by split and kind.

        Raises:
            DataError: an entry has no valid name or is not declared, or an image lacks one or has another kind.
        """
        fault = declaration_fault(declared)
        undeclared = set(self.names) - {entry.name for entry in declared}
        if undeclared:
            fault = f"images have the entries {', '.join(sorted(undeclared))}, which describe() does not declare"
        visible = {split: set(names) for (split, kind), names in stems.items() if kind == "visible" and names}
        for split, entry in itertools.product(visible, declared):
            values = self._values.setdefault((split, entry.name), {})
            missing = sorted(visible[split] - values.keys())
            wrong = [stem for stem, value in values.items() if (value is MASK) != (entry.kind == "mask")]
            if wrong or (missing and entry.kind != "boxes"):
                fault = fault or f"`{[*wrong, *missing][0]}` has no {entry.kind} for the declared entry {entry.name!r}"
        if fault:
            raise DataError(fault, "Correct the entries of the dataset")
        return tuple(entry if entry.classes else replace(entry, classes=self._classes(entry)) for entry in declared)

    def write(self, entries: Iterable[DatasetEntry], root: Path) -> None:
        """Write the files of the checked entries that are no masks."""
        by_name = {entry.name: entry for entry in entries if entry.kind != "mask"}
        for (split, name), values in self._values.items():
            if name in by_name and (root / split).is_dir():
                write_values(by_name[name], root / split, values)

    def _classes(self, entry: DatasetEntry) -> tuple[str, ...]:
        if entry.kind != "boxes":
            return ()
        lists = [boxes for (_, name), values in self._values.items() if name == entry.name for boxes in values.values()]
        return tuple(sorted({box.label for boxes in lists for box in boxes}))


def _box_faults(entry: DatasetEntry, stem: str, boxes: Iterable[Box], size: tuple[int, int]) -> Iterator[str]:
    height, width = size
    for box in boxes:
        x1, y1, x2, y2 = box.corners
        if box.label not in entry.classes:
            yield f"has a box of class `{box.label}` in `{stem}`, and the entry declares {', '.join(entry.classes)}"
        if not (max(x1, 0) < min(x2, width) and max(y1, 0) < min(y2, height)):  # also false for NaN
            yield f"has a box in `{stem}` without area inside the image of {height}x{width}: {box.corners}"


def _value(entry: DatasetEntry, stem: str, fields: Sequence[str]) -> Any:
    if not fields or (entry.kind != "vector" and len(fields) > 1):
        raise ValueError(f"the line of `{stem}` has {len(fields)} values")
    if entry.kind in ("text", "group"):
        return fields[0]
    numbers = [float(field) for field in fields]
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"a value of `{stem}` is not finite")
    return numbers if entry.kind == "vector" else numbers[0]
