"""Executes one planned run, alone or as one of several processes. Imports no torch at its top."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from zoo.errors import ZooError
from zoo.files import cannot_write
from zoo.plugin_faults import describe, place_of
from zoo.run.integrity import clear_way, sweep_run
from zoo.run.job import RUN_FILE, Event, Job
from zoo.run.lease import Lease, lease
from zoo.run.outcome import Ended, find_ended, write_failure
from zoo.run.record import FAILURE_FILE, write_json

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
            on_main_event(Event(what="stage", text="loading" if "torch" in sys.modules else "importing torch"))
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
    traceback.print_exc()
    # Of several processes the first to fail gives the reason; the others fail because it is gone, perhaps without the folder.
    if job.processes == 1 or (folder.is_dir() and not (folder / FAILURE_FILE).exists()):
        write_failure(folder, job.recipe, reason, tail=tail, retry=retry)
    return Ended(status="failed", reason=reason)


@contextmanager
def stop_signals(*signals: signal.Signals) -> Iterator[threading.Event]:
    """Yield an event that these signals set, for a `with` block."""
    stopping = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in signals}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def collect_interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C in a list for the length of a `with` block, so that none falls between two steps that belong together.

    So is SIGTERM, by which containers and service managers end a program: runs save their state before it is gone.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    both = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, lambda number, _: received.append(number)) for one in both]
    try:
        yield received
    finally:
        for one, handler in zip(both, before, strict=True):
            signal.signal(one, handler)
