"""`zoo status`: the state of every run of a results folder, or of one run."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.flags import with_flags
from zoo.cli.output import print_facts, print_json, print_lines, print_table
from zoo.errors import UsageError, ZooError

if TYPE_CHECKING:
    from zoo.recipe import Recipe
    from zoo.run.progress import RunState


def status(
    results: Annotated[
        Path, typer.Argument(metavar="[RESULTS|RUN]", help="Results folder, or one run's folder.")
    ] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the states as JSON.")] = False,
) -> None:
    """Show every run of a results folder: planned, running, interrupted, done or failed (why).

    A running one has its step, speed and time left, an interrupted one the step from which the same zoo bench resumes it. Of one
    run's folder, what it trains, its losses or scores, and its logs are shown.

    Examples:
    zoo status results ·
    zoo status results/RUN
    """
    from zoo.records.job import RUN_FILE, find_run
    from zoo.records.record import FAILURE_FILE, RECORD_FILE
    from zoo.run.progress import read_state, read_states

    if not results.is_dir():
        if not results.parent.is_dir() or results.parent == Path():
            raise UsageError(
                f"there is no folder `{results}`", "Run zoo bench first, or name its results folder: zoo status DIR"
            )
        results = find_run(results)
    alone = any((results / name).exists() for name in (RUN_FILE, RECORD_FILE, FAILURE_FILE))
    found = [read_state(results.resolve())] if alone else read_states(results)
    states = [replace(state, reason=with_flags(state.reason)) for state in found]
    if as_json:
        return print_json(states)
    if not states:
        return typer.echo(f"There is no run in {results}.")
    return _show_run(results, states[0]) if alone else _show_all(results, states)


def _show_all(results: Path, states: Sequence[RunState]) -> None:
    """Print a table of the runs, their counts and the reasons of failures."""
    from zoo.run.progress import COLUMNS, STATUSES, state_row

    # The common prefix of all names stands once above the table, so that it fits 80 columns.
    words = zip(*(state.run.split("-")[:-1] for state in states), strict=False)
    shared = "".join(f"{each[0]}-" for each in itertools.takewhile(lambda each: len(set(each)) == 1, words))
    rows = [
        (row[0].removeprefix(shared), *row[1:])
        for row in map(state_row, [replace(each, resumes=None) for each in states])
    ]
    filled = [place for place in range(len(COLUMNS)) if place == 0 or any(row[place] for row in rows)]
    print_table(
        [COLUMNS[place] for place in filled],
        [[row[place] for place in filled] for row in rows],
        title=f"{results}/{shared}",
        right=("step", "it/s", "left"),
    )
    counts = {word: sum(state.status == word for state in states) for word in STATUSES}
    typer.echo("\n" + ", ".join(f"{count} {word}" for word, count in counts.items() if count))
    lines = {
        state.run: state.reason or (state_row(state)[1] if state.status == "interrupted" else "") for state in states
    }
    print_lines(f"{run}: {line}" for run, line in lines.items() if line)


def _show_run(folder: Path, state: RunState) -> None:
    """Print the facts of one run."""
    from zoo.records.job import LOG_FILE
    from zoo.report.naming import is_baseline
    from zoo.report.run_card import recipe_text
    from zoo.run.progress import Progress, read_progress, state_row
    from zoo.training.log import LOG

    _, stage, step, speed, left, where = state_row(state)
    host, _, process = where.rpartition(":")
    recipe, losses, scores = _content(folder)
    if recipe and is_baseline(recipe):
        step = speed = left = ""
    losses = losses or (read_progress(folder) or Progress()).losses
    logs = {LOG_FILE: "output", LOG: "losses"}
    speed = f"{speed} it/s" if speed else ""
    left = f"{left} left" if left else ""
    typer.echo(state.run)
    print_facts(
        {
            "state": f"{stage}, on {host}, process {process}" if where else stage,
            "reason": state.reason,
            "step": ", ".join(filter(None, (step.replace("/", " of "), speed, left))),
            "recipe": recipe_text(recipe) if recipe else "",
            "losses": ", ".join(f"{name.rpartition('/')[2]} {value:.3g}" for name, value in losses.items()),
            "scores": scores,
            "folder": str(folder),
            "logs": ", ".join(f"{name} ({what})" for name, what in logs.items() if (folder / name).exists()),
        }
    )


def _content(folder: Path) -> tuple[Recipe | None, dict[str, float], str]:
    """Return a run's recipe, None where no file has it, and the losses and scores of its record."""
    from zoo.records.job import read_job
    from zoo.records.record import read_failure, read_record
    from zoo.report.results import score_text

    try:
        if record := read_record(folder):
            scores = (f"{one.metric} {score_text(one)} {one.unit}".rstrip() for one in record.scores)
            return record.recipe, record.losses, ", ".join(scores)
        return read_job(folder).recipe, {}, ""
    except ZooError:
        failure = read_failure(folder)
        return failure.recipe if failure else None, {}, ""
