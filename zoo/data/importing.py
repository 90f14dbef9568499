"""What importers of public datasets share: finding a layout's folders, matching stems, and leaving out what is bad.

Imports no torch. An importer reads a published layout as it is and never changes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.images import read_thermal, read_visible, stored_bits
from zoo.data.layout import IMAGE_SUFFIXES
from zoo.data.names import plain_stem
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, SourceError

Array = NDArray[Any]


def source_folders(source: Path | None, names: Iterable[str], *, layout: str) -> dict[str, Path]:
    """Return the folders of a published layout by name.

    Args:
        source: the folder that the user named.
        names: folders that it must hold.
        layout: the layout's name, for the error.

    Raises:
        DataError: no source was named, it does not exist, or a folder is missing; the message says what was found.
    """
    if source is None:
        raise DataError(f"{layout} is imported from a folder", f"Run: zoo data import {layout} SRC DST")
    if not source.is_dir():
        found = "is a file" if source.exists() else "does not exist"
        raise DataError(f"the source folder `{source}` {found}", "Check the path")
    there = {path.name: path for path in source.iterdir() if path.is_dir() and not path.name.startswith(".")}
    wanted = list(names)
    missing = [name for name in wanted if name not in there]
    if missing:
        found = f"the folders {', '.join(sorted(there)[:8])}" if there else "no folder"
        raise DataError(
            f"`{source}` is not in the layout of {layout}: it lacks {', '.join(missing)}; found {found}",
            f"Name the folder that holds {', '.join(wanted)}",
        )
    return {name: there[name] for name in wanted}


def images(folder: Path, writer: DatasetWriter, suffixes: Collection[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    """Return a folder's images by stem (`zoo.data.names.plain_stem`), sorted; suffixes count in upper and lower case.

    Leaves out, with the reason, whatever else the folder holds and the second of two files with one stem. Hidden
    files are passed over in silence.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        stem = plain_stem(path)
        reason = _no_image(path, suffixes) or (f"same stem as {found[stem].name}" if stem in found else "")
        if reason:
            writer.skip(relative(path), reason)
        else:
            found[stem] = path
    return found


def _no_image(path: Path, suffixes: Collection[str]) -> str:
    """Return why a path is not to be read; empty for a file of one of the suffixes."""
    if path.is_dir():
        return "a folder inside a folder of images"
    if path.suffix.lower() not in suffixes:
        return "not an image of this layout"
    if path.is_file():
        return ""
    return "a link to a file that does not exist" if path.is_symlink() else "not a regular file"


def stems_in(path: Path) -> set[str]:
    """Return the stems that a list of file names holds, one a word; names need not be UTF-8.

    Raises:
        SourceError: the list cannot be read.
    """
    try:
        words = path.read_text(encoding="utf-8", errors="surrogateescape").split()
    except OSError as error:
        raise SourceError(f"the list `{path}` cannot be read: {error.strerror or error}", "Unpack it again") from error
    return {plain_stem(word) for word in words}


def pair_up(
    visible: Mapping[str, Path], thermal: Mapping[str, Path], writer: DatasetWriter
) -> dict[str, tuple[Path, Path]]:
    """Return the files of each stem that both folders have; the others are left out, with the reason."""
    for there, partners, kind in ((visible, thermal, "thermal"), (thermal, visible, "visible")):
        for stem in there.keys() - partners.keys():
            writer.skip(relative(there[stem]), f"no {kind} partner")
    return {stem: (path, thermal[stem]) for stem, path in visible.items() if stem in thermal}


def leave_out_bad(writer: DatasetWriter, path: Path, add: Callable[[], None]) -> None:
    """Run `add`; an image that cannot be used is left out, with the reason, and the import goes on."""
    try:
        add()
    except DataError as error:
        writer.skip(relative(path), error.message)


def add_pair(writer: DatasetWriter, split: str, stem: str, visible: Path, thermal: Path) -> None:
    """Decode and write one pair as it is, or leave it out with the reason."""
    leave_out_bad(
        writer,
        visible,
        lambda: writer.add(split, stem, visible=read_visible(visible), thermal=read_thermal(thermal)),
    )


def add_8_bit_pair(writer: DatasetWriter, split: str, stem: str, visible: Path, thermal: Path) -> None:
    """Decode and write one pair of a set that is 8-bit as published; a stray thermal file of another depth is left out.

    Without this, the depth of the first file would decide which of the others fit.
    """
    leave_out_bad(
        writer,
        visible,
        lambda: writer.add(split, stem, visible=read_visible(visible), thermal=read_8_bit_thermal(thermal)),
    )


def read_8_bit_thermal(path: Path) -> Array:
    """Return an 8-bit thermal image, uint8 [H, W].

    Raises:
        DataError: it has another depth, or `read_thermal` cannot read it.
    """
    return read_thermal_of(path, 8, "the published set")


def read_thermal_of(path: Path, bits: int, whose: str = "most files") -> Array:
    """Return a thermal image of a depth, [H, W]; the image of another depth is refused, in the words of `whose` depth it is.

    Raises:
        DataError: it has another depth, or `read_thermal` cannot read it.
    """
    thermal = read_thermal(path)
    if 8 * thermal.dtype.itemsize != bits:
        raise DataError(f"thermal `{relative(path)}` has {8 * thermal.dtype.itemsize} bits, {whose} {bits}")
    return thermal


def usual_bits(paths: Iterable[Path]) -> int:
    """Return the depth of most thermal files, so that one of another depth is left out wherever it stands."""
    counts: Counter[int] = Counter()
    for path in paths:
        with suppress(DataError):  # the file is left out when its turn comes
            counts[stored_bits(path)] += 1
    return max(counts, key=lambda bits: (counts[bits], -bits), default=8)


def folder_like(source: Path | None, *names: str) -> Path | None:
    """Return the folder in `source` that has the first of these names that is there, in upper or lower case; else None."""
    if source is None or not source.is_dir():
        return None
    there = {path.name.lower(): path for path in sorted(source.iterdir()) if path.is_dir()}
    return next((there[name.lower()] for name in names if name.lower() in there), None)


class ThermalSpan:
    """The range that thermal images of a set without stated units should be shown in.

    8-bit images keep 0 to 255. Raw counts fill only part of their 16 bits, so these and floats get the smallest and the
    largest value of the training images.
    """

    def __init__(self) -> None:
        self._ranges: dict[str, tuple[float, float]] = {}

    def include(self, stem: str, thermal: Array) -> None:
        """Remember the range of an image that was written to the training set, from which it may be held out later."""
        if thermal.dtype != np.uint8:
            self._ranges[stem] = float(thermal.min()), float(thermal.max())

    def over(self, stems: Iterable[str]) -> tuple[float, float]:
        """Return the lowest and the highest value of these images, which are the training set.

        Raises:
            SourceError: all values are the same.
        """
        known = [self._ranges[stem] for stem in stems if stem in self._ranges]
        if not known:
            return 0.0, 255.0
        low, high = min(low for low, _ in known), max(high for _, high in known)
        if not low < high:
            raise SourceError(f"every pixel of the thermal training images is {low:g}", "Check the source")
        return low, high


def relative(path: Path) -> str:
    """Return a file's name with its folder, as reports show it."""
    return f"{path.parent.name}/{path.name}"
