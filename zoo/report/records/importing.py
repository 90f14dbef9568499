"""Brings somebody else's records into a results folder, where tables, comparisons, reports and benches find them. No torch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from zoo.errors import UsageError, ZooError
from zoo.files import beside, cannot_write
from zoo.keys import folder_name, train_key
from zoo.model_folder import CONFIG_FILE, WEIGHTS_FILE
from zoo.report.records.check import Fault, check_record, plan_files, read_plan_file, record_files
from zoo.report.table_plan import Plan, PlannedCell, read_plan, write_plan
from zoo.report.tables import dataset_title
from zoo.run.integrity import IMPORTED
from zoo.run.job import TRAINED_FILE
from zoo.run.record import RECORD_FILE, Record, read_record, write_json
from zoo.training.log import LOG

FILES = (CONFIG_FILE, WEIGHTS_FILE, TRAINED_FILE, LOG, "scores.csv", "samples.png", "losses.png")
"""What comes along with a record, where it is there: what reports show and rescoring needs. Jobs and logs of processes stay."""
TILES = "samples"
"""Folder of the single pictures."""


@dataclass(kw_only=True)
class Imported:
    """What became of each record and plan of a source."""

    copied: list[str] = field(default_factory=list)
    """Folders that are new in the results folder."""
    left: list[str] = field(default_factory=list)
    """Folders that were there before, with why they were left as they are."""
    faults: list[Fault] = field(default_factory=list)
    """What kept a record or a plan out."""
    tables: list[str] = field(default_factory=list)
    """Tables whose plans came along or were added to."""
    remarks: list[str] = field(default_factory=list)
    """What the user should know besides."""


def import_records(source: Path, out: Path, name: str = "") -> Imported:
    """Copy the records of a folder, with what lies beside them, into a results folder; nothing there is overwritten.

    A record with a fault stays out. Folders get the names by which a bench knows its cells.

    Args:
        source: somebody else's results folder, or any folder of records; it is only read.
        out: results folder; made where it is missing.
        name: what the records' notes say that they were imported from; the name of `source` by default.

    Raises:
        UsageError: there is no record in `source`, or one of the two folders holds the other.
        ZooError: `out` cannot be written.
    """
    paths = record_files(source)
    here, there = out.resolve(), source.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise UsageError(f"`{source}` cannot be imported into `{out}`: one holds the other", "Type another --out")
    done, folders = Imported(), dict[Path, str]()
    known: list[bool] = []
    for path in paths:
        faults = check_record(path)
        record = None if faults else read_record(path.parent)
        if record is None:
            done.faults += faults
            continue
        target = out / folder_name(record.recipe, record.train_key)
        reason = _in_the_way(target, record)
        if reason:
            done.left.append(f"{target.name}: {reason}")
        else:
            _copy(path.parent, target, name or there.name)
            done.copied.append(target.name)
            known.append(_known_here(record))
        folders[path.parent.resolve()] = target.name
    for path in plan_files(source):
        _import_plan(path, out, folders, done)
    if not all(known):
        others = f"{known.count(False)} of them were trained with plugins or versions that are not installed here"
        done.remarks.append(
            f"{others}: zoo bench trains such cells anew; tables, comparisons and reports take them as they are"
        )
    return done


def merge_plans(mine: Plan, theirs: Plan, results: Path) -> tuple[Plan, list[str]]:
    """Return a plan with the rows of another that fill what is empty in it, and remarks on what was not taken.

    A row on a dataset is taken whole, and only where none of its trainings finished here: seeds of two systems are no row.

    Args:
        mine: the plan of the results folder.
        theirs: another of the same table, its cells named as in the results folder.
        results: folder of the cells of both.
    """
    finished = {cell.folder: _read_or_none(results / cell.folder) for cell in (*mine.cells, *theirs.cells)}

    def contents(plan: Plan, key: str) -> set[str]:
        records = [finished[cell.folder] for cell in plan.cells if cell.dataset == key]
        return {record.recipe.data.fingerprint for record in records if record}

    data, remarks = dict(mine.data), []
    cells, refused = list(mine.cells), list(mine.refused)
    for key, name in theirs.data.items():
        ours = contents(mine, key)
        if ours and (data.get(key) != name or not contents(theirs, key) <= ours):
            other = "another content of it" if data[key] == name else dataset_title(name)
            remarks.append(
                f"table {mine.table}: {key} is {dataset_title(data[key])} here and {other} there; yours stays"
            )
            continue
        if data.get(key) != name:  # planned here, and nothing of it finished
            cells = [cell for cell in cells if cell.dataset != key]
            refused = [one for one in refused if one.dataset != key]
        data[key] = name
        taken = [cell for cell in theirs.cells if cell.dataset == key and not _has(cells, cell, finished)]
        rows = {cell.row for cell in taken}
        cells = [cell for cell in cells if (cell.dataset, cell.row in rows) != (key, True)] + taken
        planned = {cell.row for cell in cells if cell.dataset == key}
        refused = [one for one in refused if one.dataset != key or one.row not in planned]
        told = {(one.row, one.dataset) for one in refused}
        refused += [
            one
            for one in theirs.refused
            if one.dataset == key and one.row not in planned and (one.row, one.dataset) not in told
        ]
    return replace(mine, data=data, cells=tuple(cells), refused=tuple(refused)), remarks


def _read_or_none(folder: Path) -> Record | None:
    try:
        return read_record(folder)
    except ZooError:  # damaged, which whoever reads it for its scores says
        return None


def _has(cells: list[PlannedCell], other: PlannedCell, finished: dict[str, Record | None]) -> bool:
    """Return whether the row of another plan's cell has a finished training among these."""
    return any((cell.row, cell.dataset) == (other.row, other.dataset) and finished[cell.folder] for cell in cells)


def _import_plan(path: Path, out: Path, folders: dict[Path, str], done: Imported) -> None:
    try:
        theirs = read_plan_file(path)
    except ZooError as error:
        done.faults.append(Fault(path=path, what=error.message))
        return
    root = path.parent.parent.resolve()
    named = [replace(cell, folder=folders.get(root / cell.folder, cell.folder)) for cell in theirs.cells]
    theirs = replace(theirs, cells=tuple(named))
    mine = read_plan(out, theirs.table)
    if mine:
        theirs, remarks = merge_plans(mine, theirs, out)
        done.remarks += remarks
    if theirs != mine:
        write_plan(out, theirs)
        done.tables.append(theirs.table)


def _in_the_way(target: Path, record: Record) -> str:
    """Return why a folder of the results is left as it is; empty where there is none."""
    if not target.exists():
        return ""
    try:
        there = read_record(target)
    except ZooError as error:
        return f"has a damaged record here: {error}"
    if there is None:
        return "is under way here; run its zoo bench command to finish it, or import into another --out"
    return "is here already" if there.train_key == record.train_key else "is the folder of another training here"


def _copy(run: Path, target: Path, name: str) -> None:
    """Copy a run's record and what lies beside it; the folder appears whole or not at all."""
    part = beside(target)
    try:
        (part / TILES).mkdir(parents=True)
        tiles = [path.relative_to(run) for path in sorted((run / TILES).glob("*.png"))]
        for file in (*map(Path, FILES), *tiles):
            if (run / file).is_file():
                shutil.copyfile(run / file, part / file)
        if not tiles:
            (part / TILES).rmdir()
        raw = msgspec.json.decode((run / RECORD_FILE).read_bytes())  # whole, with what a newer zoo may have added
        raw["notes"] = [*raw.get("notes", []), f"{IMPORTED}{name}."]
        # What did not come along is not lost: the record vouches for what is beside it.
        if "sha256" in raw:
            raw["sha256"] = {each: sha for each, sha in raw["sha256"].items() if (part / each).exists()}
        write_json(part / RECORD_FILE, raw)
        part.replace(target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _known_here(record: Record) -> bool:
    """Return whether a bench of the same request takes the record for its own."""
    try:
        return train_key(record.recipe, world_size=record.processes) == record.train_key
    except KeyError:  # a plugin that is not installed
        return False
