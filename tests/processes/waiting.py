"""Waits for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from zoo.records.lease import holder
from zoo.run.progress import read_progress


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Return as soon as a condition holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def trains(folder: Path) -> bool:
    """Whether a process trains in a run's folder and has done steps."""
    progress = read_progress(folder)
    return bool(progress and progress.step > 1 and holder(folder))
