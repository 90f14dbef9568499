"""Checks a dataset folder and names every problem in one line. Imports no torch."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zoo.data.entries import DatasetEntry, files_by_stem, value_faults
from zoo.data.images import header_size, read_celsius, read_labels, read_thermal, read_visible
from zoo.data.layout import (
    FOLDERS,
    SPLITS,
    DatasetInfo,
    StemFiles,
    fingerprint,
    list_split,
    member_folder,
    printable,
    read_info,
)
from zoo.data.temperatures import read_temperatures
from zoo.errors import DataError

Severity = Literal["error", "warning"]

_READERS: dict[str, Callable[[Path], Any]] = {
    "visible": read_visible,
    "thermal": read_thermal,
    "labels": read_labels,
    "celsius": read_celsius,
}
# How a whole file of these types ends; any other is decoded to find out.
_ENDS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9"}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with a dataset."""

    path: Path
    what: str
    """What is wrong, in one line, without the path."""
    severity: Severity = "error"
    """An error stops every training on the dataset; a warning does not."""

    def __str__(self) -> str:
        return printable(f"`{self.path}` {self.what}")


def check(root: Path) -> list[Problem]:
    """Decode every file of a dataset and return all problems, errors first.

    Raises:
        DataError: there is no folder of this name.
    """
    try:
        info = read_info(root)
    except DataError as error:
        if not root.is_dir():
            raise
        return [Problem(path=root, what=_without_path(error, root))]
    if info.members:
        return [problem for folder in _members(root, info) for problem in check(folder)]
    splits = [split for split in info.all_splits if split != "train" or not info.test_only]
    problems = [problem for split in splits for problem in _split_problems(root, split, info, _decode)]
    problems += _info_problems(root, info)
    return sorted(problems, key=lambda problem: problem.severity != "error")


def verify_pairs(root: Path, split: str) -> list[Problem]:
    """Return the problems that would stop a training, from file lists, headers and file ends only.

    Names a missing or empty folder, a missing partner, a truncated file and images of different sizes.

    Raises:
        DataError: `root` is not a dataset folder.
    """
    info = read_info(root)
    if info.members:
        having = [folder for folder in _members(root, info) if split in read_info(folder).all_splits]
        return [problem for folder in having for problem in verify_pairs(folder, split)]
    return list(_split_problems(root, split, info, _read_header))


def require_usable(root: Path, splits: Iterable[str] = SPLITS) -> None:
    """Verify splits quickly before any training.

    Raises:
        DataError: the first problem in one line, and how many more there are.
    """
    problems = [problem for split in splits for problem in verify_pairs(root, split)]
    if problems:
        more = f" (problem 1 of {len(problems)})" if len(problems) > 1 else ""
        datasets = _members(root, read_info(root)) or [root]
        damaged = [one for one in datasets if any(problem.path.is_relative_to(one) for problem in problems)]
        commands = " and ".join(f"zoo data check {shlex.quote(str(one))}" for one in damaged or [root])
        raise DataError(f"{problems[0]}{more}", f"To see all problems, run: {commands}")


def _members(root: Path, info: DatasetInfo) -> list[Path]:
    """Return the folders of a union's datasets; of a single dataset none."""
    return [member_folder(root, number) for number in range(len(info.members))]


@dataclass(frozen=True, kw_only=True)
class _FileFacts:
    """Facts of one file, or why it cannot be used."""

    error: str = ""
    size: tuple[int, ...] = ()
    bits: int = 0
    """Bits of a value; 0 if only the header was read."""
    top: int = 0
    """Largest label."""


def _read_header(kind: str, path: Path) -> _FileFacts:
    """Read the header and the end of a file; decode it only if it does not end as files of its suffix do."""
    try:
        size = header_size(path)
        end = _ENDS.get(path.suffix.lower())
        if path.suffix.lower() != ".npy" and (end is None or not _ends_with(path, end)):
            _READERS[kind](path)
        return _FileFacts(size=size)
    except DataError as error:
        return _FileFacts(error=_without_path(error, path))


def _decode(kind: str, path: Path) -> _FileFacts:
    try:
        pixels = _READERS[kind](path)
    except DataError as error:
        return _FileFacts(error=_without_path(error, path))
    top = int(pixels.max()) if kind == "labels" else 0
    return _FileFacts(size=pixels.shape[:2], bits=8 * pixels.dtype.itemsize, top=top)


def _split_problems(
    root: Path, split: str, info: DatasetInfo, read: Callable[[str, Path], _FileFacts]
) -> Iterator[Problem]:
    folder = root / split
    if split == "train" and info.test_only:
        yield Problem(path=root, what="is for testing only: it has no training set")
        return
    try:
        entries = list_split(root, split)
        temperatures = read_temperatures(root, split)
    except DataError as error:
        yield Problem(path=folder, what=f"cannot be used: {error.message}")
        return
    empty = [path for kind in ("visible", "thermal") if not files_by_stem(path := folder / kind, FOLDERS[kind])]
    for path in empty:
        yield Problem(path=path, what="holds no image" if path.is_dir() else "does not exist")
    if empty:
        return
    optional = [kind for kind in ("labels", "celsius") if any(getattr(entry, kind) for entry in entries)]
    with ThreadPoolExecutor() as pool:
        for problems in pool.map(lambda entry: list(_entry_problems(folder, entry, info, optional, read)), entries):
            yield from problems
    for entry in info.entries:
        yield from _declared_problems(folder, entry, entries, read)
    unknown = {name for row in temperatures.values() for name in row} - set(info.classes)
    if unknown:
        names = ", ".join(sorted(unknown))
        yield Problem(path=folder, what=f"has temperatures of classes that dataset.json lacks: {names}")


def _entry_problems(
    folder: Path, entry: StemFiles, info: DatasetInfo, optional: Sequence[str], read: Callable[[str, Path], _FileFacts]
) -> Iterator[Problem]:
    present = {kind: path for kind in FOLDERS if (path := getattr(entry, kind)) is not None}
    first = next(iter(present.values()))
    wanted = ["visible", "thermal", *optional] if info.pairs else [*optional] if entry.visible else []
    for kind in wanted:
        if kind not in present:
            yield Problem(path=first, what=f"has no partner in {folder.name}/{kind}")
    facts_of = {kind: read(kind, path) for kind, path in present.items()}
    for kind, facts in facts_of.items():
        if facts.error:
            yield Problem(path=present[kind], what=facts.error)
        elif kind == "thermal" and facts.bits and facts.bits != info.thermal_bits:
            yield Problem(
                path=present[kind], what=f"has {facts.bits} bits, but dataset.json states {info.thermal_bits}"
            )
        elif kind == "labels" and facts.top > 0 and facts.top >= len(info.classes):
            yield Problem(path=present[kind], what=f"has label {facts.top}, but there are {len(info.classes)} classes")
    sizes = {
        kind: facts.size for kind, facts in facts_of.items() if not facts.error and (info.pairs or kind != "thermal")
    }
    if len(set(sizes.values())) > 1:
        text = ", ".join(f"{kind} {'x'.join(map(str, size))}" for kind, size in sizes.items())
        yield Problem(path=first, what=f"differs in size from its partners: {text} (height x width)")


def _declared_problems(
    folder: Path, entry: DatasetEntry, files: Sequence[StemFiles], read: Callable[[str, Path], _FileFacts]
) -> Iterator[Problem]:
    """Compare a declared entry with the visible images of the split."""
    place = entry.path(folder)
    sizes: dict[str, tuple[int, int]] = {}
    for each in files:
        if each.visible:
            with suppress(DataError):  # reported with the image
                sizes[each.stem] = header_size(each.visible)
    if entry.kind != "mask":
        yield from (Problem(path=place, what=fault) for fault in value_faults(entry, folder, sizes))
        return
    masks = files_by_stem(place, (".png",))
    for stem, size in sizes.items():
        if stem not in masks:
            yield Problem(path=place, what=f"has no mask of `{stem}`")
            continue
        facts = read("labels", masks[stem])
        if facts.error:
            yield Problem(path=masks[stem], what=facts.error)
        elif facts.size != size:
            found = f"{'x'.join(map(str, facts.size))} against {'x'.join(map(str, size))}"
            yield Problem(path=masks[stem], what=f"differs in size from its image: {found} (height x width)")


def _info_problems(root: Path, info: DatasetInfo) -> Iterator[Problem]:
    """Compare `dataset.json` with the files."""
    path = root / "dataset.json"
    try:
        splits = {split: list_split(root, split) for split in info.all_splits}
        found = fingerprint(root, info)
    except DataError:
        return  # reported above
    for split, entries in splits.items():
        count = sum(entry.visible is not None for entry in entries)
        if info.splits.get(split, 0) != count:
            yield Problem(
                path=path, what=f"states {info.splits.get(split, 0)} images in {split}, but there are {count}"
            )
        for kind, described in (("labels", bool(info.classes)), ("celsius", info.celsius)):
            present = any(getattr(entry, kind) for entry in entries)
            if described and not present and count:
                yield Problem(path=path, what=f"describes {kind}, but there are none in {split}")
            if present and not described:
                yield Problem(path=path, what=f"does not describe the {kind} that are in {split}")
    if "validation" not in splits and list_split(root, "validation"):
        what = "states no validation split, but there are images in validation"
        yield Problem(path=path, what=what, severity="warning")
    if info.fingerprint and info.fingerprint != found:
        yield Problem(path=path, what="is older than the files: their fingerprint has changed", severity="warning")


def _ends_with(path: Path, end: bytes) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-len(end), 2)
            return file.read() == end
    except OSError:
        return False


def _without_path(error: DataError, path: Path) -> str:
    return " ".join(error.message.replace(f"`{path}`", "").split())
