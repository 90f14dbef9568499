"""Why runs are trained again although an earlier run of the same recipe is there: what changed in the code. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from zoo.environment import inference_options, option_files, provenance, values_of
from zoo.errors import ZooError
from zoo.keys import key_of, readable_name
from zoo.recipe import Recipe
from zoo.records.job import PlannedRun
from zoo.records.record import RECORD_FILE, Record, read_record


def retrained(runs: Sequence[PlannedRun]) -> list[str]:
    """Return a line per change, of a plugin or of a file that an option names, that causes runs to be trained again.

    Args:
        runs: of one results folder; those that are done or have no earlier run of the same recipe are passed over.
    """
    new = [run for run in runs if not (run.folder / RECORD_FILE).exists()]
    if not new or not new[0].folder.parent.is_dir():
        return []
    there = sorted(new[0].folder.parent.iterdir())
    earlier: dict[str, list[Path]] = {}
    for folder in there:
        earlier.setdefault(folder.name.rpartition("-")[0], []).append(folder)
    counts: dict[str, int] = {}
    for run in new:
        name = readable_name(run.recipe)
        folders = earlier.get(name, [])
        if run.inference:  # an earlier run may have had other options of translation, which follow this name
            folders = [folder for folder in there if folder.name.startswith(f"{name}-")]
        for change in _changes_of(run, folders):
            counts[change] = counts.get(change, 0) + 1
    return [
        f"{change}: {count} run{'s are' if count > 1 else ' is'} trained again; earlier runs stay as they are"
        for change, count in counts.items()
    ]


def code_changes(record: Record) -> list[str]:
    """Return what differs here from where a run was trained: its plugins' versions and sources, files that options name."""
    try:
        now, files = provenance(record.recipe), option_files(record.recipe)
    except KeyError:
        return ["a plugin of it is not installed here"]
    changes = [
        change
        for kind, origin in now.items()
        if (change := _change(f"{kind} {getattr(record.recipe, kind).name}", record.plugins.get(kind, {}), origin))
    ]
    for place in sorted(files.keys() | record.option_files.keys()):
        if files.get(place) != record.option_files.get(place) and _is_known(record, place, files):
            changes.append(f"the file that option {place} names or requires has changed")
    return changes


def _is_known(record: Record, place: str, files: Mapping[str, str]) -> bool:
    """Return whether a file is on this machine or an option names it; published weights that were never fetched here are not."""
    return place in files or isinstance(values_of(record.recipe, [place], {}).get(place, ""), str)


def _changes_of(run: PlannedRun, folders: Sequence[Path]) -> list[str]:
    """Return what changed since the nearest earlier run of the same recipe; nothing where there is none."""
    found: list[list[str]] = []
    for folder in folders:
        try:
            record = read_record(folder)
        except ZooError:
            continue
        if record and record.processes == run.processes and _trains_alike(record.recipe, run.recipe):
            found.append(code_changes(record))
    return min(found, key=len, default=[])


def _trains_alike(one: Recipe, other: Recipe) -> bool:
    """Return whether recipes differ in nothing but options that only translation reads."""
    options = inference_options(other)
    return key_of(asdict(one), {}, inference=options) == key_of(asdict(other), {}, inference=options)


def _change(part: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return in what a part's code differs; empty where it does not."""
    if before.get("version") != now.get("version"):
        return f"{part} was version {before.get('version')} and is {now.get('version')}"
    if before.get("source", "") == now.get("source", ""):
        return ""
    if "source" not in before:
        return f"{part} {now.get('version')} is not a release, and its source was not recorded: it may have changed"
    return f"the source of {part} changed under version {now.get('version')}"
