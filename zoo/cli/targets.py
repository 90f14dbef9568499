"""Where `zoo translate` puts what it draws. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from zoo.errors import DataError, UsageError

Level = Literal[8, 16, "float"]
IMAGES: dict[Level, tuple[str, ...]] = {
    8: (".png", ".tif", ".tiff", ".npy"),
    16: (".png", ".tif", ".tiff", ".npy"),
    "float": (".tif", ".tiff", ".npy"),
}
"""Endings of images by depth; the first is the usual one."""
VIDEOS: dict[Level, tuple[str, ...]] = {8: (".mp4", ".mkv"), 16: (".mkv",)}
"""Endings of videos by depth. MP4 is H.264, which everything plays; Matroska is FFV1, which loses nothing."""
READ = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv")
"""Endings of files that are taken for videos."""


def plan(image: Path, out: Path | None, level: Level) -> list[tuple[Path, Path]]:
    """Return each input with its output file.

    Args:
        image: a file or a folder of them.
        out: a file for a file, or a folder; None for a name beside the input.
        level: depth of the thermal images.

    Raises:
        DataError: there is no such file or folder, the folder holds no image, or two inputs would get one output.
        UsageError: the output file has an ending of another kind.
    """
    from zoo.data.layout import IMAGE_SUFFIXES

    endings = IMAGES[level]
    if image.is_file():
        return [(image, _file(image, out, endings))]
    if not image.is_dir():
        raise DataError(f"there is no image or folder `{image}`")
    out = out or image.resolve().with_name(f"{image.resolve().name}_thermal")
    sources = sorted(
        path
        for path in image.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
    if not sources:
        raise DataError(f"folder `{image}` holds no image", f"Known endings: {' '.join(IMAGE_SUFFIXES)}")
    jobs = [(source, out / f"{source.stem}{endings[0]}") for source in sources]
    stems = [source.stem for source in sources]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice:
        fault = f"folder `{image}` holds two images named {twice}; both would become {twice}{endings[0]}"
        raise DataError(fault, "Rename one")
    return jobs


def plan_video(image: Path, out: Path | None, level: Level) -> tuple[Path, Path] | None:
    """Return a video with its output file, None where the input is none.

    Raises:
        UsageError: a video cannot hold this depth, or the output file has an ending of another kind.
    """
    if not image.is_file() or image.suffix.lower() not in READ:
        return None
    if level not in VIDEOS:
        raise UsageError("a video holds whole levels, not floats or degrees", "Type --depth 16, which writes .mkv")
    return image, _file(image, out, VIDEOS[level])


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
            f"Type: -o {out.with_suffix(endings[0])}",
        )
    return out
