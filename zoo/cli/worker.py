"""`zoo worker` executes the planned runs of a results folder; `zoo status` shows all of them."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.flags import with_flags
from zoo.cli.output import print_json, print_lines, print_table
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


def status(
    results: Annotated[Path, typer.Argument(help="Results folder.")] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the states as JSON.")] = False,
) -> None:
    """Show every run of a results folder: planned, running (where, step, speed, time left), done or failed (why).

    Example:
    zoo status results
    """
    from zoo.run.progress import COLUMNS, read_states, state_row

    if not results.is_dir():
        raise UsageError(f"there is no folder `{results}`", "Name the results folder of a zoo bench")
    states = [replace(state, reason=with_flags(state.reason)) for state in read_states(results)]
    if as_json:
        return print_json(states)
    if not states:
        return typer.echo(f"There is no run in {results}.")
    # The common prefix of all names stands once above the table, so that it fits 80 columns.
    words = zip(*(state.run.split("-")[:-1] for state in states), strict=False)
    shared = "".join(f"{each[0]}-" for each in itertools.takewhile(lambda each: len(set(each)) == 1, words))
    rows = [(row[0].removeprefix(shared), *row[1:]) for row in map(state_row, states)]
    filled = [place for place in range(len(COLUMNS)) if place == 0 or any(row[place] for row in rows)]
    print_table(
        [COLUMNS[place] for place in filled],
        [[row[place] for place in filled] for row in rows],
        title=f"{results}/{shared}",
        right=("step", "it/s", "left"),
    )
    counts = {word: sum(state.status == word for state in states) for word in ("planned", "running", "done", "failed")}
    typer.echo("\n" + ", ".join(f"{count} {word}" for word, count in counts.items() if count))
    return print_lines(f"{state.run}: {state.reason}" for state in states if state.reason)
