"""What may be said of a measured value beside a paper's: match, differs, not comparable and why. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zoo.errors import ZooError
from zoo.report.aggregate import Pooled
from zoo.report.naming import length_text
from zoo.report.table_plan import Measure, Plan, PlannedCell
from zoo.report.tables import Column, Table, dataset_title
from zoo.run.record import Record, read_failure, read_record

Word = Literal["match", "differs", "not comparable", "not run", "not in the paper"]


@dataclass(frozen=True, kw_only=True)
class Training:
    """A planned training and what became of it."""

    cell: PlannedCell
    record: Record | None
    failure: str
    """Why it failed, in one line; empty where it did not."""


def read_trainings(plan: Plan, results: Path) -> dict[tuple[str, str], list[Training]]:
    """Return what became of each row's trainings, by row and dataset."""
    found: dict[tuple[str, str], list[Training]] = {}
    for cell in plan.cells:
        folder, record, reason = results / cell.folder, None, ""
        try:
            record = read_record(folder)
        except ZooError as error:
            reason = str(error)
        if record is None and not reason and (failure := read_failure(folder)):
            reason = failure.reason
        training = Training(cell=cell, record=record, failure=reason)
        found.setdefault((cell.row, cell.dataset), []).append(training)
    return found


def compare_to_paper(paper: float, measured: Pooled, column: Column) -> Word:
    """Return whether the paper's value, rounded as it is, lies within the measured interval."""
    rounding = 0.5 * 10**-column.decimals
    low = measured.value if measured.low is None else measured.low
    high = measured.value if measured.high is None else measured.high
    return "match" if low - rounding <= paper <= high + rounding else "differs"


def reasons_against(table: Table, key: str, plan: Plan, measure: Measure, runs: Sequence[Training]) -> list[str]:
    """Return what sets a row's trainings on a dataset, and their measure, apart from the paper's; empty if nothing does.

    Args:
        table, key: the table and the dataset's key in it.
        plan, measure, runs: what was planned, how the column is measured, the row's trainings.
    """
    other = substitutions(table, plan).get(key)
    reasons = [other] if other else []
    for run in runs:
        reasons += _training_reasons(table, key, run, substituted=bool(other))
    if measure.instead:
        reasons.append(measure.instead)
    return list(dict.fromkeys(reasons))


def substitutions(table: Table, plan: Plan) -> dict[str, str]:
    """Return `RoadScene instead of FLIR`, by key, for each dataset in whose place another one stands."""
    return {
        key: f"{dataset_title(plan.data[key])} instead of {paper.title}"
        for key, paper in table.datasets.items()
        if key in plan.data and dataset_title(plan.data[key]) != paper.title
    }


def why_not_run(name: str, key: str, plan: Plan, runs: Sequence[Training]) -> str:
    """Return why a row has no value on a dataset, where that is known: refused, failed, or not scored with the metric."""
    refused = next((one.reason for one in plan.refused if (one.row, one.dataset) == (name, key)), "")
    failed = next((run.failure for run in runs if run.failure), "")
    unscored = "not scored with this metric" if any(run.record for run in runs) else ""
    return refused or failed or unscored


def _training_reasons(table: Table, key: str, run: Training, *, substituted: bool) -> list[str]:
    if run.record is None:
        return [f"seed {run.cell.seed} is missing"]
    recipe, paper, data = run.record.recipe, table.budget, table.datasets[key]
    splits = run.record.dataset["splits"]
    pairs = {} if substituted else {"train": data.train, "test": data.test}  # another dataset is reason enough
    found = {
        f"{paper.size} px": f"{recipe.size} px",
        f"{paper.epochs} epochs": length_text(recipe.budget),
        f"batch {paper.batch}": f"batch {recipe.batch}",
        "fp32": recipe.precision,  # as the papers' programs compute
        **{
            f"{stated} {split} pairs": f"{splits.get(split)} {split} pairs"
            for split, stated in pairs.items()
            if stated is not None
        },
    }
    return [f"{ours} instead of {stated}" for stated, ours in found.items() if ours != stated] + [*run.cell.instead]
