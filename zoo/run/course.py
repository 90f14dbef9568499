"""What a training shows while it runs: events for progress bars, entries for trackers, and a sheet of sample images."""

from __future__ import annotations

import contextlib
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from PIL import Image

from zoo.build import build
from zoo.contracts import Method
from zoo.data.layout import read_info
from zoo.evaluate.pictures import COLUMNS, sample_sheet
from zoo.evaluate.validation import validation_score
from zoo.files import beside, write_atomically
from zoo.recipe import choice_of
from zoo.records.integrity import SAMPLES_FILE
from zoo.records.job import STARTS_FILE, Job
from zoo.run.execute import OnEvent
from zoo.run.progress import Event
from zoo.training.loop import StepReport
from zoo.training.samples import Row, Samples
from zoo.training.trackers import Trackers, read_trackers
from zoo.training.watch import Watch, unchanged

EVENT_EVERY = 0.2
"""Seconds between two events without losses: a display needs no more."""


class Course(AbstractContextManager["Course"]):
    """Receives the steps of a training in the main process.

    Args:
        folder: of the run; its `samples.png` is refreshed during the training.
        job: its recipe and trackers are used.
        on_event: receives steps.
    """

    def __init__(self, folder: Path, job: Job, on_event: OnEvent) -> None:
        self.samples = Samples(self._show)
        self._job, self._path, self._on_event, self._reported = job, folder / SAMPLES_FILE, on_event, 0.0
        names = read_trackers(job.tracker)
        self._trackers = Trackers(names, folder, job.recipe) if names else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._trackers:
            self._trackers.finish()

    def on_step(self, report: StepReport) -> None:
        """Pass a step on."""
        now, entry = time.monotonic(), report.entry
        if self._trackers:
            self._trackers.start(report.step)
            if entry:
                self._trackers.log(entry, report.rates)
        if entry or now - self._reported > EVENT_EVERY:
            self._reported = now
            self._on_event(Event(step=report.step, losses=entry.losses if entry else {}))

    def end(self, step: int, method: Method, rng: torch.Generator) -> None:
        """Send the trackers the images as the finished method translates them; without trackers the scoring shows more."""
        if not self._job.metrics:  # no scoring will replace the training images by test images
            self._path.unlink(missing_ok=True)
        if self._trackers:
            self._trackers.start(step)
            with unchanged(method, rng):
                self.samples.draw(step, method)

    def _show(self, rows: list[Row], step: int) -> None:
        with tempfile.TemporaryDirectory() as place, contextlib.suppress(OSError):
            sheet = Path(place) / SAMPLES_FILE
            sample_sheet(rows, sheet, COLUMNS)
            part = beside(self._path)
            part.write_bytes(sheet.read_bytes())
            part.replace(self._path)  # viewers see a whole picture
            if self._trackers:
                self._trackers.show(np.asarray(Image.open(sheet).convert("RGB")), step)


def open_watch(job: Job, device: torch.device) -> Watch:
    """Return what scores the training on validation images, as the recipe says."""
    plan, root = job.recipe.validation, Path(job.root)
    assert plan is not None
    metric = build(choice_of("metric", plan.metric))
    return Watch(
        plan, validation_score(job.recipe, read_info(root), root, metric, device), higher=metric.higher_is_better
    )


def count_start(folder: Path) -> int:
    """Count the starts of this run's training, in a file; an unreadable one counts as none."""
    path = folder / STARTS_FILE
    try:
        count = max(0, int(path.read_text())) + 1
    except (OSError, ValueError):
        count = 1
    write_atomically(path, str(count).encode())
    return count
