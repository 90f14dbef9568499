"""Executes one planned run, alone or as one of several processes: trains, scores, leaves the record. Imports no torch at its top.

What the run is to do stands in its `run.json`; the caller gets its stages and steps as events.
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from zoo.errors import DamagedError, ZooError
from zoo.files import cannot_write
from zoo.model_folder import WEIGHTS_FILE
from zoo.run.consistency import is_doubtful
from zoo.run.integrity import clear_way, find_faults, sweep_run
from zoo.run.job import RUN_FILE, Ended, Event, Job, unscored
from zoo.run.lease import Claim, held
from zoo.run.record import FAILURE_FILE, Failure, Record, read_failure, read_record, write_json

OnEvent = Callable[[Event], None]
Stop = Callable[[], bool]


def execute(folder: Path, job: Job, on_event: OnEvent, stop: Stop) -> Ended:
    """Execute a run, or this process's share of it, from wherever an earlier try left it; return how that ended.

    Args:
        folder: of the run; of several processes only the first one's need exist.
        job: what to do.
        on_event: called at each stage and step, in the first process.
        stop: checked before every step; when true the state is saved.

    Raises:
        UsageError: the device is not there, or the number of processes is not the job's.
        ZooError: a record is damaged, or the folder cannot be written.
    """
    if job.processes > 1:
        return _execute_distributed(folder, job, on_event, stop)
    with held(folder, job.expired) as lease:
        ended = admit(folder, job, lease)
        if ended is None:
            on_event(Event(what="stage", text="loading"))
            ended = guarded(folder, job, lambda: _work(folder, job, on_event, lambda: stop() or lost(lease)))
    return ended


def _execute_distributed(folder: Path, job: Job, on_event: OnEvent, stop: Stop) -> Ended:
    """Execute this process's share of a run; the first process alone holds the lease, decides and reports."""
    from zoo.run.work import join, work

    device, world = join(job)
    report: OnEvent = on_event if world.is_main else (lambda event: None)
    with held(folder, job.expired) if world.is_main else nullcontext() as lease:
        ended = world.broadcast(admit(folder, job, lease) if world.is_main else None)
        if ended is None:
            report(Event(what="stage", text="loading"))
            joined = device, world
            ended = guarded(
                folder, job, lambda: work(folder, job, report, lambda: stop() or lost(lease), joined=joined)
            )
    return ended


def lost(claim: Claim | None) -> bool:
    """Return whether a claim that was held is another process's now."""
    return claim is not None and claim.lost


def admit(folder: Path, job: Job, claim: Claim | None) -> Ended | None:
    """Return how the cell ended without anything to do; None where there is, and then the folder has its job.

    Raises:
        ZooError: a record is damaged and may not be made again, or the folder cannot be written.
    """
    if claim is None:
        return Ended(how="leased")
    sweep_run(folder)
    clear_way(folder)
    if is_done(folder, job):
        return Ended(how="skipped")
    failure = folder / FAILURE_FILE
    if failure.exists() and failure.stat().st_mtime_ns > job.asked:  # another bench just tried
        found = read_failure(folder)
        return Ended(how="failed", reason=found.reason if found else f"`{failure}` cannot be read")
    failure.unlink(missing_ok=True)
    write_json(folder / RUN_FILE, job)
    return None


def is_done(folder: Path, job: Job) -> bool:
    """Return whether a folder holds all that a job asks for.

    Raises:
        ZooError: the record is damaged, and the job does not say to make it again.
    """
    record = usable_record(folder, job)
    if record is None or unscored(job.metrics, record):
        return False
    return not find_faults(folder, record, thorough=True) if job.retry else (folder / WEIGHTS_FILE).is_file()


def is_open(folder: Path, job: Job) -> bool:
    """Return whether a planned run is still to be executed: neither done, nor tried and failed since it was planned."""
    try:
        failure = folder / FAILURE_FILE
        if failure.exists() and failure.stat().st_mtime_ns > job.asked:
            return False
        return not is_done(folder, job)
    except (OSError, ZooError):  # its bench reports it
        return False


def usable_record(folder: Path, job: Job) -> Record | None:
    """Return a cell's record; None where it has none, or a damaged one or another's that the job says to make again.

    Raises:
        ZooError: the record is damaged, and the job does not say to make it again; or it is of a newer zoo.
    """
    try:
        record = read_record(folder)
    except DamagedError:
        if job.retry:
            return None
        raise
    return None if record and job.retry and is_doubtful(folder, job.recipe, record) else record


def guarded(folder: Path, job: Job, work: Callable[[], bool]) -> Ended:
    """Return how a cell's work ended; a failure is told in one line and leaves its trace in the folder."""
    try:
        return Ended(how="done" if work() else "interrupted")
    except ZooError as error:
        return _failed(folder, job, str(error), str(error), retry=not error.final)
    except OSError as error:
        return _failed(folder, job, str(cannot_write(Path(error.filename or folder), error)), traceback.format_exc())
    except MemoryError:
        reason = "the machine's memory is used up. Type a smaller --size or --batch, or fewer --jobs"
        return _failed(folder, job, reason, traceback.format_exc())
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # torch's, which is not imported here
            reason = "the accelerator's memory is used up. Type a smaller --size or --batch, or fewer --jobs"
            return _failed(folder, job, reason, traceback.format_exc())
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return _failed(folder, job, reason, traceback.format_exc(), retry=False)


@contextmanager
def stop_signals(*signals: signal.Signals) -> Iterator[threading.Event]:
    """Yield what is set when one of these signals asks the process to save its state and stop, for a `with` block."""
    stopping = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in signals}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _work(folder: Path, job: Job, on_event: OnEvent, stop: Stop) -> bool:
    from zoo.run.work import work

    return work(folder, job, on_event, stop)


def _failed(folder: Path, job: Job, reason: str, tail: str, *, retry: bool = True) -> Ended:
    traceback.print_exc()
    # Of several processes the first to fail says why; the others only lost it, perhaps on machines without the folder.
    if job.processes == 1 or (folder.is_dir() and not (folder / FAILURE_FILE).exists()):
        try:
            write_json(folder / FAILURE_FILE, Failure(recipe=job.recipe, reason=reason, tail=tail, retry=retry))
        except ZooError as error:
            print(error, file=sys.stderr)
    return Ended(how="failed", reason=reason)
