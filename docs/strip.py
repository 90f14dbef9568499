"""`python docs/strip.py OUT DATASET RUN RUN ...` writes a picture of the same test images translated by several runs.

Each column is a run, whose images are translated at the size at which it was scored and shown in the aspect of the dataset's
files. `--images` names them; by default they are those of the first run's `samples`. With `--originals` the visible and the real
images stand beside them, which a dataset without a license forbids to publish.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import zoo
from zoo.data.layout import list_split
from zoo.records.record import read_record
from zoo.sizes import height_width

WIDTH, GAP, HEADING = 1.7, 0.06, 0.65
"""Inches: of an image, between images, and above the first row."""

Column = tuple[str, list[Image.Image]]
"""A heading and the images below it."""


def main() -> None:
    """Write the picture."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("out", type=Path)
    options.add_argument("dataset", type=Path)
    options.add_argument("runs", type=Path, nargs="+")
    options.add_argument("--images", help="names of test images, separated by commas; default: all samples")
    options.add_argument("--originals", action="store_true", help="show the images of the dataset too")
    args = options.parse_args()
    samples = args.runs[0] / "samples"
    names = args.images.split(",") if args.images else sorted(f.name[:-9] for f in samples.glob("*_real.png"))
    files = {files.stem: files for files in list_split(args.dataset, "test")}
    visible = [Image.open(files[name].visible).convert("RGB") for name in names]
    columns = [_translated(run, visible) for run in args.runs]
    if args.originals:
        real = [Image.open(files[name].thermal) for name in names]
        columns = [("visible", visible), *columns, ("real", real)]
    _draw(columns, [image.height / image.width for image in visible]).savefig(args.out, dpi=110)


def _draw(columns: list[Column], aspects: list[float]) -> Figure:
    heights = [WIDTH * aspect for aspect in aspects]
    side, top = WIDTH * len(columns), HEADING + sum(heights) + GAP * len(heights)
    figure = Figure(figsize=(side, top))
    for column, (title, images) in enumerate(columns):
        for row, (image, height) in enumerate(zip(images, heights, strict=True)):
            bottom = top - HEADING - sum(heights[: row + 1]) - GAP * row
            box = np.array([WIDTH * column, bottom, WIDTH - GAP, height]) / [side, top, side, top]
            axis = figure.add_axes(tuple(box))
            axis.imshow(image, cmap="gray", vmin=0, vmax=255, aspect="auto")
            axis.set_axis_off()
            if row == 0:
                axis.set_title(title, fontsize=7)
    return figure


def _translated(run: Path, visible: list[Image.Image]) -> Column:
    """Return a run's heading, of its parts and PSNR, and its translations."""
    record = read_record(run)
    recipe, scores = record.recipe, {score.metric: score.value for score in record.scores}
    parts = [part.name.partition("/")[2] for part in (recipe.method, recipe.generator, recipe.normalizer) if part]
    title = "\n".join([*(part for part in parts if part != "none"), f"{scores['psnr']:.2f} dB"])
    height, width = height_width(recipe.size)
    model = zoo.load(run, device="cpu")
    return title, [model.translate(image.resize((width, height), Image.Resampling.BICUBIC)) for image in visible]


if __name__ == "__main__":
    main()
