"""Whether records say what they claim: keys, means, intervals and counts, from the records alone. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from zoo.checksums import Damage, repair
from zoo.errors import UsageError, ZooError
from zoo.model_folder import CONFIG_FILE, WEIGHTS_FILE
from zoo.report.table_plan import FOLDER, Plan
from zoo.run.consistency import contradictions
from zoo.run.integrity import find_faults
from zoo.run.record import RECORD_FILE, Record, read_json, read_record


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with a file."""

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def record_files(folder: Path) -> list[Path]:
    """Return the records under a folder, by path.

    Raises:
        UsageError: there is no such folder, or no record in it.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder `{folder}`", f"Name a folder that holds {RECORD_FILE} files")
    paths = sorted(folder.rglob(RECORD_FILE))
    if not paths:
        raise UsageError(f"`{folder}` holds no {RECORD_FILE}", "Name a results folder, or one of records")
    return paths


def plan_files(folder: Path) -> list[Path]:
    """Return the plans of tables under a folder, by path."""
    return sorted(folder.rglob(f"{FOLDER}/*.json"))


def check_folder(folder: Path) -> tuple[int, list[Fault]]:
    """Return the number of records under a folder, and every fault in them and in the plans of tables beside them.

    Raises:
        UsageError: there is no such folder, or no record in it.
    """
    records = record_files(folder)
    faults = [fault for path in records for fault in check_record(path)]
    for path in plan_files(folder):
        try:
            read_plan_file(path)
        except ZooError as error:
            faults.append(Fault(path=path, what=_without_path(error, path)))
    return len(records), faults


def check_record(path: Path) -> list[Fault]:
    """Return what is wrong with a record, and which files beside it are not those that it vouches for.

    A file that is missing is no fault, as records may stand alone; a config that is missing beside its weights is one.
    """
    try:
        record = read_record(path.parent)
    except ZooError as error:
        return [Fault(path=path, what=_without_path(error, path))]
    if record is None:
        return [Fault(path=path, what="is not there")]
    fix = f". {repair(path.parent)}" if path.with_name(WEIGHTS_FILE).exists() else ""
    faults = [Fault(path=path, what=f"{what}{fix}") for what in contradictions(path, record)]
    return faults + _files(path.parent, record)


def read_plan_file(path: Path) -> Plan:
    """Return a table's plan.

    Raises:
        ZooError: it is damaged or of a newer schema.
    """
    plan = read_json(path, Plan, "Run the zoo bench --table command again, which skips finished runs and writes it")
    if plan is None:
        raise ZooError(f"there is no plan `{path}`")
    return plan


def _files(folder: Path, record: Record) -> list[Fault]:
    """Return which files are damaged; the command that repairs them stands behind each."""
    found = [fault for fault in find_faults(folder, record, thorough=True) if not _stands_alone(fault)]
    if not record.sha256:  # an early record, which vouches for nothing
        found = [fault for fault in found if fault.path.name == CONFIG_FILE and fault.path.exists()]
    return [Fault(path=fault.path, what=f"{fault.what}. {repair(folder)}") for fault in found]


def _stands_alone(fault: Damage) -> bool:
    """Return whether a file is only not there, and the others mean something without it."""
    config = fault.path.name == CONFIG_FILE and fault.path.with_name(WEIGHTS_FILE).exists()
    return not os.path.lexists(fault.path) and not config


def _without_path(error: ZooError, path: Path) -> str:
    """Return an error's text without the path that it begins with, which the line names already."""
    return str(error).removeprefix(f"`{path}` ")
