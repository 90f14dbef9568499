"""Checks records: keys, means, intervals and counts, from the records alone. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from zoo.checksums import Damage, repair
from zoo.errors import UsageError, ZooError
from zoo.model_folder import CONFIG_FILE, WEIGHTS_FILE
from zoo.records.consistency import contradictions
from zoo.records.integrity import find_faults
from zoo.records.record import RECORD_FILE, Record, read_record
from zoo.report.table_plan import FOLDER, read_plan_file


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An error in a file."""

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
    """Return the number of records under a folder, and every fault in them and in the plans of tables.

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
    """Return the faults of a record, and the files of its folder whose SHA-256 differs from the recorded one.

    A missing file is no fault, as records may be kept alone; a missing config of existing weights is one.
    """
    try:
        record = read_record(path.parent)
    except ZooError as error:
        return [Fault(path=path, what=_without_path(error, path))]
    if record is None:
        return [Fault(path=path, what="does not exist")]
    fix = f". {repair(path.parent)}" if path.with_name(WEIGHTS_FILE).exists() else ""
    faults = [Fault(path=path, what=f"{what}{fix}") for what in contradictions(path, record)]
    return faults + _files(path.parent, record)


def _files(folder: Path, record: Record) -> list[Fault]:
    """Return the damaged files, each with the command that repairs it."""
    found = [fault for fault in find_faults(folder, record, thorough=True) if not _is_optional(fault)]
    if not record.sha256:  # an early record without hashes
        found = [fault for fault in found if fault.path.name == CONFIG_FILE and fault.path.exists()]
    return [Fault(path=fault.path, what=f"{fault.what}. {repair(folder)}") for fault in found]


def _is_optional(fault: Damage) -> bool:
    """Return whether the fault is only a missing file that the others do not need."""
    config = fault.path.name == CONFIG_FILE and fault.path.with_name(WEIGHTS_FILE).exists()
    return not os.path.lexists(fault.path) and not config


def _without_path(error: ZooError, path: Path) -> str:
    """Return an error's text without its path, which the line begins with."""
    return str(error).removeprefix(f"`{path}` ")
