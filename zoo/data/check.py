"""Checks a dataset folder and names every problem in one line. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zoo.data.images import header_size, read_celsius, read_labels, read_thermal, read_visible
from zoo.data.layout import (
    FOLDERS,
    SPLITS,
    DatasetInfo,
    Entry,
    files_by_stem,
    fingerprint,
    list_split,
    read_info,
)
from zoo.data.names import plain
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
        return plain(f"`{self.path}` {self.what}")


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
    problems = [problem for split in SPLITS for problem in _split_problems(root, split, info, _decode)]
    problems += _info_problems(root, info)
    return sorted(problems, key=lambda problem: problem.severity != "error")


def verify_pairs(root: Path, split: str) -> list[Problem]:
    """Return the problems that would stop a training, found quickly: from file lists, headers and file ends.

    Names a missing or empty folder, a missing partner, a truncated file and images of different sizes.

    Raises:
        DataError: `root` is not a dataset folder.
    """
    return list(_split_problems(root, split, read_info(root), _glance))


def require_usable(root: Path, splits: Iterable[str] = SPLITS) -> None:
    """Verify splits quickly before any training.

    Raises:
        DataError: the first problem in one line, and how many more there are.
    """
    problems = [problem for split in splits for problem in verify_pairs(root, split)]
    if problems:
        more = f" (problem 1 of {len(problems)})" if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more}", f"To see all problems, run: zoo data check {root}")


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What one look at a file gave: why it cannot be used, or its facts."""

    error: str = ""
    size: tuple[int, ...] = ()
    bits: int = 0
    """Bits of a value; 0 if the look did not go so far."""
    top: int = 0
    """Largest label."""


def _glance(kind: str, path: Path) -> _Look:
    """Look at the header and the end of a file; decode it only if it does not end as its suffix promises."""
    try:
        size = header_size(path)
        end = _ENDS.get(path.suffix.lower())
        if path.suffix.lower() != ".npy" and (end is None or not _ends_with(path, end)):
            _READERS[kind](path)
        return _Look(size=size)
    except DataError as error:
        return _Look(error=_without_path(error, path))


def _decode(kind: str, path: Path) -> _Look:
    try:
        pixels = _READERS[kind](path)
    except DataError as error:
        return _Look(error=_without_path(error, path))
    top = int(pixels.max()) if kind == "labels" else 0
    return _Look(size=pixels.shape[:2], bits=8 * pixels.dtype.itemsize, top=top)


def _split_problems(root: Path, split: str, info: DatasetInfo, look: Callable[[str, Path], _Look]) -> Iterator[Problem]:
    folder = root / split
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
        for problems in pool.map(lambda entry: list(_entry_problems(folder, entry, info, optional, look)), entries):
            yield from problems
    unknown = {name for row in temperatures.values() for name in row} - set(info.classes)
    if unknown:
        names = ", ".join(sorted(unknown))
        yield Problem(path=folder, what=f"has temperatures of classes that dataset.json lacks: {names}")


def _entry_problems(
    folder: Path, entry: Entry, info: DatasetInfo, optional: Sequence[str], look: Callable[[str, Path], _Look]
) -> Iterator[Problem]:
    present = {kind: path for kind in FOLDERS if (path := getattr(entry, kind)) is not None}
    first = next(iter(present.values()))
    wanted = ["visible", "thermal", *optional] if info.pairs else [*optional] if entry.visible else []
    for kind in wanted:
        if kind not in present:
            yield Problem(path=first, what=f"has no partner in {folder.name}/{kind}")
    seen = {kind: look(kind, path) for kind, path in present.items()}
    for kind, facts in seen.items():
        if facts.error:
            yield Problem(path=present[kind], what=facts.error)
        elif kind == "thermal" and facts.bits and facts.bits != info.thermal_bits:
            yield Problem(path=present[kind], what=f"has {facts.bits} bits, but dataset.json says {info.thermal_bits}")
        elif kind == "labels" and facts.top > 0 and facts.top >= len(info.classes):
            yield Problem(path=present[kind], what=f"has label {facts.top}, but there are {len(info.classes)} classes")
    sizes = {kind: facts.size for kind, facts in seen.items() if not facts.error and (info.pairs or kind != "thermal")}
    if len(set(sizes.values())) > 1:
        text = ", ".join(f"{kind} {'x'.join(map(str, size))}" for kind, size in sizes.items())
        yield Problem(path=first, what=f"differs in size from its partners: {text} (height x width)")


def _info_problems(root: Path, info: DatasetInfo) -> Iterator[Problem]:
    """Hold what `dataset.json` says against what is there."""
    path = root / "dataset.json"
    try:
        splits = {split: list_split(root, split) for split in SPLITS}
        found = fingerprint(root, info)
    except DataError:
        return  # named already
    for split, entries in splits.items():
        count = sum(entry.visible is not None for entry in entries)
        if info.splits.get(split, 0) != count:
            yield Problem(path=path, what=f"says {info.splits.get(split, 0)} images in {split}, but there are {count}")
        for kind, said in (("labels", bool(info.classes)), ("celsius", info.celsius)):
            there = any(getattr(entry, kind) for entry in entries)
            if said and not there and count:
                yield Problem(path=path, what=f"describes {kind}, but there are none in {split}")
            if there and not said:
                yield Problem(path=path, what=f"does not describe the {kind} that are in {split}")
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
