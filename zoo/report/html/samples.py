"""The report's sample strips: one test image as every method shows it, between the visible and the real one."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from zoo.evaluate.pictures import COLUMNS, TILES_FOLDER
from zoo.report.html.runs import Entry, Group

SIDE = 256
"""Longest side of a tile in pixels; larger ones are shrunk."""
SHEET_SIDE = 1200
"""The same of a whole sample sheet."""
STRIPS = 6
"""Most test images shown of a dataset."""
BUDGET = 5_000_000
"""Bytes that the tiles of a page may take before they are written in base64; at least one strip a dataset is shown."""
VISIBLE, TRANSLATED, REAL = COLUMNS


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One image."""

    caption: str
    alt: str
    src: str
    """A data address."""
    color: str = ""
    """The system's; empty for visible and real."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One test image."""

    stem: str
    tiles: list[Tile]

    @property
    def size(self) -> int:
        """Bytes of the tiles before base64."""
        return sum(len(tile.src) * 3 // 4 for tile in self.tiles)


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What the runs of one dataset left to be seen."""

    strips: list[Strip]
    more: int
    """Kept images that are not shown."""
    sheets: list[Tile]
    """Whole sheets of runs without tiles."""


def samples_of(group: Group, budget: int, *, paired: bool) -> Samples:
    """Return what a group's runs left to be seen; of a system's seeds, the first that has tiles.

    Args:
        group: runs on one dataset.
        budget: bytes that the tiles may take before base64; decides the number of strips, at least one.
        paired: whether the real image shows what the visible one does.
    """
    entries = [entry for entry, _ in group.finished]
    tiled = [entry for entry in entries if _stems(entry)]
    shown = list({entry.label: entry for entry in reversed(tiled)}.values())[::-1]
    stems = list(dict.fromkeys(stem for entry in shown for stem in _stems(entry)))
    strips: list[Strip] = []
    for stem in stems[:STRIPS]:
        strip = _strip(stem, shown, paired)
        if strips and sum(each.size for each in strips) + strip.size > budget:
            break
        strips.append(strip)
    bare = {entry.label: entry for entry in entries if entry.label not in {other.label for other in shown}}
    sheets = [tile for entry in bare.values() if (tile := _sheet(entry))]
    return Samples(strips=strips, more=len(stems) - len(strips), sheets=sheets)


def _stems(entry: Entry) -> list[str]:
    ending = f"_{TRANSLATED}.png"
    return [path.name.removesuffix(ending) for path in sorted((entry.folder / TILES_FOLDER).glob(f"*{ending}"))]


def _strip(stem: str, entries: Sequence[Entry], paired: bool) -> Strip:
    def path(entry: Entry, column: str) -> Path:
        return entry.folder / TILES_FOLDER / f"{stem}_{column}.png"

    def shared(column: str, caption: str) -> list[Tile]:
        """Return the image that is the same for every run, from the first that has it."""
        tiles = (_tile(path(entry, column), caption, f"{stem}: {caption}") for entry in entries)
        return [tile for tile in tiles if tile][:1]

    translated = [
        _tile(path(entry, TRANSLATED), entry.label, f"{stem} translated by {entry.label}", color=entry.style.color)
        for entry in entries
    ]
    real = shared(REAL, "real" if paired else "some real thermal image")
    return Strip(stem=stem, tiles=[*shared(VISIBLE, "visible"), *(tile for tile in translated if tile), *real])


def _sheet(entry: Entry) -> Tile | None:
    alt, color = f"sample sheet of {entry.label}", entry.style.color
    return _tile(entry.folder / "samples.png", entry.label, alt, color=color, side=SHEET_SIDE, form="JPEG")


def _tile(
    path: Path, caption: str, alt: str, *, color: str = "", side: int = SIDE, form: Literal["PNG", "JPEG"] = "PNG"
) -> Tile | None:
    """Return a picture as a data address, shrunk where it is longer than `side`; None where it cannot be read."""
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            if max(image.size) > side or image.format != form:
                image.thumbnail((side, side), Image.Resampling.LANCZOS)
                file = io.BytesIO()
                (image.convert("RGB") if form == "JPEG" else image).save(file, form, optimize=True)
                content = file.getvalue()
    except OSError:
        return None
    src = f"data:image/{form.lower()};base64,{base64.b64encode(content).decode()}"
    return Tile(caption=caption, alt=alt, src=src, color=color)
