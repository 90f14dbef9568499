"""What became of a cell, and which cells need no run. Imports no torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from zoo.bench.grid import Cell
from zoo.bench.job import LOG_FILE, read_trained, scorings, unscored
from zoo.bench.record import FAILURE_FILE, Failure, Record, read_failure, read_record, write_json
from zoo.errors import ZooError
from zoo.registry import Choice
from zoo.weights.folder import WEIGHTS_FILE

TAIL_LINES = 40

Status = Literal["done", "kept", "failed", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a cell."""

    cell: Cell
    status: Status
    """`kept`: it had been done before, or another bench did it; `failed`: see `reason`; `interrupted`: its state is saved."""
    record: Record | None = None
    reason: str = ""
    """Why it failed, in one line."""


def known(cell: Cell, metrics: Sequence[Choice], *, retry: bool, since: int = 0) -> Outcome | None:
    """Return the outcome of a cell that needs no run.

    Args:
        cell: the cell.
        metrics: what it is to be scored with.
        retry: whether what failed is to be run again, and what lacks its weights trained again.
        since: when the bench began, by the clock of its folder; what another bench tried after that stands.

    Raises:
        ZooError: the record is damaged.
    """
    record = read_record(cell.folder)
    missing = unscored(scorings(metrics, cell.train_key), record)
    if not missing:
        return Outcome(cell=cell, status="kept", record=record)
    if record and not retry and not read_trained(cell.folder, cell.train_key):
        lacking = [name for name in missing if record.scored or name not in {score.metric for score in record.scores}]
        if not lacking:  # an early record does not say how it was scored, and without weights it stands as it is
            return Outcome(cell=cell, status="kept", record=record)
        return Outcome(cell=cell, status="failed", record=record, reason=_no_weights(lacking))
    failure = read_failure(cell.folder)
    if failure and _written(cell) > since > 0:
        return Outcome(cell=cell, status="failed", reason=failure.reason)
    if failure and not (retry or failure.retry):
        return Outcome(cell=cell, status="failed", reason=f"{failure.reason} (before; --retry runs it again)")
    return None


def failed(cell: Cell, reason: str) -> Outcome:
    """Return the outcome of a cell that failed, and leave its reason in the folder where the cell itself could not."""
    failure = read_failure(cell.folder)
    if failure is None:  # the cell had no chance to say why, or could not write it
        log = cell.folder / LOG_FILE
        lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
        failure = Failure(recipe=cell.recipe, reason=reason, tail="\n".join(lines[-TAIL_LINES:]), retry=True)
        with contextlib.suppress(ZooError):  # a full disk; the reason is told all the same
            write_json(cell.folder / FAILURE_FILE, failure)
    return Outcome(cell=cell, status="failed", reason=failure.reason)


def _written(cell: Cell) -> int:
    try:
        return (cell.folder / FAILURE_FILE).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _no_weights(missing: Iterable[str]) -> str:
    """Return why metrics cannot be added to a record that came without its weights, by import or after they were removed."""
    return (
        f"{', '.join(missing)} cannot be scored: the record is here and its weights ({WEIGHTS_FILE}) are not. "
        "Put the weights beside it, or type --retry to train it again here"
    )
