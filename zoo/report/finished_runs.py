"""A results folder: the finished runs in it. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zoo.composition import digest
from zoo.errors import UsageError, ZooError
from zoo.records.job import RUN_FILE
from zoo.records.record import RECORD_FILE, Record, View, read_failure, read_record, views
from zoo.report.aggregate import measurement_protocol
from zoo.report.naming import is_baseline, without_training


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
    paths = [folder / RECORD_FILE] if alone else _find(folder, RECORD_FILE)
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
        raise UsageError(
            f"`{folder}` holds no finished run", "Run `zoo.bench(...)` first, or again if it was interrupted"
        )
    planned = [] if alone else [path.parent for path in _find(folder, RUN_FILE)]
    return Results(
        runs=runs,
        unreadable=[f"left out: {fault}" for fault in faults],
        unfinished=[line for line in map(unfinished, planned) if line],
    )


def _find(folder: Path, name: str) -> list[Path]:
    """Return the files of a name under a folder, also of runs that are linked into it."""
    return sorted({*folder.rglob(name), *folder.glob(f"*/{name}")})  # `rglob` does not enter links


def merge_baselines(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Return the runs with one of each null baseline for each dataset, size and split, in the place of the first.

    It has the newest score of each metric. Runs of a baseline whose scores have other protocols or images are not merged.
    """
    merged: list[FinishedRun] = []
    places: dict[str, list[int]] = {}
    for run in runs:
        if not is_baseline(run.record.recipe):
            merged.append(run)
            continue
        key = digest(
            [without_training(run.record.shown_recipe), run.record.recipe.data, run.record.option_files, run.split]
        )
        alike = (place for place in places.get(key, ()) if _measured_alike(merged[place].record, run.record))
        place = next(alike, None)
        if place is None:
            places.setdefault(key, []).append(len(merged))
            merged.append(run)
        else:
            merged[place] = _joined(merged[place], run)
    return merged


def _measured_alike(one: Record, other: Record) -> bool:
    """Return whether the metrics that two records share have one protocol and the same images."""
    scores = {score.metric: score for score in one.scores}
    return all(
        measurement_protocol(scores[score.metric]) == measurement_protocol(score)
        and scores[score.metric].per_image.keys() == score.per_image.keys()
        for score in other.scores
        if score.metric in scores
    )


def _joined(one: FinishedRun, other: FinishedRun) -> FinishedRun:
    older, newer = sorted((one, other), key=lambda run: run.record.finished)
    scores = {score.metric: score for run in (older, newer) for score in run.record.scores}
    return replace(newer, record=replace(newer.record, scores=list(scores.values())))


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
