"""The record: the versioned JSON that a finished cell leaves, and the failure that an unfinished one leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from zoo.errors import ZooError
from zoo.evaluate.results import CelsiusErrors, Score
from zoo.files import write_atomically
from zoo.recipe import Recipe

T = TypeVar("T")

RECORD_FILE, FAILURE_FILE = "record.json", "failure.json"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Where a cell's time went, in seconds."""

    train_seconds: float
    steps_per_second: float | None
    """Median over the log intervals, None where nothing was trained in steps."""
    score_seconds: float
    resumed: int
    """How often the training was taken up again after an interruption."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a finished cell measured, and all that is needed to measure it again."""

    schema: Literal[1] = 1
    recipe: Recipe
    train_key: str
    """Hash of what decides the weights."""
    score_key: str
    """Hash of all that was scored."""
    command: str
    """The command that started the bench."""
    finished: str
    """UTC time, ISO 8601."""
    scores: list[Score]
    scored: dict[str, str] = field(default_factory=dict)
    """Metrics that were applied, by the names of their scores: the hash of weights, split, version and options. One that cannot
    be applied to the data, as a metric of single images to unpaired ones, stands here and has no score."""
    celsius: CelsiusErrors | None = None
    """Errors in degrees Celsius, where the dataset knows degrees."""
    losses: dict[str, float]
    """Mean of each loss term over the last log interval."""
    parameters: dict[str, int]
    """Number of parameters by network; `translation` counts those that `translate` needs."""
    timing: Timing
    peak_memory: dict[str, int | None]
    """Bytes, of the process and of its accelerator."""
    environment: dict[str, Any]
    plugins: dict[str, dict[str, str]]
    dataset: dict[str, Any]
    """Name, fingerprint, license and counts."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a cell did not finish."""

    schema: Literal[1] = 1
    recipe: Recipe
    reason: str
    """One line."""
    tail: str
    """The end of what the cell wrote."""
    retry: bool = False
    """Whether the next bench tries again by itself: the reason lies in the machine (disk, memory, device, a kill), not in the
    recipe."""


def read_record(folder: Path) -> Record | None:
    """Return a cell's record, or None where it has not finished.

    Raises:
        ZooError: the record is damaged or of a newer schema.
    """
    return _read(folder / RECORD_FILE, Record)


def read_failure(folder: Path) -> Failure | None:
    """Return why a cell failed, or None where it did not."""
    return _read(folder / FAILURE_FILE, Failure)


def write_json(path: Path, value: object) -> None:
    """Write a value as indented JSON, atomically.

    Raises:
        ZooError: the file cannot be written.
    """
    write_atomically(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ZooError(f"`{path}` cannot be read: {error}", "Remove it and run the bench again") from error
