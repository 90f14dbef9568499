"""How far a run is: the file that its process writes while it works, and that displays read. Imports no torch."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec

from zoo.run.job import Event

PROGRESS_FILE = "progress.json"
INTERRUPTED = "interrupted"
"""Stage of a run that somebody stopped after it saved its state."""
WRITE_EVERY = 0.5
"""Seconds between two writes while only the step changes."""

Status = Literal["planned", "running", "done", "failed"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run's process is."""

    stage: str = ""
    """What it does now, e.g. `training`."""
    step: int = 0
    """Optimizer steps done."""
    it_s: float | None = None
    """Steps per second since the process began to train."""
    losses: dict[str, float] = field(default_factory=dict)
    """Weighted loss terms by name, as last read."""


class ProgressWriter:
    """Writes a run's progress beside its other files; a reader always sees a whole file.

    Args:
        folder: of the run; it must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._progress = folder, Progress()
        self._written = 0.0
        self._first: tuple[int, float] | None = None

    def __call__(self, event: Event) -> None:
        """Take in an event, and write it where the stage changed or the last write is old enough."""
        now = time.monotonic()
        if event.what == "stage":
            self._progress = replace(self._progress, stage=event.text)
        elif event.what == "step":
            self._first = self._first or (event.step, now)
            done, seconds = event.step - self._first[0], now - self._first[1]
            self._progress = Progress(
                stage=self._progress.stage,
                step=event.step,
                it_s=done / seconds if done and seconds else None,
                losses=event.losses or self._progress.losses,
            )
        if event.what == "stage" or now - self._written >= WRITE_EVERY or event.losses:
            self._written = now
            self._write()

    @property
    def latest(self) -> Progress:
        """The progress so far."""
        return self._progress

    def _write(self) -> None:
        # Not synchronised to the disk: after a crash of the machine there is nothing to show. Not fatal: a full disk is
        # reported by what matters.
        path = self._folder / PROGRESS_FILE
        ours = path.with_name(f".{PROGRESS_FILE}.{os.getpid()}")
        with contextlib.suppress(OSError):
            ours.write_bytes(msgspec.json.encode(self._progress))
            ours.replace(path)


def read_progress(folder: Path) -> Progress | None:
    """Return how far a run's process is or was; None where there is no such file or it is damaged."""
    try:
        return msgspec.json.decode((folder / PROGRESS_FILE).read_bytes(), type=Progress)
    except (OSError, ValueError):
        return None


def time_left(steps: int, progress: Progress) -> str:
    """Return the time left of a training at its present speed, e.g. `0:41` or `2:03:10`; empty where that is unknown.

    >>> time_left(1000, Progress(step=180, it_s=20.0))
    '0:41'
    >>> time_left(1000, Progress(step=180))
    ''
    """
    if not progress.it_s or progress.step >= steps:
        return ""
    left = round((steps - progress.step) / progress.it_s)
    hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
