"""What a training measured (`trained.json`), and runs that use the weights of another one's. Imports no torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from zoo.checksums import digest_of, find_damage
from zoo.errors import ZooError
from zoo.files import beside
from zoo.model_folder import LAST_FILE, WEIGHTS_FILE
from zoo.records.record import RECORD_FILE, Best, Record, read_json
from zoo.training.log import LOG

T = TypeVar("T")

TRAINED_FILE = "trained.json"
"""What the training measured; written after the weights, so that a run killed while scoring is not trained again."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a finished training measured."""

    train_key: str
    seconds: float = 0.0
    resumed: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, int]
    peak_memory: dict[str, int | None]
    speed: str = ""
    """How the steps were computed, as `--compute` spells it; empty where unknown."""
    sha256: dict[str, str] = field(default_factory=dict)
    """SHA-256 of weights and config by file name; empty where unknown."""
    best: Best | None = None
    """The best score on validation images; None where there were none."""
    weights_of: str = ""
    """Folder of the run whose training this was, where its weights are used here too; empty for a training of its own."""


def read_trained(folder: Path, train_key: str) -> Trained | None:
    """Return what the folder's finished training measured, by `trained.json` or the record; None where it must be trained.

    A record that was published with its weights has no `trained.json`. Weights that neither file vouches for do not count.
    """
    if find_damage(folder, [WEIGHTS_FILE], required=[WEIGHTS_FILE]):
        return None
    found = [read_trained_file(folder), _of_record(_read_or_none(folder / RECORD_FILE, Record))]
    return next((trained for trained in found if trained and trained.train_key == train_key), None)


def read_trained_file(folder: Path) -> Trained | None:
    """Return the content of `trained.json`; None where it is lost or damaged."""
    return _read_or_none(folder / TRAINED_FILE, Trained)


def _of_record(record: Record | None) -> Trained | None:
    if record is None:
        return None
    return Trained(
        train_key=record.train_key,
        seconds=record.timing.train_seconds,
        resumed=record.timing.resumed,
        losses=record.losses,
        parameters=record.parameters,
        peak_memory=record.peak_memory,
        speed=record.timing.speed,
        sha256=record.sha256,
        best=record.best,
    )


def _read_or_none(path: Path, kind: type[T]) -> T | None:
    try:
        return read_json(path, kind, "")
    except ZooError:
        return None


def siblings(folder: Path, train_key: str) -> Iterator[Path]:
    """Yield the folders beside a run's whose names end in the same train key."""
    found = sorted(folder.parent.glob(f"*-{train_key[:8]}"))
    yield from (other for other in found if other.name != folder.name)


def take_weights(folder: Path, train_key: str) -> Trained | None:
    """Take the weights and the log of a training with the same key from a run beside it; None where no run there has them.

    The weights are a hard link where the file system has those, else a copy; their SHA-256 is that of the run that trained them.

    Raises:
        OSError: the folder cannot be written.
    """
    for other in siblings(folder, train_key):
        trained = read_trained(other, train_key)
        if trained is None or WEIGHTS_FILE not in trained.sha256:
            continue
        if (other / LOG).is_file():
            shutil.copyfile(other / LOG, folder / LOG)
        part = beside(folder / WEIGHTS_FILE)
        try:
            _link(other / WEIGHTS_FILE, part)
            if digest_of(part) == trained.sha256[WEIGHTS_FILE]:
                part.replace(folder / WEIGHTS_FILE)
                if (other / LAST_FILE).is_file() and not (folder / LAST_FILE).exists():
                    _link(other / LAST_FILE, folder / LAST_FILE)
                return replace(trained, weights_of=trained.weights_of or other.name)
        finally:
            part.unlink(missing_ok=True)  # also where it is the same file as before, which renaming leaves in its place
    return None


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # no hard links here
        shutil.copyfile(source, target)
