"""A results folder: the finished cells in it. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zoo.bench.record import RECORD_FILE, Record, read_record
from zoo.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished cell."""

    folder: Path
    record: Record


def read_results(folder: Path) -> list[Run]:
    """Return every finished cell under a folder (or the folder itself, if it is one), by folder name.

    Raises:
        UsageError: there is no such folder, or no finished cell in it.
        ZooError: a record is damaged.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no results folder `{folder}`", "Name the folder that zoo bench wrote to")
    paths = [folder / RECORD_FILE] if (folder / RECORD_FILE).is_file() else sorted(folder.rglob(RECORD_FILE))
    runs = [Run(folder=path.parent, record=record) for path in paths if (record := read_record(path.parent))]
    if not runs:
        raise UsageError(f"`{folder}` holds no finished run", "Run zoo bench first, or again if it was interrupted")
    return runs
