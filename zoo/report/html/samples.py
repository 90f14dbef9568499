"""The report's samples: translations of one test image by every method, between the visible and the real image."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from zoo.evaluate.pictures import COLUMNS, TILES_FOLDER
from zoo.report.html.runs import DatasetRuns, ReportedRun

SIDE = 256
"""Longest side of a tile in pixels; larger ones are resized."""
SHEET_SIDE = 1200
"""Longest side of a sample sheet."""
STRIPS = 6
"""Most test images per dataset."""
BUDGET = 5_000_000
"""Most bytes of a page's tiles before base64; every dataset has at least one strip."""
VISIBLE, TRANSLATED, REAL = COLUMNS


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One image."""

    caption: str
    alt: str
    src: str
    """Data URL."""
    color: str = ""
    """The system's colour; empty for visible and real images."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Sample images of the runs on one dataset."""

    strips: dict[str, list[Tile]]
    """Tiles of a test image by its stem."""
    more: int
    """Number of saved images that are not shown."""
    sheets: list[Tile]
    """Sample sheets of runs without tiles."""


def samples_of(group: DatasetRuns, budget: int, *, paired: bool) -> Samples:
    """Return the samples of a group's runs; of a system's seeds, those of the first with tiles.

    Args:
        group: runs on one dataset.
        budget: most bytes of the tiles before base64; limits the number of strips to one or more.
        paired: whether visible and real images show the same view.
    """
    shown: dict[str, ReportedRun] = {}
    without: dict[str, ReportedRun] = {}
    for run, _ in group.finished:
        (shown if _stems(run) else without).setdefault(run.label, run)
    stems = list(dict.fromkeys(stem for run in shown.values() for stem in _stems(run)))
    strips: dict[str, list[Tile]] = {}
    size = 0
    for stem in stems[:STRIPS]:
        tiles = _strip(stem, list(shown.values()), paired)
        size += sum(len(tile.src) * 3 // 4 for tile in tiles)
        if strips and size > budget:
            break
        strips[stem] = tiles
    sheets = [
        _tile(run.pictures / "samples.png", run, f"sample sheet of {label}", side=SHEET_SIDE, form="JPEG")
        for label, run in without.items()
        if label not in shown
    ]
    return Samples(strips=strips, more=len(stems) - len(strips), sheets=[tile for tile in sheets if tile])


def _stems(run: ReportedRun) -> list[str]:
    ending = f"_{TRANSLATED}.png"
    return [path.name.removesuffix(ending) for path in sorted((run.pictures / TILES_FOLDER).glob(f"*{ending}"))]


def _strip(stem: str, runs: Sequence[ReportedRun], paired: bool) -> list[Tile]:
    def path(run: ReportedRun, column: str) -> Path:
        return run.pictures / TILES_FOLDER / f"{stem}_{column}.png"

    def shared(column: str, caption: str) -> list[Tile | None]:
        """Return the image that is the same for every run, from the first run that has it."""
        tiles = (_tile(path(run, column), caption, f"{stem}: {caption}") for run in runs)
        return [next((tile for tile in tiles if tile), None)]

    translated = [_tile(path(run, TRANSLATED), run, f"{stem} translated by {run.label}") for run in runs]
    real = "real" if paired else "real thermal image of another view"
    return [tile for tile in (*shared(VISIBLE, "visible"), *translated, *shared(REAL, real)) if tile]


def _tile(
    path: Path, source: ReportedRun | str, alt: str, *, side: int = SIDE, form: Literal["PNG", "JPEG"] = "PNG"
) -> Tile | None:
    """Return an image of a run, or with a caption, resized if it is larger than `side`; None if it cannot be read."""
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
    if isinstance(source, str):
        return Tile(caption=source, alt=alt, src=src)
    return Tile(caption=source.label, alt=alt, src=src, color=source.style.color)
