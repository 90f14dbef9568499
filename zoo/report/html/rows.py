"""The order of a report's rows, their differences to the best null baseline, and their values by group or class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zoo.evaluate.results import decimals, metric_heading
from zoo.records.record import Record
from zoo.registry import get_registry
from zoo.report.aggregate import aggregate_seeds
from zoo.report.finished_runs import FinishedRun
from zoo.report.groups import group_scores
from zoo.report.html.runs import DatasetRuns, ReportedRun
from zoo.report.ranked_rows import assign_rows
from zoo.report.ranking import Ranking, rank


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A system's difference to the best null baseline, in words."""

    value: str
    detail: str
    """Its interval, the verdict and the baseline."""


@dataclass(frozen=True, kw_only=True)
class ValueTable:
    """Values of the systems by group or class."""

    title: str
    heads: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    """By label; empty texts where there is no value."""


def sort_runs(group: DatasetRuns) -> tuple[DatasetRuns, str, dict[str, Difference]]:
    """Return the runs by the first metric (networks, then null baselines, then runs without scores), the name of that metric,
    and the differences to the best null baseline by label."""
    metric = next((score.metric for _, record in group.finished for score in record.scores), "")
    found = [
        (run, FinishedRun(folder=run.folder, record=replace(record, scores=[score])))
        for run, record in group.finished
        for score in record.scores
        if score.metric == metric
    ]
    ranking = rank([finished for _, finished in found], marks=False)
    names = [assigned.row for assigned in assign_rows([finished for _, finished in found])]
    rows = {run.anchor: name for (run, _), name in zip(found, names, strict=True)}
    places = {row.name: place for place, row in enumerate(ranking.rows)}
    nulls = get_registry().null_baselines()

    def order(run: ReportedRun) -> tuple[bool, bool, int]:
        return run.record is None, run.recipe.method.name in nulls, places.get(rows.get(run.anchor, ""), len(places))

    differences = _differences(ranking)
    by_label = {run.label: differences[rows[run.anchor]] for run, _ in found if rows[run.anchor] in differences}
    return replace(group, runs=sorted(group.runs, key=order)), metric, by_label


def value_tables(group: DatasetRuns) -> list[ValueTable]:
    """Return the errors in degrees by class and the scores by each entry of groups, each a mean over the system's seeds."""
    records = {label: [run.record for run in runs if run.record] for label, runs in group.systems.items()}
    errors = {label: [one.celsius for one in found if one.celsius] for label, found in records.items()}
    degrees = {
        label: [{"all pixels": one.all, **one.classes} for one in found] for label, found in errors.items() if found
    }
    texts = {
        label: {name: f"{sum(one[name] for one in found) / len(found):.2f}" for name in found[0] if _all(found, name)}
        for label, found in degrees.items()
    }
    tables = [_table("Mean absolute error in °C", texts)]
    for entry in dict.fromkeys(
        entry for found in records.values() for one in found for score in one.scores for entry in score.groups
    ):
        by_label = {label: _group_texts(found, entry) for label, found in records.items()}
        tables.append(_table(f"Means by {entry}", by_label))
    return [table for table in tables if table.rows]


def _differences(ranking: Ranking) -> dict[str, Difference]:
    """Return the differences to the best null baseline in the only column, by row."""
    cells = {row.name: cell for row in ranking.rows for cell in row.cells if cell}
    found = {}
    for name, cell in cells.items():
        if not cell.baseline:
            continue
        digits = decimals(cell.measured.unit, cell.measured.value)
        value, detail = cell.measured.value - cells[cell.baseline].measured.value, f"no test; {cell.baseline}"
        if test := cell.against:
            value = test.comparison.difference
            low, high = test.comparison.low, test.comparison.high
            interval = "" if low is None or high is None else f"{low:+.{digits}f} to {high:+.{digits}f}; "
            # The interval is of this test alone: it may lie on one side of zero where the verdict does not.
            word = "after correction from" if test.verdict == "not distinguishable" else "than"
            verdict = f"{test.verdict} {word}" if cell.measured.n > 1 else "no test of one image;"
            detail = f"{interval}{verdict} {cell.baseline}"
        found[name] = Difference(value=f"{value:+.{digits}f}", detail=detail)
    return found


def _group_texts(records: Sequence[Record], entry: str) -> dict[str, str]:
    """Return the means over runs of one system, with the number of images, by metric and group."""
    by_run = [{one.metric: one for score in record.scores for one in group_scores(score, entry)} for record in records]
    texts = {}
    for name in by_run[0] if by_run else ():
        if _all(by_run, name):
            mean = aggregate_seeds(dict(enumerate(one[name] for one in by_run)))
            texts[metric_heading(name, mean.unit)] = f"{mean.value:.{decimals(mean.unit, mean.value)}f} (n {mean.n})"
    return texts


def _all(found: Sequence[Mapping[str, object]], name: str) -> bool:
    return all(name in one for one in found)


def _table(title: str, texts: Mapping[str, Mapping[str, str]]) -> ValueTable:
    heads = tuple(dict.fromkeys(name for row in texts.values() for name in row))
    rows = {label: tuple(row.get(name, "") for name in heads) for label, row in texts.items() if row}
    return ValueTable(title=title, heads=heads, rows=rows)
