"""The dataset layout: the files of a folder, their fingerprint, and names of files. Imports no torch, numpy or pillow.

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
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from zoo.data.entries import declaration_fault, files_by_stem
from zoo.data.info import ALL_SPLITS as ALL_SPLITS
from zoo.data.info import SPLITS as SPLITS
from zoo.data.info import Alignment as Alignment
from zoo.data.info import DataQuality, DatasetInfo, Health, LeftOut
from zoo.data.info import Spectrum as Spectrum
from zoo.data.info import Unit as Unit
from zoo.errors import DataError

__all__ = [
    "DataQuality",
    "DatasetInfo",
    "Entry",
    "Health",
    "LeftOut",
    "StemFiles",
    "encode_info",
    "fingerprint",
    "is_printable",
    "list_split",
    "member_folder",
    "printable",
    "printable_stem",
    "read_info",
    "write_info",
]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
THERMAL_SUFFIXES = (*IMAGE_SUFFIXES, ".npy")
INFO_FILE = "dataset.json"
MEMBERS = "members"
"""Folder of a union (`zoo.data.union`) with links to its datasets, named 0, 1, ..."""
TEMPERATURE_FILE = "temperature.csv"
FOLDERS = {"visible": IMAGE_SUFFIXES, "thermal": THERMAL_SUFFIXES, "labels": (".png",), "celsius": (".npy",)}


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
    """Return the folder of a union's dataset, where it is outside the union, so that messages name the user's files."""
    return (root / MEMBERS / str(number)).resolve()


def fingerprint(root: Path, info: DatasetInfo | None = None) -> str:
    """Return the SHA-256 of everything that a training uses: names and contents of the files, and the scale of values.

    `info` is read from `root` unless given. Source, license, citation and other files do not count.
    """
    info = info or read_info(root)
    if info.members:
        return info.fingerprint
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
