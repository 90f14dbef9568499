"""Imports records of another results folder, for tables, comparisons, reports and benches. Imports no torch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from zoo.environment import values_of
from zoo.errors import UsageError, ZooError
from zoo.files import beside, cannot_write
from zoo.keys import folder_name, train_key
from zoo.model_folder import CONFIG_FILE, WEIGHTS_FILE
from zoo.records.integrity import IMPORTED
from zoo.records.record import RECORD_FILE, Record, read_record, write_json
from zoo.records.trained import TRAINED_FILE
from zoo.report.records_check import Fault, check_record, plan_files, record_files
from zoo.report.table_plan import TablePlan, read_plan, read_plan_file, write_plan
from zoo.report.tables import dataset_title
from zoo.training.log import LOG

FILES = (CONFIG_FILE, WEIGHTS_FILE, TRAINED_FILE, LOG, "scores.csv", "samples.png", "losses.png")
"""Files that are copied with a record if they exist: those that reports show and rescoring needs."""
TILES = "samples"
"""Folder of the sample images."""


@dataclass(kw_only=True)
class ImportSummary:
    """The outcome of each record and plan of a source."""

    copied: list[str] = field(default_factory=list)
    """Folders that were added to the results folder."""
    left: list[str] = field(default_factory=list)
    """Folders that already existed and were not changed, with the reason."""
    faults: list[Fault] = field(default_factory=list)
    """Faults of records and plans that were not imported."""
    tables: list[str] = field(default_factory=list)
    """Tables whose plans were added or extended."""
    remarks: list[str] = field(default_factory=list)
    """Further lines for the user."""


def import_records(source: Path, out: Path, name: str = "") -> ImportSummary:
    """Copy the valid records of a folder, with weights and images, into a results folder; nothing there is overwritten.

    Folders get the names that a bench gives its runs.

    Args:
        source: another results folder, or any folder of records; it is only read.
        out: results folder; created if it does not exist.
        name: origin that the records' notes name; by default the name of `source`.

    Raises:
        UsageError: there is no record in `source`, or one of the two folders contains the other.
        ZooError: `out` cannot be written.
    """
    paths = record_files(source)
    here, there = out.resolve(), source.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise UsageError(f"`{source}` cannot be imported into `{out}`: one contains the other", "Use another `out`")
    done, folders = ImportSummary(), dict[Path, str]()
    installed: list[bool] = []
    for path in paths:
        faults = check_record(path)
        record = None if faults else read_record(path.parent)
        if record is None:
            done.faults += faults
            continue
        inference = values_of(record.recipe, record.inference_options, record.option_files)
        target = out / folder_name(record.recipe, record.train_key, inference)
        reason = _conflict(target, record)
        if reason:
            done.left.append(f"{target.name}: {reason}")
        else:
            _copy(path.parent, target, name or there.name)
            done.copied.append(target.name)
            installed.append(_has_current_key(record))
        folders[path.parent.resolve()] = target.name
    for path in plan_files(source):
        _import_plan(path, out, folders, done)
    if not all(installed):
        done.remarks.append(
            f"{installed.count(False)} of them were trained with plugins or versions that are not installed here: zoo bench "
            "trains them again; tables, comparisons and reports use them"
        )
    return done


def merge_plans(mine: TablePlan, theirs: TablePlan, results: Path) -> tuple[TablePlan, list[str]]:
    """Return a plan with the missing rows added from another, and remarks about datasets that differ.

    A row on a dataset is taken as a whole, and only if none of its runs finished here, so that its seeds are of one system.

    Args:
        mine: the plan of the results folder.
        theirs: another plan of the same table, with the run folders' names in the results folder.
        results: folder of the runs of both.
    """
    records = {run.folder: _read_or_none(results / run.folder) for run in (*mine.cells, *theirs.cells)}

    def contents(plan: TablePlan, key: str) -> set[str]:
        found = [records[run.folder] for run in plan.cells if run.dataset == key]
        return {record.recipe.data.fingerprint for record in found if record}

    data, remarks = dict(mine.data), []
    cells, refused = list(mine.cells), list(mine.refused)
    for key, name in theirs.data.items():
        ours = contents(mine, key)
        if ours and (data.get(key) != name or not contents(theirs, key) <= ours):
            other = "another content of it" if data[key] == name else dataset_title(name)
            remarks.append(
                f"table {mine.table}: {key} is {dataset_title(data[key])} here and {other} there; kept the one here"
            )
            continue
        if data.get(key) != name:  # planned here, without a finished run
            cells = [run for run in cells if run.dataset != key]
            refused = [row for row in refused if row.dataset != key]
        data[key] = name
        finished = {run.row for run in cells if run.dataset == key and records[run.folder]}
        added = [run for run in theirs.cells if run.dataset == key and run.row not in finished]
        replaced = {run.row for run in added}
        cells = [run for run in cells if run.dataset != key or run.row not in replaced] + added
        planned = {run.row for run in cells if run.dataset == key}
        refused = [row for row in refused if row.dataset != key or row.row not in planned]
        listed = planned | {row.row for row in refused if row.dataset == key}
        refused += [row for row in theirs.refused if row.dataset == key and row.row not in listed]
    return replace(mine, data=data, cells=tuple(cells), refused=tuple(refused)), remarks


def _read_or_none(folder: Path) -> Record | None:
    try:
        return read_record(folder)
    except ZooError:  # damaged; the readers of its scores report it
        return None


def _import_plan(path: Path, out: Path, folders: dict[Path, str], done: ImportSummary) -> None:
    try:
        theirs = read_plan_file(path)
    except ZooError as error:
        done.faults.append(Fault(path=path, what=error.message))
        return
    if theirs is None:
        return
    root = path.parent.parent.resolve()
    renamed = [replace(run, folder=folders.get(root / run.folder, run.folder)) for run in theirs.cells]
    theirs = replace(theirs, cells=tuple(renamed))
    mine = read_plan(out, theirs.table)
    if mine:
        theirs, remarks = merge_plans(mine, theirs, out)
        done.remarks += remarks
    if theirs != mine:
        write_plan(out, theirs)
        done.tables.append(theirs.table)


def _conflict(target: Path, record: Record) -> str:
    """Return why an existing folder is not changed; empty if there is none."""
    if not target.exists():
        return ""
    try:
        there = read_record(target)
    except ZooError as error:
        return f"has a damaged record here: {error}"
    if there is None:
        return "is not finished here; run its zoo bench command to finish it, or import into another `out`"
    return "exists already" if there.train_key == record.train_key else "is the folder of another run here"


def _copy(run: Path, target: Path, name: str) -> None:
    """Copy a run's record and files; the folder is created atomically."""
    part = beside(target)
    try:
        (part / TILES).mkdir(parents=True)
        tiles = [path.relative_to(run) for path in sorted((run / TILES).glob("*.png"))]
        for file in (*map(Path, FILES), *tiles):
            if (run / file).is_file():
                shutil.copyfile(run / file, part / file)
        if not tiles:
            (part / TILES).rmdir()
        raw = msgspec.json.decode((run / RECORD_FILE).read_bytes())  # with the fields of a newer zoo
        raw["notes"] = [*raw.get("notes", []), f"{IMPORTED}{name}."]
        # Only the hashes of copied files, so that the others do not count as missing.
        if "sha256" in raw:
            raw["sha256"] = {each: sha for each, sha in raw["sha256"].items() if (part / each).exists()}
        write_json(part / RECORD_FILE, raw)
        part.replace(target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _has_current_key(record: Record) -> bool:
    """Return whether a bench of the same recipe uses the record."""
    try:
        return train_key(record.recipe, world_size=record.processes) == record.train_key
    except KeyError:  # a plugin that is not installed
        return False
