"""Progress for people, on stderr: live bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from zoo.run.grid import PlannedRun
from zoo.run.job import Event
from zoo.run.lease import DEAD_AFTER
from zoo.run.outcome import Outcome
from zoo.run.progress import Progress, time_left
from zoo.terminal import console

if TYPE_CHECKING:
    from rich.progress import TaskID

PLAIN_EVERY = 10.0
"""Seconds between plain lines of one run."""
KEPT_LINES = 10
"""Runs found done that get a line each."""


class Display(Protocol):
    """Shows a bench's progress to people."""

    def kept(self, outcomes: Sequence[Outcome]) -> None:
        """Runs were found done before any was started."""

    def started(self, run: PlannedRun, number: int, runs: int) -> None:
        """A run was started."""

    def heard(self, run: PlannedRun, event: Event) -> None:
        """A run told something."""

    def finished(self, outcome: Outcome) -> None:
        """A run ended."""

    def waiting(self, runs: int, who: str) -> None:
        """So many runs are left, all in the hands of other benches; `who` has one of them."""

    def stopping(self, run: PlannedRun) -> None:
        """Ctrl-C: the run was asked to save its state."""


class PlainDisplay:
    """One line at each change of stage, and every ten seconds of training; each begins with its run's number."""

    def __init__(self) -> None:
        self._runs: dict[Path, _Progress] = {}

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to take down."""

    def kept(self, outcomes: Sequence[Outcome]) -> None:
        """Say what was found done."""
        for line in kept_texts(outcomes):
            _print(line)

    def started(self, run: PlannedRun, number: int, runs: int) -> None:
        """Announce a run."""
        progress = self._runs[run.folder] = _Progress(f"[{number}/{runs}]")
        progress.last = time.monotonic()
        _print(f"{progress.place} {run.label}")

    def heard(self, run: PlannedRun, event: Event) -> None:
        """Print a line where the stage changed or ten seconds went by."""
        progress = self._runs[run.folder]
        if event.what == "stage":
            _print(f"{progress.place} {event.text}")
        if event.what != "step":
            return
        progress.hear(event)
        steps = run.recipe.budget.steps
        if time.monotonic() - progress.last >= PLAIN_EVERY or event.step == steps:
            progress.last = time.monotonic()
            _print(f"{progress.place} step {event.step}/{steps}  {progress.text(steps)}")

    def waiting(self, runs: int, who: str) -> None:
        """Say that other benches do what is left."""
        _print(waiting_text(runs, who))

    def stopping(self, run: PlannedRun) -> None:
        """Say that Ctrl-C was heard."""
        progress = self._runs.get(run.folder)
        _print(f"{progress.place if progress else ''} {STOPPING}".strip())

    def finished(self, outcome: Outcome) -> None:
        """Print what became of a run."""
        progress = self._runs.pop(outcome.run.folder, None)
        _print(f"{progress.place if progress else ''} {finished_text(outcome)}".strip())


class _Progress:
    """What is known of a running run.

    Args:
        place: its number among the runs, in brackets.
    """

    def __init__(self, place: str) -> None:
        self.place, self.last = place, 0.0
        self._losses: dict[str, float] = {}
        self._now = Progress()

    def hear(self, event: Event) -> None:
        """Note a step."""
        self._losses = event.losses or self._losses
        self._now = Progress(step=event.step, it_s=event.it_s or self._now.it_s)

    def text(self, steps: int) -> str:
        """Return speed, time left and losses."""
        now = self._now
        speed = f"{now.it_s:.2f} it/s, {time_left(steps, now) or '0:00'} left" if now.it_s else ""
        return f"{speed}  {losses_text(self._losses)}"


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


STOPPING = "stopping after this step, to save its state; Ctrl-C again ends it at once"


class LiveDisplay:
    """A bar a run with step, losses, speed and time left."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}", style="dim", markup=False),
            console=console(stderr=True),
        )
        self._runs: dict[Path, tuple[TaskID, _Progress]] = {}

    def __enter__(self) -> LiveDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def kept(self, outcomes: Sequence[Outcome]) -> None:
        """Say what was found done."""
        for line in kept_texts(outcomes):
            self._say(line)

    def started(self, run: PlannedRun, number: int, runs: int) -> None:
        """Add the run's bar."""
        progress = _Progress(f"[{number}/{runs}]")
        label = f"{progress.place} {run.label}"
        task = self._progress.add_task(label, total=run.recipe.budget.steps, status="starting")
        self._runs[run.folder] = task, progress

    def heard(self, run: PlannedRun, event: Event) -> None:
        """Move the run's bar."""
        task, progress = self._runs[run.folder]
        if event.what == "stage":
            self._progress.update(task, status=event.text)
        elif event.what == "step":
            progress.hear(event)
            self._progress.update(task, completed=event.step, status=progress.text(run.recipe.budget.steps))

    def waiting(self, runs: int, who: str) -> None:
        """Say that other benches do what is left."""
        self._say(waiting_text(runs, who))

    def stopping(self, run: PlannedRun) -> None:
        """Say that Ctrl-C was heard."""
        self._say(STOPPING)

    def finished(self, outcome: Outcome) -> None:
        """Say in the bar's place what became of the run."""
        if outcome.run.folder in self._runs:
            self._progress.remove_task(self._runs.pop(outcome.run.folder)[0])
        self._say(finished_text(outcome))

    def _say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)


def losses_text(losses: dict[str, float]) -> str:
    """Return loss terms in one line, without their players' names."""
    return " ".join(f"{name.rpartition('/')[2]} {value:.3g}" for name, value in losses.items())


def kept_texts(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line for each run that is finished; runs that were done before share one where they are many."""
    done = [outcome for outcome in outcomes if outcome.status == "skipped"]
    many = len(done) > KEPT_LINES
    lines = [finished_text(outcome) for outcome in outcomes if not (many and outcome.status == "skipped")]
    return [f"{len(done)} runs: skipped, finished before", *lines] if many else lines


def waiting_text(runs: int, who: str) -> str:
    """Return one line on waiting for other benches."""
    left = "the last run" if runs == 1 else f"the last {runs} runs"
    over = f"a lease without a sign of life for {DEAD_AFTER:.0f} s is taken over"
    return f"waiting for {who}, which holds the lease of {left}; {over}"


def finished_text(outcome: Outcome) -> str:
    """Return one line on what became of a run."""
    label = outcome.run.label
    if outcome.status == "skipped":
        return f"{label}: skipped, finished before"
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
