"""What a report is about: finished and failed cells, their short names, their colours, and which may be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.checksums import repair
from zoo.errors import UsageError
from zoo.recipe import Recipe
from zoo.report.finished_runs import find_results
from zoo.report.naming import name_systems
from zoo.run.integrity import find_faults
from zoo.run.record import FAILURE_FILE, RECORD_FILE, Failure, Record, read_failure

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a63d2", "#8c8c8c")
"""Okabe and Ito's colours, which colour-blind readers tell apart, without those that vanish on white or on black."""
DASHES = ("solid", "dashed", "dotted")
MARKERS = ("o", "s", "^")


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a system is drawn, the same on the whole page."""

    color: str
    dash: str
    """Line style, by the name that CSS and matplotlib share."""
    marker: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A finished or failed cell as the report shows it."""

    anchor: str
    """Id of its paragraph on the page."""
    folder: Path
    recipe: Recipe
    label: str
    """What sets its system apart from the others; the seeds of a system share it."""
    style: Style
    record: Record | None = None
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True)
class Group:
    """Cells whose numbers may be compared: of one dataset at one size."""

    title: str
    entries: list[Entry]

    @property
    def finished(self) -> list[tuple[Entry, Record]]:
        """Return the cells that left a record."""
        return [(entry, entry.record) for entry in self.entries if entry.record]

    @property
    def systems(self) -> dict[str, list[Entry]]:
        """Return the cells by label: the seeds of a system side by side."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.label, []).append(entry)
        return found


def read_entries(results: Path) -> tuple[list[Entry], list[str]]:
    """Return the cells of a results folder, failed ones last, and a line for each file that is damaged.

    Weights and configs are read where they changed after their record was written.

    Raises:
        UsageError: there is no cell that finished or failed.
        ZooError: no record can be read.
    """
    failures = _read_failures(results)
    remarks: list[str] = []
    try:
        found = find_results(results)
    except UsageError:
        if not failures:
            raise
        runs = []
    else:
        runs, remarks = found.runs, found.unreadable
    for run in runs:
        faults = find_faults(run.folder, run.record, thorough=False)
        remarks += [f"{fault}; its scores are shown. {repair(run.folder)}" for fault in faults]
    recipes = [run.record.recipe for run in runs] + [failure.recipe for _, failure in failures]
    labels = name_systems(recipes)
    styles = {label: style(number) for number, label in enumerate(dict.fromkeys(labels))}
    cells: list[tuple[Path, Record | None, Failure | None]] = [(run.folder, run.record, None) for run in runs]
    cells += [(folder, None, failure) for folder, failure in failures]
    entries = [
        Entry(
            anchor=f"run-{number}",
            folder=folder,
            recipe=recipe,
            label=label,
            style=styles[label],
            record=record,
            failure=failure,
        )
        for number, ((folder, record, failure), recipe, label) in enumerate(zip(cells, recipes, labels, strict=True))
    ]
    return entries, remarks


def group_entries(entries: Sequence[Entry]) -> list[Group]:
    """Return the cells by dataset and size, in the order in which they come."""
    found: dict[tuple[str, str, int], list[Entry]] = {}
    for entry in entries:
        data = entry.recipe.data
        found.setdefault((data.name, data.fingerprint, entry.recipe.size), []).append(entry)
    names = Counter((name, size) for name, _, size in found)
    titles = {
        (name, mark, size): f"{name}, {size} px" + (f" ({mark[:8]})" if names[name, size] > 1 else "")
        for name, mark, size in found
    }
    return [Group(title=titles[key], entries=found[key]) for key in found]


def style(number: int) -> Style:
    """Return the style of the system of this number; 24 differ."""
    cycle = number // len(PALETTE)
    return Style(
        color=PALETTE[number % len(PALETTE)],
        dash=DASHES[cycle % len(DASHES)],
        marker=MARKERS[cycle % len(MARKERS)],
    )


def _read_failures(results: Path) -> list[tuple[Path, Failure]]:
    """Return the failed cells that left no record."""
    folders = [path.parent for path in sorted(results.rglob(FAILURE_FILE))]
    found = [(folder, read_failure(folder)) for folder in folders if not (folder / RECORD_FILE).exists()]
    return [(folder, failure) for folder, failure in found if failure]
