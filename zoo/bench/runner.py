"""Runs cells as processes, one after the other, and survives whatever becomes of them. Imports no torch."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from zoo.bench.grid import Cell
from zoo.bench.job import EXIT_INTERRUPTED, JOB_FILE, LOG_FILE, METRICS, Event, Job, score_name, scorings, unscored
from zoo.bench.record import FAILURE_FILE, Failure, Record, read_failure, read_record, write_json
from zoo.compatibility import check
from zoo.errors import ZooError
from zoo.files import cannot_write
from zoo.registry import Choice, get_registry

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

    def stopping(self, cell: Cell) -> None:
        """Ctrl-C: the cell was asked to save its state."""

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


def run(
    cells: Sequence[Cell],
    display: Display,
    *,
    device: str,
    command: str,
    metrics: Sequence[str] = METRICS,
    retry: bool = False,
) -> list[Outcome]:
    """Do every cell that is not done, one after the other, and return what became of each.

    Args:
        cells: of one grid.
        display: told what happens.
        device: `auto`, `cpu` or `cuda`.
        command: the command line, for the records.
        metrics: what to score the cells with, by name with options; a cell that lacks only scores is not trained again.
        retry: run cells again that failed before.

    Raises:
        UsageError: a metric's name or an option is wrong, or it does not apply to a cell's data or image size.
        ZooError: a cell's folder cannot be written.
        InterruptedBenchError: on Ctrl-C, after the running cell saved its state.
    """
    choices = choose_metrics(metrics, cells)
    _require_writable({cell.folder.parent for cell in cells})
    outcomes: list[Outcome] = []
    for number, cell in enumerate(cells, 1):
        outcome = _known(cell, choices, retry)
        if outcome is None:
            display.started(cell, number, len(cells))
            outcome = _run_one(cell, choices, display, device, command)
        outcomes.append(outcome)
        display.finished(outcome)
        if outcome.status == "interrupted":
            raise InterruptedBenchError(outcomes)
    return outcomes


def choose_metrics(specs: Sequence[str], cells: Sequence[Cell]) -> list[Choice]:
    """Return the metrics of these names after checking that they apply to every cell's data and image size.

    Raises:
        UsageError: a metric's name or an option is wrong.
        RefusedError: a metric does not apply.
    """
    choices = [get_registry().find("metric", spec) for spec in specs]
    for choice in choices:
        score_name(choice)  # an option that names an absent file is told now
    for cell in cells:
        for choice in choices:
            recipe = cell.recipe
            check({"metric": choice}, cell.source, size=recipe.size, thermal_channels=recipe.thermal_channels)
    return choices


def _known(cell: Cell, metrics: Sequence[Choice], retry: bool) -> Outcome | None:
    """Return the outcome of a cell that needs no run."""
    record = read_record(cell.folder)
    if record and not unscored(scorings(metrics, cell.train_key), record):
        return Outcome(cell=cell, status="kept", record=record)
    failure = read_failure(cell.folder)
    if failure and not (retry or failure.retry):
        return Outcome(cell=cell, status="failed", reason=f"{failure.reason} (before; --retry runs it again)")
    return None


def _run_one(cell: Cell, metrics: Sequence[Choice], display: Display, device: str, command: str) -> Outcome:
    folder = cell.folder
    (folder / FAILURE_FILE).unlink(missing_ok=True)
    job = Job(
        recipe=cell.recipe,
        train_key=cell.train_key,
        metrics=scorings(metrics, cell.train_key),
        root=str(cell.source.root),
        device=device,
        command=command,
    )
    write_json(folder / JOB_FILE, job)
    with (folder / LOG_FILE).open("ab") as log:
        # A session of its own, so that Ctrl-C reaches only this process, which then asks the cell to save and stop.
        process = subprocess.Popen(
            # -P: a file or folder of the user's that is named as a module must not come before it.
            [sys.executable, "-P", "-m", "zoo.bench.cell", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            env=CELL_ENVIRONMENT | os.environ,
        )
        try:
            reason = _listen(process, cell, display)
            code = process.wait()
        except KeyboardInterrupt:
            display.stopping(cell)
            code = _stop(process)
            if code > 0 and code != EXIT_INTERRUPTED:  # it failed while it was being stopped
                reason = ""
            else:
                code = EXIT_INTERRUPTED
    if code == 0:
        return Outcome(cell=cell, status="done", record=read_record(folder))
    if code == EXIT_INTERRUPTED:
        return Outcome(cell=cell, status="interrupted")
    return _failed(cell, reason, code)


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


def _stop(process: subprocess.Popen[bytes]) -> int:
    """Ask a cell to save its state, wait until it has, and return its exit code; a second Ctrl-C ends it at once."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.close()
        process.stdout.read()
        return process.wait()
    except KeyboardInterrupt:
        process.kill()
        return process.wait()


def _failed(cell: Cell, reason: str, code: int) -> Outcome:
    failure = read_failure(cell.folder)
    if failure is None:  # the cell had no chance to say why, or could not write it
        lines = (cell.folder / LOG_FILE).read_text(errors="replace").splitlines()
        reason = reason or _died(code, next((line.strip() for line in reversed(lines) if line.strip()), ""))
        failure = Failure(recipe=cell.recipe, reason=reason, tail="\n".join(lines[-TAIL_LINES:]), retry=True)
        with contextlib.suppress(ZooError):  # a full disk; the reason is told all the same
            write_json(cell.folder / FAILURE_FILE, failure)
    return Outcome(cell=cell, status="failed", reason=failure.reason)


def _died(code: int, last_line: str) -> str:
    if code == -9:
        return "the cell was killed (signal 9), as systems do when memory runs out; the same command goes on from its checkpoint"
    ended = f"the cell ended with signal {-code}" if code < 0 else f"the cell ended with exit code {code}"
    return f"{ended}: {last_line} ({LOG_FILE} in its folder has it all)"


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
