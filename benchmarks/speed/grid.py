"""The overhead of a bench: eight runs of three steps, the same grid again, and the planning of a large grid.

python benchmarks/speed/grid.py --runs 8 --planned 1000

A run's own work is the `timing.cell_seconds` of its record: build, decode, train, score, draw, write. Runs follow one another, so
the rest of the time is overhead: start, import of torch, processes, leases, the table. The third line uses `--jobs auto`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import harness
import msgspec

from zoo.run.grid import Axes, expand

GEN, DISC, DATA = "resnet9", "patchgan", "scenes"


def main() -> None:
    """Measure a grid of small runs, and the planning of a large grid."""
    options = harness.parser(__doc__)
    options.add_argument("--runs", type=int, default=8)
    options.add_argument("--planned", type=int, default=1000)
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = f"--gen {GEN} --disc {DISC} --data {DATA} --steps 3 --size 64 --seeds {args.runs}".split()
        words += ["--device", args.device, "--json"]
        axes = Axes(generators=[GEN], discriminators=[DISC], data=[DATA], steps=3, size=64, seeds=args.planned)
        expand(axes, Path(folder))  # the dataset is made
        start = time.perf_counter()
        expand(axes, Path(folder))
        planned = time.perf_counter() - start
        wall, records = _bench([*words, "--out", "out", "--jobs", "1"], folder)
        again, _ = _bench([*words, "--out", "out", "--jobs", "1"], folder)
        together, _ = _bench([*words, "--out", "auto"], folder)
    work = sum(one["timing"]["cell_seconds"] for one in records)
    trained = sum(one["timing"]["train_seconds"] + one["timing"]["score_seconds"] for one in records)
    rows: list[dict[str, Any]] = [
        {
            "what": f"{args.runs} runs of 3 steps",
            "s": wall,
            "own work s": work,
            "overhead": wall / work - 1,
            "of it training and scoring s": trained,
        },
        {"what": "the same again", "s": again},
        {"what": "the same with --jobs auto", "s": together},
        {"what": f"planning of {args.planned} runs", "s": planned},
    ]
    harness.report(rows, args)


def _bench(words: list[str], folder: str) -> tuple[float, Any]:
    """Return how long a bench took and its records."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "zoo", "bench", *words]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, check=True)
    return time.perf_counter() - start, msgspec.json.decode(done.stdout)


if __name__ == "__main__":
    main()
