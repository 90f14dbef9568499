"""The pictures a run leaves: sample sheets, their tiles, loss curves. Imports no torch and keeps no plotting state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]

TILE = 192
"""Smallest side of a tile in pixels; smaller images are enlarged by a whole factor."""
GAP = 4
"""Space between tiles and around the sheet, in pixels."""
HEADING = 24
"""Height of the column headings in pixels."""
TILES_FOLDER = "samples"
"""Folder of the single tiles inside a run's folder."""
MOST_ROWS = 8
"""Rows of a sheet; of more, the first are shown."""
COLUMNS = ("visible", "translated", "real")
"""What a sample shows, in the order of its images."""
SMOOTHING = 50
"""A smoothed curve averages about one part in this many of the training."""


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """The images of one row of a sample sheet."""

    images: Sequence[Pixels]
    """Visible [H, W, 3], translated [H, W] and real [H, W], uint8, all of one size; images as the labels say."""
    shape: tuple[int, int] | None = None
    """Height and width of the image's file, in whose aspect the row is shown; None: that of the images."""

    def tile_size(self) -> tuple[int, int]:
        """Return width and height of a tile: the images enlarged by a whole factor, then stretched to the file's aspect.

        Raises:
            ValueError: the images differ in size.
        """
        sizes = {image.shape[:2] for image in self.images}
        if len(sizes) != 1:
            raise ValueError(f"a row of a sample sheet needs images of one size, not {sorted(sizes)}")
        height, width = sizes.pop()
        factor = max(1, -(-TILE // min(height, width)))
        if self.shape is None or self.shape[0] * width == self.shape[1] * height:
            return width * factor, height * factor
        return max(1, round(height * factor * self.shape[1] / self.shape[0])), height * factor


def sample_sheet(
    rows: Sequence[SheetRow | Sequence[Pixels]],
    path: Path,
    labels: Sequence[str] = COLUMNS,
    *,
    title: str = "",
) -> None:
    """Write a PNG with one test image a row under column headings.

    Args:
        rows: images of one size in each row; rows may differ in size.
        path: file to write.
        labels: column headings.
        title: line above the headings, at least as wide as it is.

    Raises:
        ValueError: there are no rows, or images of a row differ in size.
    """
    shown = [row if isinstance(row, SheetRow) else SheetRow(images=row) for row in rows[:MOST_ROWS]]
    if not shown:
        raise ValueError("a sample sheet needs at least one row of images of one size")
    sizes = [row.tile_size() for row in shown]
    column = max(width for width, _ in sizes)
    font = ImageFont.load_default(size=14)
    start = HEADING * (1 + bool(title))
    left = [GAP + place * (column + GAP) for place in range(len(labels))]
    top = [start + sum(height + GAP for _, height in sizes[:place]) for place in range(len(sizes) + 1)]
    wide = max(left[-1] + column + GAP, int(font.getlength(title)) + 2 * GAP if title else 0)
    sheet = Image.new("RGB", (wide, top[-1]), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, HEADING / 2), title, fill="black", font=font, anchor="lm")
    for x, label in zip(left, labels, strict=True):
        draw.text((x + column / 2, start - HEADING / 2), label, fill="black", font=font, anchor="mm")
    for y, size, row in zip(top, sizes, shown, strict=False):
        for x, image in zip(left, row.images, strict=True):
            # Nearest neighbour: a network's checkerboards and blocks are to be seen, not smoothed away.
            tile = Image.fromarray(image).convert("RGB").resize(size, Image.Resampling.NEAREST)
            sheet.paste(tile, (x + (column - size[0]) // 2, y))
    sheet.save(path)


def sample_tiles(samples: Mapping[str, tuple[Pixels | None, Pixels, Pixels]], folder: Path) -> None:
    """Write each image of each sample as `STEM_visible.png`, `STEM_translated.png` and `STEM_real.png`, pixel for pixel.

    An image that is None is left out.

    Args:
        samples: visible [H, W, 3], translated [H, W] and real [H, W], uint8, by stem; the `/` of a union's becomes `__`.
        folder: folder to write to; tiles of an earlier scoring are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    for stem, images in samples.items():
        for column, image in zip(COLUMNS, images, strict=True):
            if image is not None:
                Image.fromarray(image).save(folder / f"{stem.replace('/', '__')}_{column}.png", optimize=True)


def loss_curves(log: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write a PNG of the training's loss terms over its steps, one panel for each optimizer (one in all for bare term names).

    Each term is drawn raw in a light shade and smoothed over it. A panel whose terms are all positive and span more
    than two decades is logarithmic.

    Args:
        log: one entry a logged step, `{"step": int, "losses": {"OPTIMIZER/TERM": float}}`; a term may be absent from some
            entries.
        path: file to write.

    Raises:
        ValueError: the log holds no losses.
    """
    groups: dict[str, dict[str, None]] = {}
    for name in (name for entry in log for name in entry["losses"]):
        groups.setdefault(_optimizer(name), {})[name] = None
    if not groups:
        raise ValueError("the log holds no losses")
    figure = Figure(figsize=(8, 0.6 + 2.6 * len(groups)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (group, names) in zip(panels, groups.items(), strict=True):
        curves = {name.removeprefix(f"{group}/"): _curve(log, name) for name in names}
        for term, (steps, values) in curves.items():
            dot = "o" if len(steps) == 1 else ""  # a line of one point has no length
            (raw,) = axes.plot(steps, values, linewidth=0.6, alpha=0.3, marker=dot)
            axes.plot(steps, smooth(values), linewidth=1.6, color=raw.get_color(), label=term)
        if spans_decades([values for _, values in curves.values()]):
            axes.set_yscale("log")
        axes.set_title(group, loc="left", fontsize=10)
        axes.set_ylabel("loss")
        axes.grid(alpha=0.25, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    panels[-1].set_xlabel("step")
    figure.savefig(path)


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return centred moving averages; the window shrinks towards the ends, so that no end is pulled to zero."""
    window = np.ones(2 * (len(values) // (2 * SMOOTHING)) + 1)
    return np.convolve(values, window, mode="same") / np.convolve(np.ones_like(values), window, mode="same")


def spans_decades(curves: Sequence[NDArray[np.float64]]) -> bool:
    """Return whether a logarithmic axis shows more: all values positive, the smoothed ones over two decades."""
    smoothed = np.concatenate([smooth(values) for values in curves])
    return bool(min(values.min() for values in curves) > 0 and smoothed.max() > 100 * smoothed.min())


def _optimizer(name: str) -> str:
    return name.partition("/")[0] if "/" in name else "losses"


def _curve(log: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], NDArray[np.float64]]:
    """Return a term's logged steps and values."""
    entries = [(int(entry["step"]), float(entry["losses"][name])) for entry in log if name in entry["losses"]]
    return [step for step, _ in entries], np.array([value for _, value in entries])
