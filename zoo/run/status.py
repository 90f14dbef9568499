"""The state of every run of a results folder, from its files alone. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zoo.errors import ZooError
from zoo.run.job import RUN_FILE, read_job
from zoo.run.lease import holder
from zoo.run.progress import read_progress, time_left
from zoo.run.record import FAILURE_FILE, RECORD_FILE, read_failure, read_record

COLUMNS = ("run", "state", "step", "it/s", "left", "where")


@dataclass(frozen=True, kw_only=True)
class RunState:
    """What the files of a run say of it."""

    run: str
    """Name of its folder."""
    status: Literal["planned", "running", "done", "failed"]
    stage: str = ""
    """What its process does now."""
    step: int = 0
    steps: int = 0
    """Optimizer steps done, of so many."""
    it_s: float | None = None
    """Steps per second."""
    left: str = ""
    """Time left of the training."""
    where: str = ""
    """Host and number of the process that holds the lease."""
    reason: str = ""
    """Why it failed."""


def read_states(results: Path) -> list[RunState]:
    """Return the states of the runs of a results folder, by name."""
    names = (RUN_FILE, RECORD_FILE, FAILURE_FILE)
    folders = {path.parent for name in names for path in results.glob(f"*/{name}")}
    return [read_state(folder) for folder in sorted(folders)]


def read_state(folder: Path) -> RunState:
    """Return the state of a run; files that are damaged make it failed, with the reason."""
    try:
        busy, record = holder(folder), read_record(folder)
        if record and not busy:
            return RunState(
                run=folder.name, status="done", step=record.recipe.budget.steps, steps=record.recipe.budget.steps
            )
        failure = read_failure(folder)
        if failure and not busy:
            return RunState(run=folder.name, status="failed", reason=failure.reason)
        steps = read_job(folder).recipe.budget.steps
    except ZooError as error:
        return RunState(run=folder.name, status="failed", reason=str(error))
    progress, place = read_progress(folder), f"{busy.host}:{busy.pid}" if busy else ""
    if not progress:
        return RunState(run=folder.name, status="running" if busy else "planned", steps=steps, where=place)
    return RunState(
        run=folder.name,
        status="running" if busy else "planned",
        stage=progress.stage if busy else "",
        step=progress.step,
        steps=steps,
        it_s=progress.it_s if busy else None,
        left=time_left(steps, progress) if busy else "",
        where=place,
    )


def state_row(state: RunState) -> tuple[str, ...]:
    """Return a state as a row under `COLUMNS`."""
    doing = state.stage if state.status == "running" and state.stage else state.status
    step = f"{state.step}/{state.steps}" if state.steps else ""
    return state.run, doing, step, f"{state.it_s:.2f}" if state.it_s else "", state.left, state.where
