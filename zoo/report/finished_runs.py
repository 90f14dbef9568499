"""A results folder: the finished runs in it. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zoo.errors import UsageError, ZooError
from zoo.records.job import RUN_FILE
from zoo.records.record import RECORD_FILE, Record, View, read_failure, read_record, views


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """A finished run on one dataset that it was scored on."""

    folder: Path
    record: Record
    """Its record, or the view of it (`zoo.records.record.views`) on that dataset."""

    @property
    def split(self) -> str:
        """The split that its scores are of."""
        return split_of(self.record)


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a results folder holds."""

    runs: list[FinishedRun]
    """By folder name."""
    unreadable: list[str]
    """Of each record that cannot be read, in one line: which, why, and what to do."""
    unfinished: list[str]
    """Of each run without a record, in one line: which, and why it failed, if it did."""


def read_results(folder: Path) -> list[FinishedRun]:
    """Return every finished run under a folder (or the folder itself, if it is one), by folder name, once per tested dataset.

    Raises:
        UsageError: there is no such folder, or no finished run in it.
        ZooError: none of the records can be read.
    """
    return find_results(folder).runs


def find_results(folder: Path) -> Results:
    """Return what `read_results` does, with what is wrong with records that cannot be read; they do not stop the others.

    Raises:
        UsageError: there is no such folder, or no finished run in it.
        ZooError: none of the records can be read.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no results folder `{folder}`", "Name the folder that zoo bench wrote to")
    alone = (folder / RECORD_FILE).exists()
    paths = [folder / RECORD_FILE] if alone else sorted(folder.rglob(RECORD_FILE))
    runs: list[FinishedRun] = []
    faults: list[ZooError] = []
    for path in paths:
        try:
            record = read_record(path.parent)
        except ZooError as error:
            faults.append(error)
            continue
        if record:
            runs += [FinishedRun(folder=path.parent, record=view) for view in views(record)]
    if not runs:
        for fault in faults:
            raise fault
        raise UsageError(f"`{folder}` holds no finished run", "Run zoo bench first, or again if it was interrupted")
    planned = [] if alone else sorted(path.parent for path in folder.rglob(RUN_FILE))
    return Results(
        runs=runs,
        unreadable=[f"left out: {fault}" for fault in faults],
        unfinished=[line for line in map(unfinished, planned) if line],
    )


def split_of(record: Record) -> str:
    """Return the split that the scores of a record or view are of; `test` where it is not stated."""
    if isinstance(record, View):
        return record.tested.split
    return next((str(score.protocol["split"]) for score in record.scores if "split" in score.protocol), "test")


def split_suffix(split: str) -> str:
    """Return `, validation split` for the title of a dataset; empty for the test split."""
    return "" if split == "test" else f", {split} split"


def unfinished(folder: Path) -> str:
    """Return why a planned run is left out; empty if it has a record, or was not planned."""
    if (folder / RECORD_FILE).exists() or not (folder / RUN_FILE).exists():
        return ""
    failure = read_failure(folder)
    return f"left out: `{folder}`: {f'it failed: {failure.reason}' if failure else 'it has not finished'}"
