"""Runs the cells of a grid, several at once and beside other benches, and survives whatever becomes of them. Imports no torch."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.compatibility import check
from zoo.errors import ZooError
from zoo.files import cannot_write
from zoo.registry import Choice, get_registry
from zoo.run.display import Display
from zoo.run.grid import Cell
from zoo.run.integrity import clear_way, sweep_results
from zoo.run.job import METRICS, Job, score_name, scorings
from zoo.run.launch import Ended, Launcher, Started
from zoo.run.lease import Holder, expired, folder_time, holder
from zoo.run.outcome import Outcome, failed, known
from zoo.run.record import read_record
from zoo.run.systems import all_parts

PAUSE = 0.5
"""Seconds that the bench waits at most before it looks for Ctrl-C."""
LOOK_AGAIN = 2.0
"""Seconds between two looks at a cell that another bench does."""


class InterruptedBenchError(Exception):
    """The bench was interrupted; the running cells have saved their state.

    Args:
        outcomes: of the cells so far.
    """

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__("interrupted")
        self.outcomes = outcomes


def run(
    cells: Sequence[Cell],
    display: Display,
    launcher: Launcher,
    *,
    command: str,
    metrics: Sequence[str] = METRICS,
    speed: str = "auto",
    retry: bool = False,
) -> list[Outcome]:
    """Do every cell that is not done and return what became of each, in their order.

    Other benches may work in the same results folder: a cell that one of them does is waited for, or taken over when it dies.

    Args:
        cells: of one grid.
        display: told what happens.
        launcher: starts the cells; closed at the end.
        command: the command line, for the records.
        metrics: what to score the cells with, by name with options; a cell that lacks only scores is not trained again.
        speed: how to compute the steps, as `zoo.compute.options.parse_speed` reads it.
        retry: run cells again that failed before, and make again what was lost or damaged, by training where need be.

    Raises:
        UsageError: a metric's name or an option is wrong, or it does not apply to a cell's data or image size.
        ZooError: a cell's folder cannot be written (`zoo.files.require_writable` tells this before any training).
        InterruptedBenchError: on Ctrl-C, after the running cells saved their state.
    """
    choices = choose_metrics(metrics, cells)
    bench = _Bench(cells, display, launcher, choices, command=command, speed=speed, retry=retry)
    try:
        outcomes = bench.run()
    finally:
        launcher.close()
    if len(outcomes) < len(cells) or any(outcome.status == "interrupted" for outcome in outcomes):
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
    # Cells by the thousand differ in what no metric looks at.
    kinds = {(cell.source.root, cell.recipe.size, cell.recipe.thermal_channels): cell for cell in cells}
    for cell in kinds.values():
        recipe = cell.recipe
        for choice in choices:
            parts, beside = {"metric": choice}, itertools.chain(choices, all_parts(each.recipe for each in cells))
            check(parts, cell.source, size=recipe.size, thermal_channels=recipe.thermal_channels, beside=beside)
    return choices


@dataclass(eq=False)
class _Running:
    """A cell that was started."""

    number: int
    started: Started
    stopped: bool = False


class _Bench:
    """The state of one `run`."""

    def __init__(
        self,
        cells: Sequence[Cell],
        display: Display,
        launcher: Launcher,
        metrics: Sequence[Choice],
        *,
        command: str,
        speed: str,
        retry: bool,
    ) -> None:
        self.cells, self.display, self.launcher, self.metrics = cells, display, launcher, metrics
        self.command, self.speed, self.retry = command, speed, retry
        self.outcomes: dict[int, Outcome] = {}
        self.waiting: deque[int] = deque()
        self.running: list[_Running] = []
        self.crowded: set[int] = set()
        self.since: dict[int, int] = {}
        self.again: dict[int, float] = {}
        self.told = False

    def run(self) -> list[Outcome]:
        """Do all cells, or those until Ctrl-C; return the outcomes in the cells' order."""
        self._look()
        if self.waiting:
            self.launcher.expect(self.cells)
        with _interrupts() as interrupts:
            while self.waiting or self.running:
                if not interrupts:
                    self._start()
                elif not self._stop(len(interrupts)):
                    break
                self.launcher.wait(PAUSE)
                for one in list(self.running):
                    self._collect(one)
        return [self.outcomes[number] for number in sorted(self.outcomes)]

    def _look(self) -> None:
        """Find what was done or has failed before."""
        for number, cell in enumerate(self.cells):
            outcome = known(cell, self.metrics, retry=self.retry, command=self.command)
            if outcome:
                self.outcomes[number] = outcome
            else:
                self.waiting.append(number)
        self.display.kept(list(self.outcomes.values()))
        if self.waiting:
            results = self.cells[self.waiting[0]].folder.parent
            results.mkdir(parents=True, exist_ok=True)
            sweep_results(results)
            self.since = dict.fromkeys(self.waiting, folder_time(results))

    def _start(self) -> None:
        """Start waiting cells while there is room, and pass over those that another bench has in hand."""
        now = time.monotonic()
        for number in [number for number in self.waiting if self.again.get(number, now) <= now]:
            cell, since = self.cells[number], self.since[number]
            try:
                outcome = known(cell, self.metrics, retry=self.retry, since=since, command=self.command)
                if outcome is None and not self._begin(number, now):
                    return
            except OSError as error:
                reason = str(cannot_write(Path(error.filename or cell.folder), error))
                outcome = Outcome(cell=cell, status="failed", reason=reason)
            if outcome:
                self.waiting.remove(number)
                self._finish(number, outcome)

    def _begin(self, number: int, now: float) -> bool:
        """Start a cell, or note who does it; return false where there is no room.

        Raises:
            OSError: its folder cannot be written.
        """
        cell = self.cells[number]
        if busy := holder(cell.folder):
            self.again[number] = now + LOOK_AGAIN
            self._tell_wait(busy)
            return True
        clear_way(cell.folder)
        started = self.launcher.start(cell, self._job(number), alone=number in self.crowded)
        if started is None:
            return False
        self.waiting.remove(number)
        self.running.append(_Running(number, started))
        self.display.started(cell, number + 1, len(self.cells))
        return True

    def _tell_wait(self, busy: Holder) -> None:
        if not self.told and not self.running and len(self.again) == len(self.waiting):
            self.told = True
            self.display.waiting(len(self.waiting), str(busy))

    def _job(self, number: int) -> Job:
        cell = self.cells[number]
        return Job(
            recipe=cell.recipe,
            train_key=cell.train_key,
            metrics=scorings(self.metrics, cell.train_key),
            root=str(cell.source.root),
            device=self.launcher.device,
            command=self.command,
            speed=self.speed,
            processes=cell.processes,
            asked=self.since[number],
            retry=self.retry,
            expired=expired(cell.folder),
        )

    def _collect(self, one: _Running) -> None:
        """Pass on what a cell told, and settle it when it has ended."""
        cell = self.cells[one.number]
        for event in one.started.events():
            self.display.heard(cell, event)
        ended = one.started.ended()
        if ended is None:
            return
        self.running.remove(one)
        if ended.how == "taken" or (ended.how == "crowded" and one.started.shared):
            self._put_back(one, ended)
        else:
            self._finish(one.number, self._outcome(cell, ended))

    def _put_back(self, one: _Running, ended: Ended) -> None:
        if ended.how == "crowded":
            self.crowded.add(one.number)
            # This failure is no reason to give the cell up: with a card of its own it may fit.
            self.since[one.number] = folder_time(self.cells[one.number].folder)
        self.waiting.append(one.number)
        self.display.returned(self.cells[one.number])

    def _outcome(self, cell: Cell, ended: Ended) -> Outcome:
        if ended.how in ("done", "kept"):
            try:
                return Outcome(cell=cell, status=ended.how, record=read_record(cell.folder))
            except ZooError as error:  # damaged since it was written
                return Outcome(cell=cell, status="failed", reason=str(error))
        if ended.how == "interrupted":
            return Outcome(cell=cell, status="interrupted")
        return failed(cell, ended.reason)

    def _finish(self, number: int, outcome: Outcome) -> None:
        self.outcomes[number] = outcome
        self.display.finished(outcome)

    def _stop(self, times: int) -> bool:
        """Ask running cells to save and stop, at the second Ctrl-C end them; return whether to wait for any."""
        if self.launcher.lasting:
            return False
        for one in self.running:
            if times > 1:
                one.started.kill()
            elif not one.stopped:
                one.stopped = True
                self.display.stopping(self.cells[one.number])
                one.started.stop()
        return bool(self.running)


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C in a list for the length of a `with` block, so that none falls between two steps that belong together.

    So is SIGTERM, by which containers and service managers end a program: cells save their state before it is gone.
    """
    heard: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield heard
        return
    both = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, lambda number, _: heard.append(number)) for one in both]
    try:
        yield heard
    finally:
        for one, handler in zip(both, before, strict=True):
            signal.signal(one, handler)
