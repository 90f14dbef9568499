"""What plugins use to import a dataset: finding a layout's folders, matching stems, skipping unusable files, choosing a test set.

Imports no torch. An importer reads a published layout as it is and never changes it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from zoo.data.images import read_thermal, read_visible, stored_bits
from zoo.data.layout import IMAGE_SUFFIXES, printable_stem
from zoo.data.registration import aligned_shift_limit, edge_agreement
from zoo.data.temperatures import class_means
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, SourceError

__all__ = [
    "add_folders",
    "add_pair",
    "aligned_shift_limit",
    "block_names",
    "by_digest",
    "class_means",
    "edge_agreement",
    "folder_like",
    "hold_out_sequences",
    "hold_out_share",
    "images_by_stem",
    "leave_out_bad",
    "pair_up",
    "read_thermal_of",
    "require_source",
    "short_name",
    "source_folders",
    "stems_in",
    "usual_bits",
]

Array = NDArray[Any]


def require_source(source: Path | None, *, layout: str) -> Path:
    """Return the folder to import from.

    Raises:
        DataError: no source was named, or it does not exist.
    """
    if source is None:
        raise DataError(f"{layout} is imported from a folder", f"Run: zoo data import {layout} SRC DST")
    if not source.is_dir():
        found = "is a file" if source.exists() else "does not exist"
        raise DataError(f"the source folder `{source}` {found}", "Check the path")
    return source


def source_folders(source: Path | None, names: Sequence[str], *, layout: str) -> dict[str, Path]:
    """Return the folders of a published layout by name.

    Args:
        source: the folder to import from.
        names: folders that it must hold.
        layout: the layout's name, for the error.

    Raises:
        DataError: no source was named, it does not exist, or a folder is missing; the message lists the folders found.
    """
    folder = require_source(source, layout=layout)
    present = {path.name: path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    missing = [name for name in names if name not in present]
    if missing:
        found = f"the folders {', '.join(sorted(present)[:8])}" if present else "no folder"
        raise DataError(
            f"`{source}` is not in the layout of {layout}: it lacks {', '.join(missing)}; found {found}",
            f"Name the folder that holds {', '.join(names)}",
        )
    return {name: present[name] for name in names}


def folder_like(source: Path | None, *names: str) -> Path | None:
    """Return the folder in `source` with the first of these names that exists, in upper or lower case; else None."""
    if source is None or not source.is_dir():
        return None
    present = {path.name.lower(): path for path in sorted(source.iterdir()) if path.is_dir()}
    return next((present[name.lower()] for name in names if name.lower() in present), None)


def images_by_stem(folder: Path, writer: DatasetWriter, suffixes: Collection[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    """Return a folder's images by stem (`zoo.data.layout.printable_stem`), sorted; suffixes match in upper and lower case.

    Skips, with the reason, whatever else the folder holds and the second of two files with one stem. Hidden files are
    ignored.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        stem = printable_stem(path)
        reason = _no_image(path, suffixes) or (f"same stem as {found[stem].name}" if stem in found else "")
        if reason:
            writer.skip(short_name(path), reason)
        else:
            found[stem] = path
    return found


def _no_image(path: Path, suffixes: Collection[str]) -> str:
    """Return why a path cannot be read; empty for a file of one of the suffixes."""
    if path.is_dir():
        return "a folder inside a folder of images"
    if path.suffix.lower() not in suffixes:
        return "not an image of this layout"
    if path.is_file():
        return ""
    return "a link to a file that does not exist" if path.is_symlink() else "not a regular file"


def stems_in(path: Path) -> set[str]:
    """Return the stems in a list of file names separated by white space; names need not be UTF-8.

    Raises:
        SourceError: the list cannot be read.
    """
    try:
        words = path.read_text(encoding="utf-8", errors="surrogateescape").split()
    except OSError as error:
        raise SourceError(f"the list `{path}` cannot be read: {error.strerror or error}", "Unpack it again") from error
    return {printable_stem(word) for word in words}


def pair_up(
    visible: Mapping[str, Path], thermal: Mapping[str, Path], writer: DatasetWriter
) -> dict[str, tuple[Path, Path]]:
    """Return the files of each stem that both folders have; the others are skipped, with the reason."""
    for present, partners, kind in ((visible, thermal, "thermal"), (thermal, visible, "visible")):
        for stem in present.keys() - partners.keys():
            writer.skip(short_name(present[stem]), f"no {kind} partner")
    return {stem: (path, thermal[stem]) for stem, path in visible.items() if stem in thermal}


def leave_out_bad(writer: DatasetWriter, path: Path, add: Callable[[], None]) -> None:
    """Run `add`; an unusable image is skipped, with the reason, and the import continues."""
    try:
        add()
    except DataError as error:
        writer.skip(short_name(path), error.message)


def add_pair(
    writer: DatasetWriter,
    split: str,
    stem: str,
    visible: Path,
    thermal: Path,
    *,
    bits: int | None = None,
    whose: str = "the published set",
) -> None:
    """Decode and write one pair unchanged, or skip it with the reason.

    With `bits` a thermal file of another depth is skipped (see `read_thermal_of`); without, the first file decides the depth.
    """

    def add() -> None:
        values = read_thermal(thermal) if bits is None else read_thermal_of(thermal, bits, whose)
        writer.add(split, stem, visible=read_visible(visible), thermal=values)

    leave_out_bad(writer, visible, add)


def add_folders(
    writer: DatasetWriter, split: str, visible: Path, thermal: Path, *, prefix: str = "", every: int = 1
) -> None:
    """Write the 8-bit pairs of two folders whose file names have equal stems; what does not fit is skipped with the reason.

    Args:
        writer: of the dataset.
        split: `train` or `test`.
        visible: folder of visible images.
        thermal: folder of thermal images.
        prefix: put before each stem, where several folders have equal names.
        every: write every n-th pair only.
    """
    pairs = pair_up(images_by_stem(visible, writer), images_by_stem(thermal, writer), writer)
    for stem in sorted(pairs)[::every]:
        add_pair(writer, split, prefix + stem, *pairs[stem], bits=8)


def read_thermal_of(path: Path, bits: int, whose: str = "the published set") -> Array:
    """Return a thermal image [H, W] of a given depth.

    Args:
        path: the file.
        bits: 8, 16 or 32.
        whose: which files have this depth, for the error.

    Raises:
        DataError: it has another depth, or `read_thermal` cannot read it.
    """
    thermal = read_thermal(path)
    found = 8 * thermal.dtype.itemsize
    if found != bits:
        raise DataError(f"thermal `{short_name(path)}` has {found} bits, {whose} {bits}")
    return thermal


def usual_bits(paths: Iterable[Path]) -> int:
    """Return the depth of most thermal files, 8 without any; the order of the files does not matter."""
    counts: Counter[int] = Counter()
    for path in paths:
        with suppress(DataError):  # the file is skipped when it is decoded
            counts[stored_bits(path)] += 1
    return max(counts, key=lambda bits: (counts[bits], -bits), default=8)


def short_name(path: Path) -> str:
    """Return a file's name with its folder, as reports show it."""
    return f"{path.parent.name}/{path.name}"


def by_digest(names: Iterable[str], salt: str = "") -> list[str]:
    """Return names ordered by the SHA-256 of `salt` and name: the same pseudo-random order on every machine."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt}{name}".encode(errors="surrogateescape")).hexdigest())


def hold_out_share(names: Iterable[str], share: float, salt: str = "") -> set[str]:
    """Return the names of the test set: `share` of them, 0 to 1, by digest of `salt` and name.

    At least one is held out, and at least one remains to train on.

    Raises:
        SourceError: there are fewer than two names.
    """
    order = by_digest(names, salt)
    if len(order) < 2:
        raise SourceError(
            f"{len(order)} usable pair{'s' * (len(order) != 1)} cannot be split into a training and a test set",
            "Add more pairs to the source",
        )
    return set(order[: min(len(order) - 1, max(1, round(share * len(order))))])


def hold_out_sequences(sizes: Mapping[str, int], share: float) -> set[str]:
    """Return the sequences of the test set: by digest, until they hold `share` of all frames.

    Frames of one video are near copies of their neighbours, so whole sequences are held out. At least one is held out, and at
    least one remains to train on.

    Args:
        sizes: number of frames of each sequence.
        share: wanted share of the frames, 0 to 1.

    Raises:
        SourceError: there are fewer than two sequences.
    """
    if len(sizes) < 2:
        raise SourceError(f"{len(sizes)} sequence cannot be split without leaking frames", "Add the other sequences")
    order = by_digest(sizes)
    held: set[str] = set()
    for name in order[:-1]:
        if held and sum(sizes[each] for each in held) >= share * sum(sizes.values()):
            break
        held.add(name)
    return held


def block_names(stems: Sequence[str], length: int) -> dict[str, str]:
    """Return a sequence name for each stem of a set without sequences: blocks of `length` neighbours in sorted order."""
    return {stem: f"{index // length:06d}" for index, stem in enumerate(sorted(stems))}


# Former names, which work for one release.
images, relative = images_by_stem, short_name
add_8_bit_pair = partial(add_pair, bits=8)
read_8_bit_thermal = partial(read_thermal_of, bits=8)
