"""`python docs/strip.py OUT RUN RUN ...` writes a picture of the same test images translated by several runs.

Each column is a run, beside the visible and the real image; the images are those in the runs' `samples`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from zoo.records.record import read_record

SIDE = 1.35
"""Inches of an image."""


def main() -> None:
    """Write the picture."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("out", type=Path)
    options.add_argument("runs", type=Path, nargs="+")
    options.add_argument("--images", help="names of test images, separated by commas; default: all samples")
    args = options.parse_args()
    first = args.runs[0] / "samples"
    names = args.images.split(",") if args.images else sorted(f.name[:-9] for f in first.glob("*_real.png"))
    columns = [("visible", first, "visible"), ("real", first, "real")]
    columns[1:1] = [(_title(run), run / "samples", "translated") for run in args.runs]
    figure = Figure(figsize=(SIDE * len(columns), SIDE * len(names)), layout="constrained")
    axes = figure.subplots(len(names), len(columns), squeeze=False)
    for row, name in zip(axes, names, strict=True):
        for axis, (title, folder, kind) in zip(row, columns, strict=True):
            axis.imshow(Image.open(folder / f"{name}_{kind}.png"), cmap="gray", vmin=0, vmax=255)
            axis.set_axis_off()
            if name == names[0]:
                axis.set_title(title, fontsize=7)
    figure.savefig(args.out, dpi=130)


def _title(run: Path) -> str:
    record = read_record(run)
    recipe, scores = record.recipe, {score.metric: score.value for score in record.scores}
    parts = [part.name.partition("/")[2] for part in (recipe.method, recipe.generator) if part]
    return "\n".join([*parts, f"{scores['psnr']:.2f} dB"])


if __name__ == "__main__":
    main()
