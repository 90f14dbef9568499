"""Executes one planned run in this process, alone or as one of several processes. Imports no torch at its top."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import msgspec

from zoo.data.layout import member_folder, read_info
from zoo.errors import DataError, ZooError
from zoo.files import cannot_write
from zoo.plugin_faults import place_of
from zoo.probe import describe
from zoo.records.integrity import clear_way, sweep_run
from zoo.records.job import RUN_FILE, Job, PlannedRun, read_job
from zoo.records.lease import DEAD_AFTER, Lease, folder_time, holder, is_ahead, lease
from zoo.records.outcome import Ended, Outcome, find_ended, write_failure
from zoo.records.record import FAILURE_FILE, read_record, write_json
from zoo.run.display import make_display
from zoo.run.progress import Event, ProgressWriter
from zoo.sources import DataSource, open_source

OnEvent = Callable[[Event], None]
Stop = Callable[[], bool]


def execute(folder: Path, job: Job, on_event: OnEvent, stop: Stop) -> Ended:
    """Execute a run, or this process's share of it, resuming where an earlier execution stopped.

    Args:
        folder: of the run; of several processes only the main one needs it.
        job: how to execute it.
        on_event: called at each stage and step, in the main process.
        stop: checked before every step; when true the state is saved and the execution ends.

    Raises:
        UsageError: the device is missing, or the number of processes is not the job's.
        ZooError: the folder cannot be written.
    """
    joined = None
    if job.processes > 1:
        from zoo.run.work import join

        joined = join(job)
    is_main = joined is None or joined[1].is_main
    with lease(folder) if is_main else nullcontext() as held:
        ended = _admit(folder, job, held) if is_main else None
        if joined:
            ended = joined[1].broadcast(ended)
        if ended:
            return ended
        on_main_event: OnEvent = on_event if is_main else (lambda event: None)

        def train_and_score() -> bool:
            on_main_event(Event(stage="loading" if "torch" in sys.modules else "importing torch"))
            from zoo.run.work import work

            return work(folder, job, on_main_event, lambda: stop() or (held is not None and held.lost), joined=joined)

        return _guarded(folder, job, train_and_score)


def _admit(folder: Path, job: Job, held: Lease | None) -> Ended | None:
    """Return how the run ended where it needs no execution; else None, and the folder is prepared."""
    if held is None:
        return Ended(status="leased")
    sweep_run(folder)
    clear_way(folder)
    ended = find_ended(folder, job)
    if ended is None:
        (folder / FAILURE_FILE).unlink(missing_ok=True)
        write_json(folder / RUN_FILE, job)
    return ended


def _guarded(folder: Path, job: Job, work: Callable[[], bool]) -> Ended:
    """Return how a run's work ended; an error becomes one line, and its traceback is written to the folder."""
    retry = True
    try:
        return Ended(status="done" if work() else "interrupted")
    except ZooError as error:
        reason, tail, retry = str(error), str(error), not error.final
    except OSError as error:
        reason, tail = str(cannot_write(Path(error.filename or folder), error)), traceback.format_exc()
    except Exception as error:
        tail = traceback.format_exc()
        out_of_memory = type(error).__name__ == "OutOfMemoryError"  # torch's, which is not imported here
        if out_of_memory or isinstance(error, MemoryError):
            owner = "accelerator" if out_of_memory else "machine"
            reason = f"the {owner}'s memory is used up. Use a smaller `size` or `batch`, or fewer `jobs`"
        else:
            reason, retry = describe(error), False
            if found := place_of(error):
                reason += f" ({found[0]}). Run: zoo check {found[1]}"
    # Of several processes the first to fail gives the reason; the others fail because it is gone, perhaps without the folder.
    if job.processes == 1 or (folder.is_dir() and not (folder / FAILURE_FILE).exists()):
        write_failure(folder, job.recipe, reason, tail=tail, retry=retry)
    return Ended(status="failed", reason=reason)


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
    with collect_signals(signal.SIGTERM, signal.SIGINT) as received:
        if os.environ.get("RANK", "0") != "0":
            return execute(run.folder, job, lambda event: None, lambda: bool(received))
        _wait_for_lease(run.folder)
        return _run_shown(run, job, lambda: bool(received), open_samples=open_samples)


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


@contextmanager
def collect_signals(*signals: signal.Signals) -> Iterator[list[int]]:
    """Collect these signals in a list for the length of a `with` block, so that none falls between steps that belong together.

    Ctrl-C is one, and SIGTERM, by which containers and service managers end a program: runs save their state before it is gone.
    Only the main thread receives signals; in another one the list stays empty.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.signal(number, lambda number, _: received.append(number)) for number in signals}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
