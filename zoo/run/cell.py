"""One cell, as a process: `python -m zoo.run.cell FOLDER` trains, scores and leaves the record. Imports no torch by itself.

It takes its job from the environment (else from `job.json`), writes events as JSON lines to its standard output, and stops with
its state saved when its standard input ends, which also happens when the bench that started it is killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from zoo.errors import DamagedError, ZooError
from zoo.files import cannot_write
from zoo.model_folder import WEIGHTS_FILE
from zoo.report.records.check import is_doubtful
from zoo.run.integrity import clear_way, find_faults, sweep_run
from zoo.run.job import JOB_FILE, JOB_VARIABLE, Ending, Event, Job, read_job, unscored
from zoo.run.lease import Claim, held
from zoo.run.record import FAILURE_FILE, Failure, Record, read_failure, read_record, write_json

Tell = Callable[[Event], None]
Stop = Callable[[], bool]


def main() -> int:
    """Run the cell whose folder is the first argument; events go to stdout, everything that is printed to stderr."""
    events = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    stopping = stop_signals(signal.SIGTERM)
    threading.Thread(target=_wait_for_end_of_input, args=(stopping,), daemon=True).start()

    def tell(event: Event) -> None:
        try:
            events.write(msgspec.json.encode(event) + b"\n")
        except BrokenPipeError:
            stopping.set()  # the bench is gone

    folder = Path(sys.argv[1])
    try:
        ending = run_cell(folder, handed_job(folder), tell, stopping.is_set)
    except ZooError as error:
        ending = Event(what="ended", how="failed", text=str(error))
        tell(ending)
    return 1 if ending.how == "failed" else 0


def run_cell(folder: Path, job: Job, tell: Tell, stop: Stop) -> Event:
    """Do a cell's job, or this process's share of it, unless others do; return how it ended, which is also told.

    Goes on from wherever an earlier try left it.

    Raises:
        ZooError: a record is damaged, the folder cannot be written, or other processes are needed.
    """
    if job.processes > 1:
        from zoo.run.team import run_together

        return run_together(folder, job, tell, stop)
    with held(folder, job.expired) as claim:
        ending = admit(folder, job, claim)
        if ending is None:
            tell(Event(what="stage", text="loading"))
            ending = guarded(folder, job, lambda: _work(folder, job, tell, lambda: stop() or lost(claim)))
    tell(ending)
    return ending


def lost(claim: Claim | None) -> bool:
    """Return whether a claim that was held is another process's now."""
    return claim is not None and claim.lost


def admit(folder: Path, job: Job, claim: Claim | None) -> Event | None:
    """Return how the cell ended without anything to do; None where there is, and then the folder has its job.

    Raises:
        ZooError: a record is damaged and may not be made again, or the folder cannot be written.
    """
    if claim is None:
        return Event(what="ended", how="taken")
    sweep_run(folder)
    clear_way(folder)
    if is_done(folder, job):
        return Event(what="ended", how="kept")
    failure = folder / FAILURE_FILE
    if failure.exists() and failure.stat().st_mtime_ns > job.asked:  # another bench just tried
        found = read_failure(folder)
        return Event(what="ended", how="failed", text=found.reason if found else f"`{failure}` cannot be read")
    failure.unlink(missing_ok=True)
    write_json(folder / JOB_FILE, job)
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


def guarded(folder: Path, job: Job, work: Callable[[], bool]) -> Event:
    """Return how a cell's work ended; a failure is told in one line and leaves its trace in the folder."""
    try:
        return Event(what="ended", how="done" if work() else "interrupted")
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
            return _failed(folder, job, reason, traceback.format_exc(), how="crowded")
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return _failed(folder, job, reason, traceback.format_exc(), retry=False)


def stop_signals(*signals: signal.Signals) -> threading.Event:
    """Return what is set when one of these signals asks the process to save its state and stop."""
    stopping = threading.Event()
    for number in signals:
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def handed_job(folder: Path) -> Job:
    """Return the job that the environment hands over, else the folder's.

    Raises:
        ZooError: there is none, or it is damaged.
    """
    handed = os.environ.get(JOB_VARIABLE)
    return msgspec.json.decode(handed, type=Job) if handed else read_job(folder)


def _work(folder: Path, job: Job, tell: Tell, stop: Stop) -> bool:
    from zoo.run.work import work

    return work(folder, job, tell, stop)


def _wait_for_end_of_input(stopping: threading.Event) -> None:
    # The bare descriptor: a thread inside `sys.stdin` would hold its lock when the interpreter shuts down.
    while os.read(0, 1024):
        pass
    stopping.set()


def _failed(folder: Path, job: Job, reason: str, tail: str, *, retry: bool = True, how: Ending = "failed") -> Event:
    traceback.print_exc()
    # Of several processes the first to fail says why; the others only lost it, perhaps on machines without the folder.
    if job.processes == 1 or (folder.is_dir() and not (folder / FAILURE_FILE).exists()):
        try:
            write_json(folder / FAILURE_FILE, Failure(recipe=job.recipe, reason=reason, tail=tail, retry=retry))
        except ZooError as error:
            print(error, file=sys.stderr)
    return Event(what="ended", how=how, text=reason)


if __name__ == "__main__":
    sys.exit(main())
