"""Executes one run in this process, alone or under `accelerate launch` and torchrun. Imports no torch by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zoo.data.layout import read_info
from zoo.errors import UsageError
from zoo.run.display import make_display
from zoo.run.execute import Stop, execute, stop_signals
from zoo.run.grid import Axes, Cell, expand
from zoo.run.job import Ended, Event, Job, read_job, scorings
from zoo.run.lease import DEAD_AFTER, expired, folder_time, holder, is_ahead
from zoo.run.outcome import Outcome
from zoo.run.progress import ProgressWriter
from zoo.run.record import read_record
from zoo.run.runner import choose_metrics
from zoo.sources import DataSource


def plan_one(
    axes: Axes, metrics: Sequence[str], out: Path, *, device: str, command: str, speed: str
) -> tuple[Cell, Job]:
    """Return the only run of a grid, and what it is to do.

    Raises:
        UsageError: a name, option or number is wrong, or several runs are described.
        RefusedError: the parts cannot work together.
    """
    cells, refusals = expand(axes, out)
    if refusals:
        raise UsageError(refusals[0].reason)
    if len(cells) != 1:
        raise UsageError(f"{len(cells)} runs were described, and one is trained here", "Run zoo bench to train several")
    (cell,) = cells
    cell.folder.mkdir(parents=True, exist_ok=True)
    job = Job(
        recipe=cell.recipe,
        train_key=cell.train_key,
        metrics=scorings(choose_metrics(metrics, cells), cell.train_key),
        root=str(cell.source.root.resolve()),
        device=device,
        command=command,
        speed=speed,
        processes=cell.processes,
        asked=_now(cell.folder),
    )
    return cell, job


def read_planned(folder: Path) -> tuple[Cell, Job]:
    """Return a run that was planned in a folder.

    Raises:
        ZooError: it has no plan, or a damaged one; or the dataset is not there.
    """
    job = read_job(folder)
    root, data = Path(job.root), job.recipe.data
    source = DataSource(root=root, name=data.name, info=read_info(root), fingerprint=data.fingerprint)
    cell = Cell(recipe=job.recipe, source=source, folder=folder.resolve(), train_key=job.train_key)
    return cell, replace(job, asked=_now(folder))


def run_one(cell: Cell, job: Job) -> Ended:
    """Execute a run, or this process's share of it; the first process shows its progress.

    Ctrl-C and SIGTERM let it save its state.

    Raises:
        ZooError: a record is damaged, or the folder cannot be written.
    """
    if job.threads:
        import torch

        torch.set_num_threads(job.threads)
    with stop_signals(signal.SIGTERM, signal.SIGINT) as stopping:
        if os.environ.get("RANK", "0") != "0":
            return execute(cell.folder, job, lambda event: None, stopping.is_set)
        return _run_shown(cell, replace(job, expired=_wait_for_lease(cell.folder)), stopping.is_set)


def _run_shown(cell: Cell, job: Job, stop: Stop) -> Ended:
    progress = ProgressWriter(cell.folder)
    with make_display() as display:
        display.started(cell, 1, 1)

        def on_event(event: Event) -> None:
            progress(event)
            display.update(cell, progress.latest)

        ended = execute(cell.folder, job, on_event, stop)
        if ended.how in ("done", "skipped"):
            display.finished(Outcome(cell=cell, status=ended.how, record=read_record(cell.folder)))
        elif ended.how == "interrupted":
            display.finished(Outcome(cell=cell, status="interrupted"))
    if ended.how == "leased":
        return replace(ended, reason=f"{holder(cell.folder) or 'another process'} works on this run")
    return ended


def _wait_for_lease(folder: Path) -> str:
    """Wait until a lease dated in the future shows that it is alive or expired; return the mark of the latter."""
    deadline = time.monotonic() + DEAD_AFTER + 10
    while time.monotonic() < deadline and holder(folder) and is_ahead(folder):
        time.sleep(1.0)
    return expired(folder)


def _now(folder: Path) -> int:
    """Return the time by the folder's clock, where this process sees the folder."""
    return folder_time(folder) if folder.is_dir() else 0
