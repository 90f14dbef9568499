"""How time grows with size: planning and re-running a grid, reading its results, importing and listing a dataset.

Each row gives the seconds at a quarter, a half and the whole of a size, and the exponent of the growth: 1 if twice the size takes
twice as long.

python benchmarks/speed/scaling.py --runs 1000 --records 10000 --pairs 100000
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import harness
import numpy as np

from zoo.data.layout import list_split
from zoo.data.writer import DatasetWriter
from zoo.environment import provenance
from zoo.evaluate.results import Score
from zoo.records.job import METRICS, PlannedRun, scorings
from zoo.records.record import RECORD_FILE, Record, Timing, write_json
from zoo.report.comparing import compare_systems, group_seeds
from zoo.report.finished_runs import read_results
from zoo.report.html.page import write_report
from zoo.report.results import results_table
from zoo.run.display import PlainDisplay
from zoo.run.grid import Axes, choose_metrics, expand
from zoo.run.launch.local import LocalLauncher
from zoo.run.runner import run
from zoo.sources import open_source

IMAGES = 50
"""Test images of a made-up record."""
SIDE = 16
"""Pixels of a made-up image."""
GENERATORS = ("resnet6", "resnet9", "unet", "resnet9_cbam")
DISCRIMINATORS = ("patchgan", "patchgan_gn", "patchgan_sn", "patchgan_gp")

Work = Callable[[], object]
Row = dict[str, Any]


def main() -> None:
    """Measure everything at three sizes."""
    options = harness.parser(__doc__)
    options.add_argument("--runs", type=int, default=1000, help="runs of a grid")
    options.add_argument("--records", type=int, default=10_000, help="records of a results folder")
    options.add_argument("--pairs", type=int, default=10_000, help="pairs of a dataset")
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        small = write_pairs(work / "small", 4)
        rows = [
            *grown("runs", args.runs, lambda count: grids(work / f"grid{count}", small, count)),
            *grown("records", args.records, lambda count: results(work / f"results{count}", small, count)),
            *grown(
                "runs in a report", args.records // 10, lambda count: reports(work / f"report{count}", small, count)
            ),
            *grown("pairs", args.pairs, lambda count: datasets(work / f"pairs{count}", count)),
        ]
    harness.report(rows, args)


def grown(unit: str, whole: int, works: Callable[[int], Iterator[tuple[str, Work]]]) -> list[Row]:
    """Time works at a quarter, a half and the whole of a size."""
    sizes = (whole // 4, whole // 2, whole)
    times: dict[str, list[float]] = {}
    cpu: dict[str, float] = {}
    for size in sizes:
        for what, work in works(size):
            start, busy = time.perf_counter(), time.process_time()
            work()
            times.setdefault(what, []).append(time.perf_counter() - start)
            cpu[what] = time.process_time() - busy
    growth = math.log(sizes[2] / sizes[0])
    return [
        {
            "what": what,
            "up to": f"{whole} {unit}",
            **dict(zip(("a quarter s", "a half s", "all s"), taken, strict=True)),
            "of it CPU s": cpu[what],
            "exponent": math.log(taken[2] / taken[0]) / growth,
        }
        for what, taken in times.items()
    ]


def grids(out: Path, data: Path, count: int) -> Iterator[tuple[str, Work]]:
    """Plan a grid, then run it again when all its runs are done."""
    axes = axes_of(data, count)
    yield "plan a grid", lambda: expand(axes, out)
    runs, _ = expand(axes, out)
    write_records(runs)
    display = PlainDisplay()

    def again() -> None:
        planned, _ = expand(axes, out)
        outcomes = run(planned, display, LocalLauncher(out, "cpu", jobs=1), command="zoo bench")
        assert {outcome.status for outcome in outcomes} == {"skipped"}
        results_table(outcomes)

    yield "plan it again, find all done, make the table", again


def results(out: Path, data: Path, count: int) -> Iterator[tuple[str, Work]]:
    """Read a results folder and compare its systems."""
    write_records(expand(axes_of(data, count), out)[0])
    yield "read a results folder", lambda: read_results(out)
    runs = read_results(out)
    yield "compare its 16 systems, all seeds", lambda: compare_systems(group_seeds(runs))


def reports(out: Path, data: Path, count: int) -> Iterator[tuple[str, Work]]:
    """Make a page of a results folder."""
    write_records(expand(axes_of(data, count), out)[0])
    yield "write a report", lambda: write_report(out, out / "report.html", title="")


def datasets(root: Path, count: int) -> Iterator[tuple[str, Work]]:
    """Write, list and look at a dataset."""
    yield "import pairs", lambda: write_pairs(root, count)
    yield "list them", lambda: list_split(root, "train")
    yield "check them, once", lambda: open_source(root, size=SIDE)
    yield "open them again", lambda: open_source(root, size=SIDE)


def axes_of(data: Path, count: int) -> Axes:
    """Return sixteen systems with as many seeds as give `count` runs."""
    seeds = count // (len(GENERATORS) * len(DISCRIMINATORS))
    return Axes(generators=GENERATORS, discriminators=DISCRIMINATORS, data=(str(data),), size=64, seeds=seeds)


def write_records(runs: Sequence[PlannedRun]) -> None:
    """Write the records of finished runs, with made-up numbers."""
    metrics = choose_metrics(METRICS, runs)
    rng = np.random.default_rng(0)
    for planned in runs:
        wanted = scorings(metrics, planned.train_key)
        record = Record(
            recipe=planned.recipe,
            train_key=planned.train_key,
            score_key="made up",
            command="zoo bench",
            finished="2026-01-01T00:00:00+00:00",
            scores=[score(name, rng.normal(20, 2, IMAGES)) for name in wanted],
            scored={name: scoring.key for name, scoring in wanted.items()},
            losses={},
            parameters={"translation": 1, "trained": 1},
            timing=Timing(train_seconds=1, steps_per_second=1, score_seconds=1, resumed=0),
            peak_memory={"host": 1, "device": None},
            environment={},
            plugins=provenance(planned.recipe),
            dataset={
                "name": planned.recipe.data.name,
                "fingerprint": planned.recipe.data.fingerprint,
                "splits": {"test": 1},
            },
        )
        write_json(planned.folder / RECORD_FILE, record)


def score(metric: str, values: Any) -> Score:
    """Return a made-up score."""
    mean = float(values.mean())
    return Score(
        metric=metric,
        value=mean,
        n=len(values),
        low=mean - 0.5,
        high=mean + 0.5,
        level=0.95,
        unit="",
        higher_is_better=True,
        protocol={"split": "test", "reads": ["visible"]},
        per_image={f"image{number}": float(value) for number, value in enumerate(values)},
    )


def write_pairs(root: Path, count: int) -> Path:
    """Write tiny pairs."""
    rng = np.random.default_rng(0)
    with DatasetWriter(root) as writer:
        writer.describe(name=root.name)
        for number in range(count):
            grey = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
            split = "test" if number % 4 == 3 else "train"
            writer.add(split, f"{number:06}", visible=np.stack([grey] * 3, axis=-1), thermal=grey)
    return root


if __name__ == "__main__":
    main()
