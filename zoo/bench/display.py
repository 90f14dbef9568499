"""Progress for people, on stderr: live bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from zoo.bench.grid import Cell
from zoo.bench.job import Event
from zoo.bench.runner import Outcome

if TYPE_CHECKING:
    from rich.progress import TaskID

PLAIN_EVERY = 10.0
"""Seconds between plain lines of one cell."""


class PlainDisplay:
    """One line at each change of stage, and every ten seconds of training."""

    def __init__(self) -> None:
        self._losses: dict[str, float] = {}
        self._place, self._last, self._rate = "", 0.0, Rate()

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to take down."""

    def started(self, cell: Cell, number: int, cells: int) -> None:
        """Announce a cell."""
        self._place, self._losses, self._rate, self._last = f"[{number}/{cells}]", {}, Rate(), time.monotonic()
        self._print(cell.label)

    def heard(self, cell: Cell, event: Event) -> None:
        """Print a line where the stage changed or ten seconds went by."""
        if event.what == "stage" and event.text != "waiting":
            self._print(event.text)
        if event.what != "step":
            return
        self._losses = event.losses or self._losses
        self._rate.count(event.step)
        steps = cell.recipe.budget.steps
        if time.monotonic() - self._last >= PLAIN_EVERY or event.step == steps:
            self._last = time.monotonic()
            self._print(f"step {event.step}/{steps}  {self._rate.text(steps)}  {losses_text(self._losses)}")

    def stopping(self, cell: Cell) -> None:
        """Say that Ctrl-C was heard."""
        self._print(STOPPING)

    def finished(self, outcome: Outcome) -> None:
        """Print what became of a cell."""
        self._print(finished_text(outcome))

    def _print(self, text: str) -> None:
        print(f"{self._place} {text}".strip(), file=sys.stderr, flush=True)


STOPPING = "stopping after this step, to save its state; Ctrl-C again ends it at once"


class LiveDisplay:
    """A bar a cell with step, losses, speed and time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}", style="dim"),
            console=Console(stderr=True),
        )
        self._task: TaskID | None = None
        self._losses: dict[str, float] = {}
        self._rate = Rate()

    def __enter__(self) -> LiveDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def started(self, cell: Cell, number: int, cells: int) -> None:
        """Add the cell's bar."""
        self._losses, self._rate = {}, Rate()
        label = f"[{number}/{cells}] {cell.label}".replace("[", "\\[")
        self._task = self._progress.add_task(label, total=cell.recipe.budget.steps, status="starting")

    def heard(self, cell: Cell, event: Event) -> None:
        """Move the bar."""
        if self._task is None:
            return
        if event.what == "stage":
            self._progress.update(self._task, status=event.text)
        elif event.what == "step":
            self._losses = event.losses or self._losses
            self._rate.count(event.step)
            status = f"{self._rate.text(cell.recipe.budget.steps)}  {losses_text(self._losses)}"
            self._progress.update(self._task, completed=event.step, status=status)

    def stopping(self, cell: Cell) -> None:
        """Say that Ctrl-C was heard."""
        self._progress.console.print(STOPPING, markup=False, highlight=False)

    def finished(self, outcome: Outcome) -> None:
        """Say in the bar's place what became of the cell."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        self._progress.console.print(finished_text(outcome), markup=False, highlight=False)


class Rate:
    """Steps a second over a cell's present run, and the time left at that rate."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None
        self._last = (0, 0.0)

    def count(self, step: int) -> None:
        """Note that a step is done now."""
        self._last = (step, time.monotonic())
        self._first = self._first or self._last

    def text(self, steps: int) -> str:
        """Return e.g. `1.25 it/s, 0:41 left`; empty before two steps were seen."""
        if self._first is None or self._last[0] == self._first[0]:
            return ""
        rate = (self._last[0] - self._first[0]) / (self._last[1] - self._first[1])
        left = round((steps - self._last[0]) / rate)
        hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
        clock = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
        return f"{rate:.2f} it/s, {clock} left"


def losses_text(losses: dict[str, float]) -> str:
    """Return loss terms in one line, without their players' names."""
    return " ".join(f"{name.rpartition('/')[2]} {value:.3g}" for name, value in losses.items())


def finished_text(outcome: Outcome) -> str:
    """Return one line on what became of a cell."""
    label = outcome.cell.label
    if outcome.status == "kept":
        return f"{label}: done before, nothing to do"
    if outcome.status == "failed":
        return f"{label}: FAILED: {outcome.reason}"
    if outcome.status == "interrupted" or outcome.record is None:
        return f"{label}: interrupted, its state is saved"
    record = outcome.record
    scores = ", ".join(f"{score.metric} {score.value:.4g} {score.unit}".rstrip() for score in record.scores)
    return f"{label}: done in {record.timing.train_seconds:.0f} s: {scores}"


def make_display() -> LiveDisplay | PlainDisplay:
    """Return live bars where stderr is a terminal, else plain lines."""
    return LiveDisplay() if sys.stderr.isatty() else PlainDisplay()
