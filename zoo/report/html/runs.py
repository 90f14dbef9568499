"""The runs of a report: finished and failed ones, their labels, their colours, and which are comparable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.checksums import repair
from zoo.errors import UsageError
from zoo.recipe import Recipe
from zoo.records.integrity import find_faults
from zoo.records.record import FAILURE_FILE, RECORD_FILE, Failure, Record, View, folder_of_test, read_failure
from zoo.report.finished_runs import find_results, merge_baselines, split_of, split_suffix
from zoo.report.naming import add_training_data, name_systems
from zoo.sizes import Size, pixels_text

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a63d2", "#8c8c8c")
"""Okabe and Ito's colours for colour-blind readers, without those that are invisible on white or on black."""
DASHES = ("solid", "dashed", "dotted")
MARKERS = ("o", "s", "^")


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a system is drawn, the same on the whole page."""

    color: str
    dash: str
    """Line style, with its name in CSS and matplotlib."""
    marker: str


@dataclass(frozen=True, kw_only=True)
class ReportedRun:
    """A finished or failed run of the report."""

    anchor: str
    """Id of its paragraph on the page."""
    folder: Path
    recipe: Recipe
    label: str
    """Name of its system; its seeds have the same label."""
    style: Style
    record: Record | None = None
    failure: Failure | None = None

    @property
    def pictures(self) -> Path:
        """The folder of its samples: of its own where another dataset was tested."""
        return folder_of_test(self.folder, self.record.tested) if isinstance(self.record, View) else self.folder


@dataclass(frozen=True, kw_only=True)
class DatasetRuns:
    """Comparable runs: those on one split of a dataset at one size."""

    title: str
    runs: list[ReportedRun]

    @property
    def finished(self) -> list[tuple[ReportedRun, Record]]:
        """Return the runs with a record."""
        return [(run, run.record) for run in self.runs if run.record]

    @property
    def systems(self) -> dict[str, list[ReportedRun]]:
        """Return the runs by label: the seeds of a system together."""
        found: dict[str, list[ReportedRun]] = {}
        for run in self.runs:
            found.setdefault(run.label, []).append(run)
        return found


def read_runs(results: Path) -> tuple[list[ReportedRun], list[str]]:
    """Return the runs of a results folder, failed ones last, and a line for each damaged file.

    Weights and configs are hashed only if they changed after their record was written.

    Raises:
        UsageError: there is no finished or failed run.
        ZooError: no record can be read.
    """
    failures = _read_failures(results)
    warnings: list[str] = []
    try:
        found = find_results(results)
    except UsageError:
        if not failures:
            raise
        runs = []
    else:
        runs, warnings = found.runs, found.unreadable
    for folder, record in {run.folder: run.record for run in runs}.items():
        faults = find_faults(folder, record, thorough=False)
        warnings += [f"{fault}; its scores are shown. {repair(folder)}" for fault in faults]
    runs = merge_baselines(runs)
    ended: list[tuple[Path, Recipe, Record | None, Failure | None]] = [
        *((run.folder, run.record.shown_recipe, run.record, None) for run in runs),
        *((folder, failure.recipe, None, failure) for folder, failure in failures),
    ]
    recipes = {folder: record.recipe if record else recipe for folder, recipe, record, _ in ended}
    names = dict(zip(recipes, name_systems(list(recipes.values())), strict=True))
    labels = add_training_data(
        [names[folder] for folder, *_ in ended],
        [recipes[folder].data for folder, *_ in ended],
        [recipe.data for _, recipe, *_ in ended],
    )
    styles = {label: style(number) for number, label in enumerate(dict.fromkeys(labels))}
    reported = [
        ReportedRun(
            anchor=f"run-{number}",
            folder=folder,
            recipe=recipe,
            label=label,
            style=styles[label],
            record=record,
            failure=failure,
        )
        for number, ((folder, recipe, record, failure), label) in enumerate(zip(ended, labels, strict=True))
    ]
    return reported, warnings


def group_runs(runs: Sequence[ReportedRun]) -> list[DatasetRuns]:
    """Return the runs by dataset, size and split, in the order of their first runs."""
    found: dict[tuple[str, str, Size, str], list[ReportedRun]] = {}
    for run in runs:
        data = run.recipe.data
        split = split_of(run.record) if run.record else "test"
        found.setdefault((data.name, data.fingerprint, run.recipe.size, split), []).append(run)
    same_name = Counter((name, size, split) for name, _, size, split in found)
    return [
        DatasetRuns(
            title=f"{name}, {pixels_text(size)}{split_suffix(split)}"
            + (f" ({fingerprint[:8]})" if same_name[name, size, split] > 1 else ""),
            runs=group,
        )
        for (name, fingerprint, size, split), group in found.items()
    ]


def style(number: int) -> Style:
    """Return the style of the n-th system; the first 24 differ."""
    cycle, color = divmod(number, len(PALETTE))
    return Style(color=PALETTE[color], dash=DASHES[cycle % len(DASHES)], marker=MARKERS[cycle % len(MARKERS)])


def _read_failures(results: Path) -> list[tuple[Path, Failure]]:
    """Return the failed runs without a record."""
    folders = [path.parent for path in sorted(results.rglob(FAILURE_FILE))]
    found = [(folder, read_failure(folder)) for folder in folders if not (folder / RECORD_FILE).exists()]
    return [(folder, failure) for folder, failure in found if failure]
