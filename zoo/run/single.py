"""Executes one run in this process, alone or under `accelerate launch` and torchrun. Imports no torch by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from zoo.data.layout import member_folder, read_info
from zoo.errors import DataError, UsageError
from zoo.run.display import make_display
from zoo.run.execute import Stop, execute, stop_signals
from zoo.run.grid import Axes, PlannedRun, expand
from zoo.run.job import Event, Job, plan_job, read_job
from zoo.run.lease import DEAD_AFTER, folder_time, holder, is_ahead
from zoo.run.outcome import Ended, Outcome
from zoo.run.progress import ProgressWriter
from zoo.run.record import read_record
from zoo.run.runner import choose_metrics
from zoo.sources import DataSource, open_source


def plan_one(
    axes: Axes,
    metrics: Sequence[str],
    out: Path,
    *,
    device: str,
    command: str,
    speed: str,
    retry: bool = False,
    tracker: str = "",
) -> tuple[PlannedRun, Job]:
    """Return the only run of a grid, and how to execute it.

    Raises:
        UsageError: a name, option or number is wrong, or several runs are described.
        RefusedError: the components cannot work together.
    """
    runs, refusals = expand(axes, out)
    if refusals:
        raise UsageError(refusals[0].reason)
    if len(runs) != 1:
        raise UsageError(
            f"{len(runs)} runs were described, and one is trained here", "Use `zoo.bench(...)` to train several"
        )
    (run,) = runs
    run.folder.mkdir(parents=True, exist_ok=True)
    now, choices = _now(run.folder), choose_metrics(metrics, runs)
    job = plan_job(
        run, choices, device=device, command=command, speed=speed, requested_at=now, retry=retry, tracker=tracker
    )
    return run, job


def read_planned(folder: Path, *, retry: bool = False) -> tuple[PlannedRun, Job]:
    """Return a run that was planned in a folder.

    Raises:
        ZooError: its plan is missing or damaged, or the dataset is missing or was changed.
    """
    job = read_job(folder)
    root, data = Path(job.root), job.recipe.data
    info = read_info(root)
    size = job.recipe.size
    numbers = range(len(info.members))
    now = [open_source(member_folder(root, one), size=size) for one in numbers] or [open_source(root, size=size)]
    expected = [one.fingerprint for one in info.members] or [data.fingerprint]
    if [one.fingerprint for one in now] != expected:
        raise DataError(
            f"`{root}` was changed after `{folder}` was planned",
            "Restore it, or name it as `data`: it is another dataset now",
        )
    source = DataSource(root=root, name=data.name, info=info, fingerprint=data.fingerprint, config=data.config)
    run = PlannedRun(recipe=job.recipe, source=source, folder=folder.resolve(), train_key=job.train_key)
    return run, msgspec.structs.replace(job, requested_at=_now(folder), retry=retry)


def run_one(run: PlannedRun, job: Job, *, open_samples: bool = False) -> Ended:
    """Execute a run, or this process's share of it; the main process shows its progress.

    On Ctrl-C and SIGTERM it saves its state and ends.

    Raises:
        ZooError: the folder cannot be written.
    """
    if job.threads:
        import torch

        torch.set_num_threads(job.threads)
    with stop_signals(signal.SIGTERM, signal.SIGINT) as stopping:
        if os.environ.get("RANK", "0") != "0":
            return execute(run.folder, job, lambda event: None, stopping.is_set)
        _wait_for_lease(run.folder)
        return _run_shown(run, job, stopping.is_set, open_samples=open_samples)


def _run_shown(run: PlannedRun, job: Job, stop: Stop, *, open_samples: bool) -> Ended:
    progress = ProgressWriter(run.folder)
    with make_display(open_samples=open_samples) as display:
        display.planned([run], "")
        display.started(run, 1, 1)

        def on_event(event: Event) -> None:
            progress(event)
            display.update(run, progress.latest)

        ended = execute(run.folder, job, on_event, stop)
        if ended.status in ("done", "skipped", "interrupted"):
            record = None if ended.status == "interrupted" else read_record(run.folder)
            display.finished(Outcome(run=run, status=ended.status, record=record))
    if ended.status == "leased":
        return replace(ended, reason=f"{holder(run.folder) or 'another process'} works on this run")
    return ended


def _wait_for_lease(folder: Path) -> None:
    """Wait until a lease that is dated in the future is touched, released or expired."""
    deadline = time.monotonic() + DEAD_AFTER + 10
    while time.monotonic() < deadline and holder(folder) and is_ahead(folder):
        time.sleep(1.0)


def _now(folder: Path) -> int:
    """Return the time by the clock of the folder; 0 where this process does not see the folder."""
    return folder_time(folder) if folder.is_dir() else 0
