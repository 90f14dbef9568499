"""What passes between a bench and its cells: the job that a cell reads, the events that it sends. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from zoo.composition import digest
from zoo.errors import ZooError
from zoo.recipe import Recipe
from zoo.registry import Choice, get_registry
from zoo.weights.folder import WEIGHTS_FILE

JOB_FILE, LOG_FILE, LOCK_FILE = "job.json", "cell.log", ".lock"
TRAINED_FILE = "trained.json"
"""What the training measured; written after the weights, so that a cell killed while scoring does not train again."""
EXIT_INTERRUPTED = 130
METRICS = ("psnr", "ssim")
"""Metrics of every cell."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a cell is to do."""

    recipe: Recipe
    train_key: str
    score_key: str
    root: str
    """The dataset's folder."""
    device: str
    command: str
    """The command line of the bench, for the record."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a finished training measured."""

    train_key: str
    seconds: float
    resumed: int
    losses: dict[str, float]
    parameters: dict[str, int]
    peak_memory: dict[str, int | None]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line that a cell tells its bench."""

    what: Literal["stage", "step", "failed"]
    text: str = ""
    """Name of the stage, or the reason of the failure."""
    step: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    """Weighted loss terms by name, when they were read at this step."""
    it_s: float | None = None


def read_job(folder: Path) -> Job:
    """Return a cell folder's job.

    Raises:
        ZooError: there is none, or it is damaged.
    """
    try:
        return msgspec.json.decode((folder / JOB_FILE).read_bytes(), type=Job)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ZooError(f"`{folder / JOB_FILE}` cannot be read: {error}", "Type the zoo bench command again") from error


def read_trained(folder: Path, job: Job) -> Trained | None:
    """Return what the folder's finished training measured, or None where this job's training is still to be done."""
    try:
        trained = msgspec.json.decode((folder / TRAINED_FILE).read_bytes(), type=Trained)
    except (OSError, msgspec.MsgspecError):
        return None
    return trained if trained.train_key == job.train_key and (folder / WEIGHTS_FILE).is_file() else None


def metric_choices() -> dict[str, Choice]:
    """Return the metrics that every cell is scored with, by name."""
    return {name: get_registry().find("metric", name) for name in METRICS}


def score_key(train_key: str) -> str:
    """Return the hash of what decides a cell's scores: its weights, the split, each metric's version and protocol."""
    metrics = {
        name: [choice.entry.full_name, choice.entry.plugin.version, msgspec.to_builtins(choice.config)]
        for name, choice in metric_choices().items()
    }
    return digest([train_key, "test", metrics])
