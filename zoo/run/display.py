"""Progress for people, on stderr: plain lines, and how a display is chosen; the live bars of terminals are `zoo.run.bars`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from zoo.evaluate.results import decimals
from zoo.records.integrity import SAMPLES_FILE
from zoo.records.job import PlannedRun, label_of
from zoo.records.lease import DEAD_AFTER, holder
from zoo.records.outcome import Ended, Outcome
from zoo.records.record import RECORD_FILE, Record, views
from zoo.run.progress import INTERRUPTED, SCORING, Progress, resume_step, stage_text, time_left
from zoo.terminal import console, note
from zoo.text_layout import fold

PLAIN_EVERY = 10.0
"""Seconds between plain lines of one run."""
SKIPPED_LINES = 10
"""Finished runs that get a line each; more share one."""
STOPPING = "stopping after this step, to save its state; Ctrl-C again ends it at once"


@dataclass
class _Shown:
    """What a display has shown of a run."""

    place: str
    """Its number among the runs, in brackets."""
    stage: str = ""
    step: int = 0
    at: float = 0.0
    """When its last line was printed."""


class PlainDisplay(AbstractContextManager["PlainDisplay"]):
    """One line at each new stage, and every ten seconds of training; each begins with its run's number."""

    def __init__(self, *, open_samples: bool = False) -> None:
        self._runs: dict[Path, _Shown] = {}
        self._open_samples = open_samples

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the screen as it is."""

    def print(self, text: str) -> None:
        """Print a line."""
        note(text)

    def planned(self, runs: Sequence[PlannedRun], stage: str) -> None:
        """Print which of the runs that will be executed resume from a checkpoint; `stage` is done before the first one begins."""
        for run in runs:
            steps = run.recipe.budget.steps
            step = 0 if (run.folder / RECORD_FILE).exists() or holder(run.folder) else resume_step(run.folder, steps)
            if step:
                where = f"step {step} of {steps}" if step < steps else SCORING
                self.print(fold(f"resuming {run.label} at {where}", "  "))

    def skipped(self, outcomes: Sequence[Outcome]) -> None:
        """Print which runs ended before this bench began; finished runs share a line if they are many."""
        done = [outcome for outcome in outcomes if outcome.status == "skipped"]
        if len(done) > SKIPPED_LINES:
            self.print(f"{len(done)} runs: skipped, finished before")
            outcomes = [outcome for outcome in outcomes if outcome.status != "skipped"]
        for outcome in outcomes:
            self.print(ended_text(outcome.run.folder, outcome, outcome.run.recipe.budget.steps))

    def started(self, run: PlannedRun, number: int, runs: int) -> None:
        """Print that a run began."""
        self._runs[run.folder] = shown = _Shown(f"[{number}/{runs}]", at=time.monotonic())
        self.print(f"{shown.place} {run.label}")

    def update(self, run: PlannedRun, progress: Progress) -> None:
        """Print a new stage, and the step if the last line is ten seconds old."""
        shown, steps = self._runs[run.folder], run.recipe.budget.steps
        if progress.step:
            self._open_once(run)
        if progress.images and progress.stage == shown.stage and time.monotonic() - shown.at >= PLAIN_EVERY:
            shown.at = time.monotonic()
            self.print(fold(f"{shown.place} {stage_text(progress)}", "  "))
        # `finished` says so of a run that was interrupted.
        lines = [] if progress.stage in (shown.stage, INTERRUPTED) else [progress.stage]
        due = progress.step == steps or time.monotonic() - shown.at >= PLAIN_EVERY
        if progress.step != shown.step and due:
            shown.step, shown.at = progress.step, time.monotonic()
            step = f"step {progress.step}/{steps}  {progress_text(progress, steps)}"
            # The last step is before the stage that follows the training.
            lines = [*lines, step] if progress.stage == "training" else [step, *lines]
        shown.stage = progress.stage
        for line in lines:
            self.print(fold(f"{shown.place} {line}", "  "))

    def waiting(self, runs: int, who: str) -> None:
        """Print that other processes execute the remaining runs, one of them `who`."""
        left = "the last run" if runs == 1 else f"the last {runs} runs"
        over = f"a lease without a sign of life for {DEAD_AFTER:.0f} s is taken over"
        self.print(fold(f"waiting for {who}, which holds the lease of {left}; {over}", "  "))

    def stopping(self, run: PlannedRun) -> None:
        """Print that a run saves its state after Ctrl-C."""
        self.print(fold(self._numbered(run, STOPPING), "  "))

    def finished(self, outcome: Outcome) -> None:
        """Print how a run ended."""
        text = self._numbered(outcome.run, ended_text(outcome.run.folder, outcome, outcome.run.recipe.budget.steps))
        self.print(
            text if outcome.status == "failed" else fold(text, "  ")
        )  # a reason stays one line, to be searched for
        self._runs.pop(outcome.run.folder, None)
        self._open_once(outcome.run)

    def _open_once(self, run: PlannedRun) -> None:
        """Open the samples of the first run with networks that has some, where this was requested."""
        path = run.folder / SAMPLES_FILE
        if not (self._open_samples and run.recipe.generator and path.exists()):
            return
        self._open_samples = False
        import typer

        if typer.launch(str(path)):
            self.print(f"no program opens pictures here; the samples are in {path}")

    def _numbered(self, run: PlannedRun, text: str) -> str:
        shown = self._runs.get(run.folder)
        return f"{shown.place} {text}" if shown else text


def progress_text(progress: Progress, steps: int) -> str:
    """Return speed, time left and loss terms without the names of their networks."""
    losses = " ".join(f"{name.rpartition('/')[2]} {value:.3g}" for name, value in progress.losses.items())
    speed = f"{progress.it_s:.2f} it/s, {time_left(steps, progress) or '0:00'} left" if progress.it_s else ""
    return f"{speed}  {losses}"


def ended_text(folder: Path, ended: Ended, steps: int) -> str:
    """Return one line on how a run of a number of steps ended."""
    label, record = label_of(folder), ended.record
    if ended.status == "skipped":
        return f"{label}: skipped, finished before"
    if ended.status == "failed":
        return f"{label}: FAILED: {ended.reason}"
    if ended.status == "interrupted" or record is None:
        begun = resume_step(folder, steps)
        return f"{label}: interrupted, its state is saved" if begun else f"{label}: interrupted before its first step"
    scores = "; ".join(_scores_text(view) for view in views(record))
    lacking = "".join(f"; {name} not measured: {why}" for name, why in record.unmeasured.items())
    seconds = max(record.timing.train_seconds, record.timing.cell_seconds or 0)  # the latter also loads and scores
    return f"{label}: done in {seconds:.0f} s: {scores}{lacking}"


def _scores_text(record: Record) -> str:
    scores = ", ".join(
        f"{score.metric} {score.value:.{decimals(score.unit, score.value)}f} {score.unit}".rstrip()
        for score in record.scores
    )
    return scores if record.data == record.recipe.data else f"{scores} on {record.data.name}"


def make_display(*, open_samples: bool = False) -> PlainDisplay:
    """Return live bars where stderr is a terminal, else plain lines.

    Args:
        open_samples: open the first picture of samples in the system's viewer.
    """
    if not sys.stderr.isatty():
        return PlainDisplay(open_samples=open_samples)
    from zoo.run.bars import LiveDisplay

    return LiveDisplay(open_samples=open_samples)


@contextmanager
def show_reading() -> Iterator[Callable[[str, int], None]]:
    """Yield what shows the first reading of a dataset: a spinner on a terminal, else a line every fifty images."""
    if not sys.stderr.isatty():
        last = ""

        def show(what: str, images: int) -> None:
            nonlocal last
            line = f"{what}: {images} images" if images else what
            if images % 50 == 0 and line != last:
                note(line)
                last = line

        yield show
        return
    with console(stderr=True).status("reading data") as status:
        yield lambda what, images: status.update(f"{what}: {images} images" if images else what)
