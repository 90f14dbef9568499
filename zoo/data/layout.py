"""The dataset layout: the files of a folder, the fields of `dataset.json`, and names of files. Imports no torch, numpy or pillow.

ROOT/dataset.json                        DatasetInfo
ROOT/validation/                         optional third split, as the other two; nothing trains on it
ROOT/{train,test}/visible/STEM.png       what an ordinary camera sees
ROOT/{train,test}/thermal/STEM.png       8-bit or 16-bit PNG or TIFF, or a float NPY; the same stem is a pair
ROOT/{train,test}/labels/STEM.png        optional class indices, 8-bit
ROOT/{train,test}/celsius/STEM.npy       optional degrees Celsius of every pixel
ROOT/{train,test}/temperature.csv        optional `stem,class,celsius`: mean degrees of a class in an image
ROOT/{train,test}/NAME...                entries that `dataset.json` declares, see `zoo.data.entries`

A union of datasets (`zoo.data.union`) has links to their folders instead.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec

from zoo.data.entries import DatasetEntry, declaration_fault, files_by_stem
from zoo.errors import DataError

SPLITS = ("train", "test")
"""The splits of every dataset; one may state a `validation` split as well (`DatasetInfo.all_splits`)."""
ALL_SPLITS: tuple[str, ...] = ("train", "validation", "test")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
THERMAL_SUFFIXES = (*IMAGE_SUFFIXES, ".npy")
INFO_FILE = "dataset.json"
MEMBERS = "members"
"""Folder of a union (`zoo.data.union`) with links to its datasets, named 0, 1, ..."""
TEMPERATURE_FILE = "temperature.csv"
FOLDERS = {"visible": IMAGE_SUFFIXES, "thermal": THERMAL_SUFFIXES, "labels": (".png",), "celsius": (".npy",)}

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
    checked: int = msgspec.field(default=0, name="judged")
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
        return (
            ", ".join(found)
            or f"no problem found in {self.images} images (registration checked in {self.checked} pairs)"
        )


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


@dataclass(frozen=True, kw_only=True)
class StemFiles:
    """The files of one stem; a missing file is None."""

    stem: str
    visible: Path | None = None
    thermal: Path | None = None
    labels: Path | None = None
    celsius: Path | None = None
    member: int = 0
    """Number of the dataset of a union that they are from."""


Entry = StemFiles  # former name, for one release


def read_info(root: Path) -> DatasetInfo:
    """Return the content of `root/dataset.json`.

    Raises:
        DataError: there is no such folder, it is empty, or its `dataset.json` is missing or damaged.
    """
    new = f"zoo data import KIND SRC {root}"
    if not root.exists():
        raise DataError(f"dataset folder `{root}` does not exist", f"Check the path, or make it: {new}")
    if not root.is_dir():
        raise DataError(f"`{root}` is a file, not a dataset folder", f"Name the folder that holds {INFO_FILE}")
    path = root / INFO_FILE
    if not path.is_file():
        empty = not any(root.iterdir())
        found, fix = ("is empty", new) if empty else (f"has no {INFO_FILE}", f"zoo data import KIND {root} DST")
        raise DataError(f"`{root}` {found}, so it is not a dataset in zoo's layout", f"To import one, run: {fix}")
    try:
        info = msgspec.json.decode(path.read_bytes(), type=DatasetInfo)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise DataError(
            f"`{path}` cannot be read: {error}",
            "Correct the file, or import the dataset into a new folder: zoo data import KIND SRC DST",
        ) from error
    if not info.thermal_low < info.thermal_high:
        ends = f"thermal_low {info.thermal_low:g} is not below thermal_high {info.thermal_high:g}"
        raise DataError(f"in `{path}` {ends}", "Correct the two numbers")
    if fault := declaration_fault(info.entries):
        raise DataError(f"in `{path}` {fault}", "Correct the entry")
    return info


def encode_info(info: DatasetInfo) -> bytes:
    """Return the content of `dataset.json`."""
    return msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n"


def write_info(root: Path, info: DatasetInfo) -> DatasetInfo:
    """Write `root/dataset.json` with the fingerprint of the files, and return what was written."""
    info = replace(info, fingerprint=fingerprint(root, info))
    (root / INFO_FILE).write_bytes(encode_info(info))
    return info


def list_split(root: Path, split: str) -> list[StemFiles]:
    """Return every stem of a split's visible and thermal images with the files that go with it, sorted by stem.

    Raises:
        DataError: two images of one folder have the same stem.
    """
    if (root / MEMBERS).is_dir():
        return [
            replace(files, stem=f"{member.name}/{files.stem}", member=number)
            for number, member in enumerate(read_info(root).members)
            for files in list_split(member_folder(root, number), split)
        ]
    found = {kind: files_by_stem(root / split / kind, suffixes) for kind, suffixes in FOLDERS.items()}
    stems = sorted(found["visible"].keys() | found["thermal"].keys())
    return [
        StemFiles(stem=stem, member=0, **{kind: files.get(stem) for kind, files in found.items()}) for stem in stems
    ]


def member_folder(root: Path, number: int) -> Path:
    """Return the folder of a union's dataset."""
    return root / MEMBERS / str(number)


def fingerprint(root: Path, info: DatasetInfo | None = None) -> str:
    """Return the SHA-256 of everything that a training uses: names and contents of the files, and the scale of values.

    `info` is read from `root` unless given. Source, license, citation and other files do not count.
    """
    info = info or read_info(root)
    digest = hashlib.sha256()
    scale = (info.pairs, info.unit, info.thermal_low, info.thermal_high, info.classes)
    digest.update(msgspec.json.encode(scale))
    if info.entries:  # what does not declare any keeps its fingerprint
        digest.update(msgspec.json.encode([(entry.name, entry.kind, entry.classes) for entry in info.entries]))
    for path in _files(root, info):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"\n{path.relative_to(root).as_posix()} {content}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _files(root: Path, info: DatasetInfo) -> list[Path]:
    files = [root / split / TEMPERATURE_FILE for split in info.all_splits]
    for split in info.all_splits:
        for declared in info.entries:
            path = declared.path(root / split)
            files += files_by_stem(path, (".png",)).values() if declared.kind == "mask" else [path]
        for entry in list_split(root, split):
            files += [path for kind in FOLDERS if (path := getattr(entry, kind))]
    return sorted((path for path in files if path.is_file()), key=lambda path: path.relative_to(root).as_posix())


def printable(text: str) -> str:
    """Return a file name with control characters and bytes that are not UTF-8 written as `%XX`, in Unicode's composed form (NFC).

    Archives of other systems unpack to names in other encodings (GBK, Shift JIS), which neither JSON nor a terminal accepts.
    """
    composed = unicodedata.normalize("NFC", text)
    codes = {letter: letter.encode(errors="surrogateescape") for letter in composed if _needs_escape(letter)}
    return "".join("".join(f"%{byte:02X}" for byte in codes.get(letter, b"")) or letter for letter in composed)


def printable_stem(path: Path | str) -> str:
    """Return the stem under which an image is stored; see `printable`."""
    return printable(Path(path).stem)


def is_printable(text: str) -> bool:
    """Return whether a name has no control character and no byte that is not UTF-8."""
    return not any(map(_needs_escape, text))


def _needs_escape(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")  # control, surrogate, line and paragraph separator
