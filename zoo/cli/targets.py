"""The output files of `zoo translate`. Imports no torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from zoo.errors import DataError, UsageError

Level = Literal[8, 16, "float", "color"]
IMAGES: dict[Level, tuple[str, ...]] = {
    8: (".png", ".tif", ".tiff", ".npy"),
    16: (".png", ".tif", ".tiff", ".npy"),
    "float": (".tif", ".tiff", ".npy"),
    "color": (".png", ".tif", ".tiff"),
}
"""Endings of images by depth; the first is the default."""
VIDEOS: dict[Level, tuple[str, ...]] = {8: (".mp4", ".mkv"), 16: (".mkv",), "color": (".mp4", ".mkv")}
"""Endings of videos by depth. MP4 is H.264, which all players support; Matroska is FFV1, which is lossless."""
READ = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv")
"""Endings of files that are read as videos."""


def plan(image: Path, out: Path | None, level: Level) -> list[tuple[Path, Path]]:
    """Return each input with its output file.

    Args:
        image: a file or a folder of them.
        out: a file for a file, or a folder; None for the folder of the input.
        level: depth of the thermal images.

    Raises:
        DataError: there is no such file or folder, the folder holds no image, or two inputs would get one output.
        UsageError: the output file has a wrong ending.
    """
    from zoo.data.layout import IMAGE_SUFFIXES

    endings = IMAGES[level]
    try:
        if image.is_file():
            return [(image, _file(image, out, endings))]
        if not image.is_dir():
            raise DataError(f"there is no image or folder `{image}`", "Check the path")
        sources = [image / name for name in sorted(_names(image, IMAGE_SUFFIXES))]
    except OSError as error:
        raise DataError(f"`{image}` cannot be read: {error.strerror or error}", "Check the path") from error
    if not sources:
        raise DataError(f"folder `{image}` holds no image", f"Known endings: {' '.join(IMAGE_SUFFIXES)}")
    named = image if image.name not in ("", "..") else image.resolve()
    out = out or named.with_name(f"{named.name}_thermal")
    stem, count = Counter(source.stem for source in sources).most_common(1)[0]
    if count > 1:
        fault = f"folder `{image}` holds {count} images named {stem}; all would become {stem}{endings[0]}"
        raise DataError(fault, "Rename all but one")
    return [(source, out / f"{source.stem}{endings[0]}") for source in sources]


def spare_originals(jobs: Sequence[tuple[Path, Path]]) -> None:
    """Refuse to write a thermal image over a visible one, also over one that an input is a link to.

    Raises:
        UsageError: an output file is one of the inputs.
    """
    folders = {folder: folder.resolve() for folder in {path.parent for job in jobs for path in job}}
    originals = {str(folders[source.parent] / source.name) for source, _ in jobs}
    originals |= {str(source.resolve()) for source, _ in jobs if source.is_symlink()}
    for _, target in jobs:
        if str(folders[target.parent] / target.name) in originals:
            raise UsageError(f"the translation would overwrite the visible image `{target}`", "Choose another -o")


def plan_video(image: Path, out: Path | None, level: Level) -> tuple[Path, Path] | None:
    """Return a video with its output file, or None if the input is not a video.

    Raises:
        UsageError: a video cannot hold this depth, or the output file has a wrong ending.
    """
    if image.suffix.lower() not in READ or not image.is_file():
        return None
    if level not in VIDEOS:
        raise UsageError("a video holds whole levels, not floats or degrees", "Use --depth 16, which writes .mkv")
    return image, _file(image, out, VIDEOS[level])


def _names(folder: Path, suffixes: Sequence[str]) -> Iterator[str]:
    """Yield the names of a folder's images, and of broken links with such an ending, which then fail by name."""
    with os.scandir(folder) as entries:
        for entry in entries:
            is_image = os.path.splitext(entry.name)[1].lower() in suffixes and not entry.name.startswith(".")  # noqa: PTH122
            if is_image and (entry.is_file() or (entry.is_symlink() and not entry.is_dir())):
                yield entry.name


def _file(image: Path, out: Path | None, endings: tuple[str, ...]) -> Path:
    """Return the output file of one input file."""
    out = out or image.with_name(f"{image.stem}_thermal{endings[0]}")
    if out.is_dir() or not out.suffix:
        return out / f"{image.stem}{endings[0]}"
    if out.suffix.lower() not in endings:
        known = f"{', '.join(endings[:-1])} or {endings[-1]}" if len(endings) > 1 else endings[0]
        kind = "videos" if endings in VIDEOS.values() else "images"
        raise UsageError(
            f"thermal {kind} of this depth are written as {known}, not as {out.suffix}",
            f"Use -o {out.with_suffix(endings[0])}",
        )
    return out
