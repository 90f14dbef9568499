"""`python docs/curves.py OUT RUN RUN ... --terms A,B` draws losses of several runs in one picture and prints how much they vary.

Each panel is a term, each color a run: raw in a light shade, smoothed over it. Printed for each term and run: the mean of the
logged values over the second half of the steps, and their standard deviation divided by it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from zoo.evaluate.pictures import smooth
from zoo.records.record import read_record
from zoo.report.naming import name_systems
from zoo.training.log import LOG, read_log

TERMS = "discriminator/D_A,discriminator/D_B,generator/gan_A,generator/gan_B"


def main() -> None:
    """Write the picture and print the numbers."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("out", type=Path)
    options.add_argument("runs", type=Path, nargs="+")
    options.add_argument("--terms", default=TERMS, help=f"names in log.jsonl; default: {TERMS}")
    args = options.parse_args()
    terms = args.terms.split(",")
    records = [record for record in map(read_record, args.runs) if record]
    names = name_systems([record.recipe for record in records])
    figure = Figure(figsize=(7, 1.6 * len(terms)), layout="constrained")
    panels = figure.subplots(len(terms), 1, sharex=True, squeeze=False)[:, 0]
    for panel, term in zip(panels, terms, strict=True):
        for name, run in zip(names, args.runs, strict=True):
            steps, values = curve(run, term)
            (raw,) = panel.plot(steps, values, linewidth=0.5, alpha=0.3)
            panel.plot(steps, smooth(values), linewidth=1.4, color=raw.get_color(), label=name)
            mean, variation = steadiness(values)
            print(f"{term:22} {name:45} mean {mean:.3f}, deviation / mean {variation:.2f}")
        panel.set_title(term, loc="left", fontsize=8)
    panels[0].legend(fontsize=7, frameon=False)
    panels[-1].set_xlabel("step")
    figure.savefig(args.out, dpi=110)


def curve(run: Path, term: str) -> tuple[list[int], NDArray[np.float64]]:
    """Return the logged steps of a run and a term's values."""
    entries = [entry for entry in read_log(run / LOG) if term in entry.losses]
    return [entry.step for entry in entries], np.array([entry.losses[term] for entry in entries])


def steadiness(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of the second half of the values, and their standard deviation divided by it."""
    late = values[len(values) // 2 :]
    return float(late.mean()), float(late.std() / late.mean())


if __name__ == "__main__":
    main()
