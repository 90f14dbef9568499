"""`python docs/strip.py OUT DATASET RUN RUN ...` writes a picture of the same test images translated by several runs.

Each column is a run, in the aspect of the dataset's files; the images are those in the runs' `samples`. With `--originals` the
visible and the real images stand beside them, which a dataset without a license forbids to publish.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from zoo.records.record import read_record
from zoo.scoring.sheets import own_shapes

WIDTH, GAP, HEADING = 1.7, 0.06, 0.65
"""Inches: of an image, between images, and above the first row."""


def main() -> None:
    """Write the picture."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("out", type=Path)
    options.add_argument("dataset", type=Path)
    options.add_argument("runs", type=Path, nargs="+")
    options.add_argument("--images", help="names of test images, separated by commas; default: all samples")
    options.add_argument("--originals", action="store_true", help="show the images of the dataset too")
    args = options.parse_args()
    first = args.runs[0] / "samples"
    names = args.images.split(",") if args.images else sorted(f.name[:-9] for f in first.glob("*_real.png"))
    columns = [(_title(run), run / "samples", "translated") for run in args.runs]
    if args.originals:
        columns = [("visible", first, "visible"), *columns, ("real", first, "real")]
    shapes = own_shapes(args.dataset, "test", names)
    heights = [WIDTH * shapes[name][0] / shapes[name][1] for name in names]
    side, top = WIDTH * len(columns), HEADING + sum(heights) + GAP * len(names)
    figure = Figure(figsize=(side, top))
    for row, (name, height) in enumerate(zip(names, heights, strict=True)):
        bottom = top - HEADING - sum(heights[: row + 1]) - GAP * row
        for column, (title, folder, kind) in enumerate(columns):
            box = np.array([WIDTH * column, bottom, WIDTH - GAP, height]) / [side, top, side, top]
            axis = figure.add_axes(tuple(box))
            image = Image.open(folder / f"{name}_{kind}.png")
            axis.imshow(image, cmap="gray", vmin=0, vmax=255, aspect="auto")
            axis.set_axis_off()
            if row == 0:
                axis.set_title(title, fontsize=7)
    figure.savefig(args.out, dpi=110)


def _title(run: Path) -> str:
    record = read_record(run)
    recipe, scores = record.recipe, {score.metric: score.value for score in record.scores}
    parts = [part.name.partition("/")[2] for part in (recipe.method, recipe.generator, recipe.normalizer) if part]
    return "\n".join([*(part for part in parts if part != "none"), f"{scores['psnr']:.2f} dB"])


if __name__ == "__main__":
    main()
