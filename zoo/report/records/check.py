"""Whether records say what they claim: keys, means, intervals and counts, from the records alone. Imports no torch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from zoo.checksums import Damage, repair
from zoo.composition import digest
from zoo.errors import UsageError, ZooError
from zoo.evaluate.results import Score
from zoo.model_folder import CONFIG_FILE, WEIGHTS_FILE
from zoo.recipe import Recipe
from zoo.report.table_plan import FOLDER, Plan
from zoo.run.grid import key_of
from zoo.run.integrity import find_faults
from zoo.run.record import RECORD_FILE, Record, read_json, read_record

KINDS = ("method", "generator", "discriminator", "normalizer")


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


def contradictions(path: Path, record: Record) -> list[str]:
    """Return in what a record that was read from a file contradicts itself."""
    raw = msgspec.json.decode(path.read_bytes())
    return [*_identity(record, raw), *_scores(record)]


def is_doubtful(folder: Path, recipe: Recipe, record: Record) -> bool:
    """Return whether a run's record is of another recipe or contradicts itself while its weights are there to score again."""
    if digest(record.recipe) != digest(recipe):
        return True
    return (folder / WEIGHTS_FILE).exists() and bool(contradictions(folder / RECORD_FILE, record))


def read_plan_file(path: Path) -> Plan:
    """Return a table's plan.

    Raises:
        ZooError: it is damaged or of a newer schema.
    """
    plan = read_json(path, Plan, "Run the zoo bench --table command again, which skips finished runs and writes it")
    if plan is None:
        raise ZooError(f"there is no plan `{path}`")
    return plan


def _identity(record: Record, raw: dict[str, Any]) -> Iterator[str]:
    # Of the JSON as it stands: an older record may lack fields that the recipe has got since.
    key = key_of(raw["recipe"], raw["plugins"], world_size=record.processes, files=record.option_files)
    if key != record.train_key:
        yield f"train_key {record.train_key[:12]} is not that of its recipe and plugins, {key[:12]}"
    parts = {kind: part for kind in KINDS if (part := getattr(record.recipe, kind))}
    plugins = {kind: part.name.partition("/")[0] for kind, part in parts.items()}
    named = {kind: origin.get("plugin") for kind, origin in record.plugins.items()}
    if plugins != named:
        yield f"plugins are of {_listed(named)}, and the recipe's parts of {_listed(plugins)}"
    fingerprint = record.dataset.get("fingerprint")
    if fingerprint != record.recipe.data.fingerprint:
        yield f"dataset fingerprint {str(fingerprint)[:12]} is not the recipe's, {record.recipe.data.fingerprint[:12]}"
    try:
        datetime.fromisoformat(record.finished)
    except ValueError:
        yield f"finished is {record.finished!r}, not a time in ISO 8601"


def _scores(record: Record) -> Iterator[str]:
    names = [score.metric for score in record.scores]
    yield from (f"{name} is scored {names.count(name)} times" for name in dict.fromkeys(names) if names.count(name) > 1)
    if record.scored:
        yield from (f"{name} has a score and stands not in scored" for name in names if name not in record.scored)
        if digest(record.scored) != record.score_key:
            yield f"score_key {record.score_key[:12]} is not that of scored, {digest(record.scored)[:12]}"
    tested = record.dataset.get("splits", {}).get("test")
    for score in record.scores:
        yield from (f"{score.metric}: {what}" for what in _score(score, tested))
    single = [score for score in record.scores if score.per_image]
    yield from (
        f"{score.metric} has values of other images than {single[0].metric}"
        for score in single
        if score.per_image.keys() != single[0].per_image.keys()
    )


def _score(score: Score, tested: int | None) -> Iterator[str]:
    if score.per_image:
        mean = fmean(score.per_image.values())
        if not math.isclose(score.value, mean, rel_tol=1e-9, abs_tol=1e-9):
            yield f"value {score.value:g} is not the mean of its images, {mean:g}"
        if score.n != len(score.per_image):
            yield f"n is {score.n}, and it has values of {len(score.per_image)} images"
    if tested is not None and score.n != tested:
        yield f"n is {score.n}, and the test split has {tested} images"
    if (score.low is None) != (score.high is None):
        yield "its interval has one end"
    elif score.low is not None and score.high is not None:
        room = 1e-9 * max(1.0, abs(score.value))
        if not score.low - room <= score.value <= score.high + room:
            yield f"value {score.value:g} lies outside of its interval [{score.low:g}, {score.high:g}]"
    if not 0 < score.level < 1:
        yield f"level is {score.level:g}, not between 0 and 1"


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


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(f"{kind} {name}" for kind, name in names.items()) or "nothing"
