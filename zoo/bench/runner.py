"""Runs cells as processes, one after the other, and survives whatever becomes of them. Imports no torch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from zoo.bench.grid import Cell
from zoo.bench.job import EXIT_INTERRUPTED, JOB_FILE, LOG_FILE, Event, Job, score_key
from zoo.bench.record import FAILURE_FILE, Failure, Record, read_failure, read_record, write_json
from zoo.files import cannot_write

TAIL_LINES = 40

CELL_ENVIRONMENT = {"OMP_WAIT_POLICY": "passive"}
"""What a cell's environment gets unless the user set it. Threads that spin while they wait slow a training several times as soon
as anything else runs on the machine."""

Status = Literal["done", "kept", "failed", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a cell."""

    cell: Cell
    status: Status
    """`kept`: it had been done before; `failed`: see `reason`; `interrupted`: its state is saved."""
    record: Record | None = None
    reason: str = ""
    """Why it failed, in one line."""


class Display(Protocol):
    """Shows a bench's progress to people."""

    def started(self, cell: Cell, number: int, cells: int) -> None:
        """A cell's process was started."""

    def heard(self, cell: Cell, event: Event) -> None:
        """A cell told something."""

    def finished(self, outcome: Outcome) -> None:
        """A cell ended, or was found done."""


class InterruptedBenchError(Exception):
    """Ctrl-C: the running cell has saved its state.

    Args:
        outcomes: of the cells so far, the interrupted one last.
    """

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__("interrupted")
        self.outcomes = outcomes


def run(cells: Sequence[Cell], display: Display, *, device: str, command: str, retry: bool = False) -> list[Outcome]:
    """Do every cell that is not done, one after the other, and return what became of each.

    Args:
        cells: of one grid.
        display: told what happens.
        device: `auto`, `cpu` or `cuda`.
        command: the command line, for the records.
        retry: run cells again that failed before.

    Raises:
        ZooError: a cell's folder cannot be written.
        InterruptedBenchError: on Ctrl-C, after the running cell saved its state.
    """
    _require_writable({cell.folder.parent for cell in cells})
    outcomes: list[Outcome] = []
    for number, cell in enumerate(cells, 1):
        outcome = _known(cell, retry)
        if outcome is None:
            display.started(cell, number, len(cells))
            try:
                outcome = _run_one(cell, display, device, command)
            except KeyboardInterrupt:
                raise InterruptedBenchError([*outcomes, Outcome(cell=cell, status="interrupted")]) from None
        outcomes.append(outcome)
        display.finished(outcome)
        if outcome.status == "interrupted":
            raise InterruptedBenchError(outcomes)
    return outcomes


def _known(cell: Cell, retry: bool) -> Outcome | None:
    """Return the outcome of a cell that needs no run."""
    record = read_record(cell.folder)
    if record and record.score_key == score_key(cell.train_key):
        return Outcome(cell=cell, status="kept", record=record)
    failure = read_failure(cell.folder)
    if failure and not retry:
        return Outcome(cell=cell, status="failed", reason=f"{failure.reason} (before; --retry runs it again)")
    return None


def _run_one(cell: Cell, display: Display, device: str, command: str) -> Outcome:
    folder = cell.folder
    (folder / FAILURE_FILE).unlink(missing_ok=True)
    job = Job(
        recipe=cell.recipe,
        train_key=cell.train_key,
        score_key=score_key(cell.train_key),
        root=str(cell.source.root),
        device=device,
        command=command,
    )
    write_json(folder / JOB_FILE, job)
    with (folder / LOG_FILE).open("ab") as log:
        # A session of its own, so that Ctrl-C reaches only this process, which then asks the cell to save and stop.
        process = subprocess.Popen(
            [sys.executable, "-m", "zoo.bench.cell", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            env=CELL_ENVIRONMENT | os.environ,
        )
        try:
            reason = _listen(process, cell, display)
        except KeyboardInterrupt:
            _stop(process)
            raise
        code = process.wait()
    if code == 0:
        return Outcome(cell=cell, status="done", record=read_record(folder))
    if code == EXIT_INTERRUPTED:
        return Outcome(cell=cell, status="interrupted")
    return _failed(cell, reason or _died(code))


def _listen(process: subprocess.Popen[bytes], cell: Cell, display: Display) -> str:
    """Pass the cell's events on until it ends; return the reason that it gave for failing, if it did."""
    reason = ""
    assert process.stdout is not None
    for line in process.stdout:
        event = msgspec.json.decode(line, type=Event)
        if event.what == "failed":
            reason = event.text
        display.heard(cell, event)
    return reason


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a cell to save its state and wait until it has; a second Ctrl-C ends it at once."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.close()
        process.stdout.read()
        process.wait()
    except KeyboardInterrupt:
        process.kill()
        process.wait()


def _failed(cell: Cell, reason: str) -> Outcome:
    failure = read_failure(cell.folder)
    if failure is None:  # the cell had no chance to say why
        lines = (cell.folder / LOG_FILE).read_text(errors="replace").splitlines()
        failure = Failure(recipe=cell.recipe, reason=reason, tail="\n".join(lines[-TAIL_LINES:]))
        write_json(cell.folder / FAILURE_FILE, failure)
    return Outcome(cell=cell, status="failed", reason=failure.reason)


def _died(code: int) -> str:
    if code == -9:
        return "the cell was killed (signal 9), as systems do when memory runs out; its last checkpoint is kept"
    return f"the cell ended with signal {-code}" if code < 0 else f"the cell ended with exit code {code}"


def _require_writable(folders: set[Path]) -> None:
    """Find out now, not after an hour of training, that results cannot be written."""
    for folder in folders:
        probe = folder / f".probe-{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise cannot_write(folder, error) from error
