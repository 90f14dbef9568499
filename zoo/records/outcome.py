"""How a run ended, found in the files of its folder. Imports no torch."""

from __future__ import annotations

import contextlib
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zoo.checksums import Damage, repair
from zoo.errors import DamagedError, ZooError
from zoo.model_folder import WEIGHTS_FILE
from zoo.recipe import Recipe
from zoo.records.consistency import is_doubtful
from zoo.records.integrity import find_faults
from zoo.records.job import LOG_FILE, Job, PlannedRun, unscored, unscored_tests, without
from zoo.records.record import FAILURE_FILE, RECORD_FILE, Failure, Record, read_failure, read_record, write_json

TAIL_LINES = 40
NOT_YET = sys.maxsize
"""`Job.requested_at` before a bench begins: no file is newer."""
KILLED = (
    "the run was killed (signal 9), as systems do when memory runs out; the same command resumes it from its checkpoint"
)

Status = Literal["planned", "running", "leased", "done", "skipped", "interrupted", "failed"]
"""State of a run. `leased`: another process works on it; `skipped`: it was finished before; `interrupted`: its state is saved."""
EXIT_CODES: dict[Status, int] = {"done": 0, "skipped": 0, "leased": 0, "interrupted": 130, "failed": 1}
"""Exit code of the process that executes a run."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How the execution of a run ended."""

    status: Status
    reason: str = ""
    """Why it failed, in one line."""
    record: Record | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome(Ended):
    """How a planned run of a grid ended."""

    run: PlannedRun


def known(run: PlannedRun, job: Job) -> Outcome | None:
    """Return the outcome of a run that needs no execution; of a job that was not requested yet, by what ended before."""
    ended = find_ended(run.folder, job)
    failure = read_failure(run.folder) if not ended and job.requested_at == NOT_YET and not job.retry else None
    if failure and not failure.retry:
        ended = Ended(status="failed", reason=f"{failure.reason} (before; use `retry` to run it again)")
    return Outcome(run=run, status=ended.status, reason=ended.reason, record=ended.record) if ended else None


def find_ended(folder: Path, job: Job) -> Ended | None:
    """Return how a planned run ended; None where it must be executed."""
    try:
        record = read_record(folder)
    except DamagedError as error:
        if not job.retry:
            return Ended(status="failed", reason=f"{error.message}. {repair(folder, job.command)}")
        record = None
    except ZooError as error:  # of a newer zoo, which must not be overwritten
        return Ended(status="failed", reason=str(error))
    if record and (ended := _find_finished(folder, job, record)):
        return ended
    if changed(folder / FAILURE_FILE) > job.requested_at:
        failure = read_failure(folder)
        reason = failure.reason if failure else f"`{folder / FAILURE_FILE}` cannot be read"
        return Ended(status="failed", reason=reason)
    return None


def _find_finished(folder: Path, job: Job, record: Record) -> Ended | None:
    """Return how a run with a record ended; None where metrics are missing or, with `retry`, where files are damaged."""
    if changed(folder / RECORD_FILE) > job.requested_at:  # what could not be measured just now is not tried again
        job = without(job, record.unmeasured)
    missing = unscored(job.metrics, record)
    elsewhere = [f"{name} on {test.data.name}" for test in unscored_tests(job.tests, record) for name in test.metrics]
    skipped = Ended(status="skipped", record=record)
    if job.retry:
        intact = changed(folder / RECORD_FILE) > job.requested_at or not _all_faults(folder, job, record)
        return skipped if intact and not (missing or elsewhere) else None
    if faults := find_faults(folder, record, thorough=False):
        return Ended(status="failed", record=record, reason=f"{faults[0]}. {repair(folder, job.command)}")
    if not (missing or elsewhere):
        return skipped
    if (folder / WEIGHTS_FILE).exists():
        return None
    # An early record does not say how it was scored, and without weights it stands as it is.
    lacking = [name for name in missing if record.scored or name not in {score.metric for score in record.scores}]
    lacking += elsewhere
    if not lacking:
        return skipped
    reason = (
        f"{', '.join(lacking)} cannot be scored: the record is here and its weights ({WEIGHTS_FILE}) are not. "
        "Put the weights next to it, or use `retry` to train it again"
    )
    return Ended(status="failed", record=record, reason=reason)


def _all_faults(folder: Path, job: Job, record: Record) -> list[Damage]:
    """Return everything lost or damaged of a finished run; a record of another run counts as damaged."""
    faults = find_faults(folder, record, thorough=True)
    if is_doubtful(folder, job.recipe, record):
        faults.append(Damage(path=folder / RECORD_FILE, what="contradicts itself or its folder"))
    return faults


def usable_record(folder: Path, job: Job) -> Record | None:
    """Return a run's record; None where it has none, or with `retry` where it is damaged or another run's.

    Raises:
        ZooError: the record is damaged and the job does not repair it; or it is of a newer zoo.
    """
    try:
        record = read_record(folder)
    except DamagedError:
        if job.retry:
            return None
        raise
    return None if record and job.retry and is_doubtful(folder, job.recipe, record) else record


def failed(run: PlannedRun, reason: str) -> Outcome:
    """Return the outcome of a run that failed; write its reason to the folder where the run itself could not."""
    failure = read_failure(run.folder) or write_failure(run.folder, run.recipe, reason)
    return Outcome(run=run, status="failed", reason=failure.reason)


def give_up(folder: Path, job: Job, code: int) -> None:
    """Write why a run's process ended with this exit code, unless the process itself did."""
    if changed(folder / FAILURE_FILE) > job.requested_at:
        return
    reason = KILLED
    if code != -signal.SIGKILL:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        last = next((line.strip() for line in reversed(_log_lines(folder)) if line.strip()), "no output")
        reason = f"the run ended with {how}: {last} ({LOG_FILE} in its folder has the whole output)"
    write_failure(folder, job.recipe, reason)


def write_failure(folder: Path, recipe: Recipe, reason: str, *, tail: str | None = None, retry: bool = True) -> Failure:
    """Write why a run failed to its folder, and return it.

    Args:
        folder: of the run.
        recipe: of the run.
        reason: why it failed, in one line.
        tail: end of the output; None: the last lines of the log.
        retry: whether the same command tries it again.
    """
    tail = "\n".join(_log_lines(folder)[-TAIL_LINES:]) if tail is None else tail
    failure = Failure(recipe=recipe, reason=reason, tail=tail, retry=retry)
    try:
        write_json(folder / FAILURE_FILE, failure)
    except ZooError:  # a full disk; the reason is shown all the same
        traceback.print_exc()
    return failure


def changed(path: Path) -> int:
    """Return when a file changed, in nanoseconds; 0 where there is none."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime_ns
    return 0


def _log_lines(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (folder / LOG_FILE).read_text(errors="replace").splitlines()
    return []
