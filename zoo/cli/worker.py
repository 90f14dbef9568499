"""`zoo worker`: executes the planned runs of a results folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.errors import UsageError


def worker(
    results: Annotated[Path, typer.Argument(help="Results folder in which zoo bench planned runs.")],
    jobs: Annotated[int, typer.Option(metavar="N", help="Number of parallel runs.")] = 1,
    runs: Annotated[
        str, typer.Option(metavar="FILE", help="Execute only the runs of the folder names in this file; - reads stdin.")
    ] = "",
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Exit when other workers hold the rest, instead of waiting for them.")
    ] = False,
) -> None:
    """Execute the planned runs of a results folder until none is left.

    Any number of workers, on any number of machines that share the folder, may work in parallel.

    Examples:
    zoo worker results ·
    CUDA_VISIBLE_DEVICES=1 zoo worker results
    """
    from zoo.run.worker import Worker

    if not results.is_dir():
        raise UsageError(f"there is no folder `{results}`", "Run zoo bench --out FOLDER first: it plans the runs")
    if jobs < 1:
        raise UsageError(f"--jobs is {jobs}; it must be 1 or more")
    only = None
    if runs:
        only = (sys.stdin.read() if runs == "-" else Path(runs).read_text()).split()
    raise typer.Exit(Worker(results, jobs=jobs, only=only, wait=not no_wait).run())
