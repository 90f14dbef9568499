"""The weights of a finished run serve others that differ from it only in options of translation. Imports no torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from zoo.checksums import digest_of
from zoo.files import beside
from zoo.model_folder import LAST_FILE, WEIGHTS_FILE
from zoo.records.job import Trained, read_trained
from zoo.training.log import LOG


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
