"""`zoo worker`: executes the planned runs of a results folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.output import note
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
    from zoo.records.job import RUN_FILE
    from zoo.run.worker import Worker

    if not results.is_dir():
        raise UsageError(f"there is no folder `{results}`", "Run zoo bench --out FOLDER first: it plans the runs")
    if jobs < 1:
        raise UsageError(f"--jobs is {jobs}; it must be 1 or more")
    only = None
    if runs:
        only = (sys.stdin.read() if runs == "-" else Path(runs).read_text()).split()
    elif not any(results.glob(f"*/{RUN_FILE}")):
        alone = (results / RUN_FILE).exists()
        fix = f"Run: zoo train {results}" if alone else f"Run zoo bench --out {results} first: it plans the runs"
        raise UsageError(f"`{results}` {'is one run' if alone else 'holds no planned run'}", fix)
    worker = Worker(results, jobs=jobs, only=only, wait=not no_wait)
    if only is None and not worker.has_open_runs():
        return _show_ended(results)
    raise typer.Exit(worker.run())


def _show_ended(results: Path) -> None:
    """Print that no run is left, and of failed runs the reason and how to repeat them."""
    from zoo.checksums import repair
    from zoo.run.progress import read_states

    states = read_states(results)
    failed = [state for state in states if state.status == "failed"]
    if not failed:
        return note(f"zoo: all {len(states)} runs are finished" if len(states) > 1 else "zoo: the run is finished")
    note(f"zoo: {len(states) - len(failed)} of {len(states)} runs are finished, and {len(failed)} failed:")
    for state in failed:
        note(f"{state.run}: {state.reason}")
    for fix in dict.fromkeys(repair(results / state.run) for state in failed):
        note(f"To repeat what failed: {fix}")
    return None
