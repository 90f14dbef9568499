"""What became of a run, and which ones are finished already. Imports no torch."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zoo.checksums import Damage, repair
from zoo.errors import DamagedError, ZooError
from zoo.model_folder import WEIGHTS_FILE
from zoo.recipe import Recipe
from zoo.registry import Choice
from zoo.run.consistency import is_doubtful
from zoo.run.grid import PlannedRun
from zoo.run.integrity import find_faults
from zoo.run.job import LOG_FILE, Job, scorings, unscored
from zoo.run.record import FAILURE_FILE, RECORD_FILE, Failure, Record, read_failure, read_record, write_json

TAIL_LINES = 40
KILLED = (
    "the run was killed (signal 9), as systems do when memory runs out; the same command resumes it from its checkpoint"
)

Status = Literal["done", "skipped", "failed", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run."""

    run: PlannedRun
    status: Status
    """`skipped`: it had been done before, or another bench did it; `failed`: see `reason`; `interrupted`: its state is saved."""
    record: Record | None = None
    reason: str = ""
    """Why it failed, in one line."""


def known(
    run: PlannedRun, metrics: Sequence[Choice], *, retry: bool, since: int = 0, command: str = ""
) -> Outcome | None:
    """Return the outcome of a run that needs no execution.

    Args:
        run: the run.
        metrics: what it is to be scored with.
        retry: whether what failed is to be run again, and what was lost or damaged made again.
        since: when the bench began, by the clock of its folder; what another bench did or tried after that stands.
        command: of the bench, for what brings damaged files back.
    """
    try:
        record = read_record(run.folder)
    except DamagedError as error:
        return None if retry else _failed(run, f"{error.message}. {repair(run.folder, command)}")
    except ZooError as error:  # of a newer zoo, which must not be written over
        return _failed(run, str(error))
    if record and retry:
        return _retried(run, record, metrics, since)
    found = _finished(run, record, metrics, command) if record else None
    return found or _tried(run, retry, since)


def _retried(run: PlannedRun, record: Record, metrics: Sequence[Choice], since: int) -> Outcome | None:
    """Return the outcome of a finished run with `retry`: it is kept where nothing is missing, lost or damaged."""
    settled = changed(run.folder / RECORD_FILE) > since if since else not _faults(run, record)
    if settled and not unscored(scorings(metrics, run.train_key), record):
        return Outcome(run=run, status="skipped", record=record)
    return None


def _finished(run: PlannedRun, record: Record, metrics: Sequence[Choice], command: str) -> Outcome | None:
    """Return the outcome of a finished run, None where it is to be scored with more metrics."""
    if faults := find_faults(run.folder, record, thorough=False):
        return _failed(run, f"{faults[0]}. {repair(run.folder, command)}", record)
    missing = unscored(scorings(metrics, run.train_key), record)
    if not missing:
        return Outcome(run=run, status="skipped", record=record)
    if (run.folder / WEIGHTS_FILE).exists():
        return None
    lacking = [name for name in missing if record.scored or name not in {score.metric for score in record.scores}]
    if not lacking:  # an early record does not say how it was scored, and without weights it stands as it is
        return Outcome(run=run, status="skipped", record=record)
    return _failed(run, _no_weights(lacking), record)


def _tried(run: PlannedRun, retry: bool, since: int) -> Outcome | None:
    """Return the outcome of a run that was tried and failed, None where it is to be tried."""
    failure = read_failure(run.folder)
    if failure and changed(run.folder / FAILURE_FILE) > since > 0:
        return _failed(run, failure.reason)
    if failure and not (retry or failure.retry):
        return _failed(run, f"{failure.reason} (before; --retry runs it again)")
    return None


def failed(run: PlannedRun, reason: str) -> Outcome:
    """Return the outcome of a run that failed, and leave its reason in the folder where the run itself could not."""
    failure = read_failure(run.folder)
    if failure is None:  # the run had no chance to say why, or could not write it
        failure = _leave_reason(run.folder, run.recipe, reason)
    return Outcome(run=run, status="failed", reason=failure.reason)


def give_up(folder: Path, job: Job, code: int) -> None:
    """Leave the reason in the folder of a run whose process ended with this exit code, unless the process itself did."""
    if changed(folder / FAILURE_FILE) > job.asked:
        return
    reason = KILLED
    if code != -signal.SIGKILL:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        last = next((line.strip() for line in reversed(log_lines(folder)) if line.strip()), "no output")
        reason = f"the run ended with {how}: {last} ({LOG_FILE} in its folder has the whole output)"
    _leave_reason(folder, job.recipe, reason)


def _leave_reason(folder: Path, recipe: Recipe, reason: str) -> Failure:
    failure = Failure(recipe=recipe, reason=reason, tail="\n".join(log_lines(folder)[-TAIL_LINES:]), retry=True)
    with contextlib.suppress(ZooError):  # a full disk; the reason is shown all the same
        write_json(folder / FAILURE_FILE, failure)
    return failure


def log_lines(folder: Path) -> list[str]:
    """Return what a run's processes wrote; nothing where that cannot be read."""
    try:
        return (folder / LOG_FILE).read_text(errors="replace").splitlines()
    except OSError:
        return []


def changed(path: Path) -> int:
    """Return when a file changed, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _failed(run: PlannedRun, reason: str, record: Record | None = None) -> Outcome:
    return Outcome(run=run, status="failed", record=record, reason=reason)


def _faults(run: PlannedRun, record: Record) -> list[Damage]:
    """Return all that is lost or damaged of a finished run, a record that is another run's included."""
    faults = find_faults(run.folder, record, thorough=True)
    if is_doubtful(run.folder, run.recipe, record):
        faults.append(Damage(path=run.folder / RECORD_FILE, what="contradicts itself or its folder"))
    return faults


def _no_weights(missing: Iterable[str]) -> str:
    """Return why metrics cannot be added to a record that came without its weights, by import or after they were removed."""
    return (
        f"{', '.join(missing)} cannot be scored: the record is here and its weights ({WEIGHTS_FILE}) are not. "
        "Put the weights beside it, or type --retry to train it again here"
    )
