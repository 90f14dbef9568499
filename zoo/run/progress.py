"""Progress and state of the runs of a results folder, exchanged through their files. Imports no torch."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from zoo.errors import ZooError
from zoo.records.integrity import CHECKPOINTS
from zoo.records.job import RUN_FILE, read_job
from zoo.records.lease import holder
from zoo.records.outcome import Status
from zoo.records.record import FAILURE_FILE, RECORD_FILE, read_failure, read_record
from zoo.records.trained import TRAINED_FILE

PROGRESS_FILE = "progress.json"
INTERRUPTED = "interrupted"
"""Stage of a run that was stopped and has saved its state."""
SCORING = "the scoring"
"""Where a run resumes whose training has ended."""
WRITE_EVERY = 0.5
"""Seconds between two writes while only the step changes."""
COLUMNS = ("run", "state", "step", "it/s", "left", "where")
STATUSES = ("planned", "running", "interrupted", "done", "failed")
"""What a run's status is, in the order in which they are counted."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """A new stage of an execution, a step of the training, or images of the scoring."""

    stage: str = ""
    """Name of the stage; empty for a step and for images."""
    step: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    """Weighted loss terms by name, when they were read at this step."""
    images: tuple[int, int] | None = None
    """Test images that are scored, and all of them."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of the process that executes a run."""

    stage: str = ""
    """What it does now, e.g. `training`."""
    step: int = 0
    """Optimizer steps done."""
    it_s: float | None = None
    """Steps per second since the process began to train."""
    losses: dict[str, float] = field(default_factory=dict)
    """Weighted loss terms by name, as last read."""
    images: tuple[int, int] | None = None
    """Test images that are scored, and all of them, while the run is scored."""


class ProgressWriter:
    """Writes a run's progress to its folder, which must exist; readers always see a whole file."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._progress = folder, Progress()
        self._written = 0.0
        self._first: tuple[int, float] | None = None

    def __call__(self, event: Event) -> None:
        """Add an event; write the file at each new stage, at each reading of losses and every `WRITE_EVERY` seconds."""
        now = time.monotonic()
        if event.stage or event.images:
            self._progress = replace(self._progress, stage=event.stage or "scoring", images=event.images)
        else:
            self._first = self._first or (event.step, now)
            done, seconds = event.step - self._first[0], now - self._first[1]
            it_s = done / seconds if done and seconds else None
            losses = event.losses or self._progress.losses
            self._progress = replace(self._progress, step=event.step, it_s=it_s, losses=losses)
        if event.stage or event.losses or now - self._written >= WRITE_EVERY:
            self._written = now
            self._write()

    @property
    def latest(self) -> Progress:
        """The progress so far."""
        return self._progress

    def _write(self) -> None:
        # Not synchronised to the disk, since progress is worthless after a crash of the machine; errors such as a full disk are
        # reported where they matter.
        path = self._folder / PROGRESS_FILE
        own = path.with_name(f".{PROGRESS_FILE}.{os.getpid()}")
        with contextlib.suppress(OSError):
            own.write_bytes(msgspec.json.encode(self._progress))
            own.replace(path)


def read_progress(folder: Path) -> Progress | None:
    """Return the last progress of a run; None where the file is missing or damaged."""
    try:
        return msgspec.json.decode((folder / PROGRESS_FILE).read_bytes(), type=Progress)
    except (OSError, ValueError):
        return None


def time_left(steps: int, progress: Progress) -> str:
    """Return the time left of a training at its present speed, e.g. `0:41` or `2:03:10`; empty where unknown.

    >>> time_left(1000, Progress(step=180, it_s=20.0))
    '0:41'
    >>> time_left(1000, Progress(step=180))
    ''
    """
    if not progress.it_s or progress.step >= steps:
        return ""
    return duration_text((steps - progress.step) / progress.it_s)


def grid_left(runs: Sequence[tuple[int, Progress | None]]) -> float | None:
    """Return the seconds that a grid's open runs will take, None where no speed is known yet.

    Runs that wait are taken to be as fast as the mean of those in progress, and as many to run at once.

    >>> running = Progress(step=100, it_s=10.0)
    >>> grid_left([(300, running), (300, None)])
    50.0

    Args:
        runs: steps in all, and progress; None for a run that waits.
    """
    running = [(steps - one.step, one.it_s) for steps, one in runs if one and one.it_s]
    if not running:
        return None
    seconds = [left / it_s for left, it_s in running]
    per_step = sum(1 / it_s for _, it_s in running) / len(running)
    waiting = sum(steps * per_step for steps, one in runs if not (one and one.it_s))
    return max((sum(seconds) + waiting) / len(running), *seconds)


def duration_text(seconds: float) -> str:
    """Return a duration as `0:41` or `2:03:10`."""
    left = round(seconds)
    hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The state of a run by its files."""

    run: str
    """Name of its folder."""
    status: Status
    """`planned`, `running`, `interrupted`, `done` or `failed`."""
    stage: str = ""
    """What its process does now."""
    images: tuple[int, int] | None = None
    """Test images that are scored, and all of them, while it is scored."""
    step: int = 0
    steps: int = 0
    """Optimizer steps done, and in all."""
    resumes: int | None = None
    """The step from which an interrupted run resumes; None for others."""
    it_s: float | None = None
    """Steps per second."""
    left: str = ""
    """Time left of the training."""
    where: str = ""
    """Host and id of the process that holds the lease."""
    reason: str = ""
    """Why it failed."""


def read_states(results: Path) -> list[RunState]:
    """Return the states of the runs of a results folder, by name."""
    names = (RUN_FILE, RECORD_FILE, FAILURE_FILE)
    folders = {path.parent for name in names for path in results.glob(f"*/{name}")}
    return [read_state(folder) for folder in sorted(folders)]


def read_state(folder: Path) -> RunState:
    """Return the state of a run; damaged files make it failed, with the reason."""
    name = folder.name
    try:
        process, record, failure = holder(folder), read_record(folder), read_failure(folder)
        if record and not process:
            steps = record.recipe.budget.steps
            return RunState(run=name, status="done", step=steps, steps=steps)
        if failure and not process:
            return RunState(run=name, status="failed", reason=failure.reason)
        steps = read_job(folder).recipe.budget.steps
    except ZooError as error:
        return RunState(run=name, status="failed", reason=str(error))
    begun = read_progress(folder)
    progress = begun or Progress()
    if not process and not begun:
        return RunState(run=name, status="planned", steps=steps)
    if not process:
        resumes = resume_step(folder, steps)
        step = max(progress.step, resumes)
        return RunState(run=name, status="interrupted", step=step, steps=steps, resumes=resumes)
    return RunState(
        run=name,
        status="running",
        stage=progress.stage,
        images=progress.images,
        step=progress.step,
        steps=steps,
        it_s=progress.it_s,
        left=time_left(steps, progress),
        where=f"{process.host}:{process.pid}",
    )


def stage_text(one: Progress | RunState) -> str:
    """Return a stage, with the number of images where it counts them, e.g. `scoring 40/2000`."""
    return f"{one.stage} {one.images[0]}/{one.images[1]}" if one.images else one.stage


def resume_step(folder: Path, steps: int) -> int:
    """Return the step from which a run resumes: of its last checkpoint, or of its end where only the scoring is left."""
    if (folder / TRAINED_FILE).exists():
        return steps
    saved = [int(path.name) for path in (folder / CHECKPOINTS).glob("*") if path.name.isdecimal()]
    return max(saved, default=0)


def state_row(state: RunState) -> tuple[str, ...]:
    """Return a state as a row under `COLUMNS`."""
    step = f"{state.step}/{state.steps}" if state.steps else ""
    stage = stage_text(state) or state.status
    if state.resumes is not None:
        resumed = f"step {state.resumes}" if state.resumes < state.steps else SCORING
        stage += f", resumes at {resumed}" if state.resumes else ", starts again"
    return (
        state.run,
        stage,
        step,
        f"{state.it_s:.2f}" if state.it_s else "",
        state.left,
        state.where,
    )
