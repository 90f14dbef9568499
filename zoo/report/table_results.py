"""A paper's table with the measured values of a results folder: values, differences, verdicts. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from zoo.evaluate.results import Score
from zoo.report.aggregate import (
    Difference,
    SeedAggregate,
    aggregate_seeds,
    best_of,
    compare_aggregates,
    differing_protocols,
)
from zoo.report.data_health import health_line, known_health
from zoo.report.naming import length_text
from zoo.report.table_match import RunFiles, match_runs, read_run
from zoo.report.table_plan import ColumnMetric, TablePlan, choose_column_metrics, read_plan
from zoo.report.table_schema import Column, ProtocolEntry, Table, TableRow
from zoo.report.tables import check_paper_arithmetic, dataset_title
from zoo.sizes import pixels_text

PaperVerdict = Literal["match", "differs", "not comparable", "not run", "not in the paper", "measured"]
"""`measured`: the table has no published values."""


@dataclass(frozen=True, kw_only=True)
class RowResult:
    """A row of the table in one column."""

    name: str
    title: str
    paper: float | None
    """None for a null baseline, and where the paper has no value."""
    measured: SeedAggregate | None
    verdict: PaperVerdict
    why: str = ""
    """Why the values are not comparable, or why there is no run."""
    against: Difference | None = None
    """Difference to the best null baseline; None if there are no values per image."""

    @property
    def difference(self) -> float | None:
        """Measured minus the paper's value."""
        return None if self.measured is None or self.paper is None else self.measured.value - self.paper


@dataclass(frozen=True, kw_only=True)
class ColumnResults:
    """One metric on one dataset, under one protocol, so that its rows are comparable."""

    dataset: str
    """The paper's dataset, as tables write it."""
    column: Column
    metric: str
    """The column's title, followed by the metric's name where it is not the table's own."""
    lines: tuple[RowResult, ...]
    baselines: tuple[RowResult, ...]
    best_baseline: str = ""
    """Name of the best null baseline, which the rows are tested against."""
    caption: str = ""
    """Number of images and seeds, and how they were measured; empty if nothing was."""


@dataclass(frozen=True, kw_only=True)
class TableResults:
    """Everything that is printed of a table."""

    name: str
    title: str
    sections: tuple[ColumnResults, ...]
    health: dict[str, str]
    """Line about the quality of the measured data, by the paper's dataset."""
    notes: tuple[str, ...]
    protocol: tuple[ProtocolEntry, ...]
    published: bool = True
    """Whether the table has published values."""


def read_table_results(table: Table, results: Path) -> TableResults:
    """Return a table with the values of a results folder; rows without a record have the verdict `not run`.

    Raises:
        ZooError: the plan is damaged.
    """
    return _Reader(table, results).table_results()


def compare_to_paper(paper: float, measured: SeedAggregate, column: Column) -> PaperVerdict:
    """Return whether the paper's rounded value lies within the measured interval."""
    rounding = 0.5 * 10**-column.decimals
    low = measured.value if measured.low is None else measured.low
    high = measured.value if measured.high is None else measured.high
    return "match" if low - rounding <= paper <= high + rounding else "differs"


class _Reader:
    """Reads the plan and the runs of one table from a results folder."""

    def __init__(self, table: Table, results: Path) -> None:
        no_plan = TablePlan(table=table.name, measures=choose_column_metrics(table), data={}, cells=(), refused=())
        self.table, self.results = table, results
        self.plan = read_plan(results, table.name) or no_plan
        self.runs: dict[tuple[str, str], list[RunFiles]] = {}
        for run in self.plan.cells:
            self.runs.setdefault((run.row, run.dataset), []).append(read_run(run, results))
        self.data = dict(self.plan.data)
        for run, finished in match_runs(table, self.plan, results):
            self.data.setdefault(run.dataset, finished.record.data.name)
            files = RunFiles(run, finished.record, "", finished.folder)
            self.runs.setdefault((run.row, run.dataset), []).append(files)
        self.substitutes = {
            key: f"{dataset_title(self.data[key])} instead of {paper.title}"
            for key, paper in table.datasets.items()
            if paper.title and key in self.data and dataset_title(self.data[key]) != paper.title
        }

    def table_results(self) -> TableResults:
        table, others = self.table, ", ".join(self.substitutes.values())
        return TableResults(
            name=table.name,
            title=f"{table.title}: not comparable: {others}" if others else table.title,
            sections=tuple(self.column(key, metric) for key in table.datasets for metric in self.plan.measures),
            health=self.health(),
            notes=(
                *filter(None, (table.provenance,)),
                *table.notes,
                *check_paper_arithmetic(table),
                *self.shared_runs(),
                *self.unscored(),
            ),
            protocol=table.protocol,
            published=table.published,
        )

    def column(self, key: str, metric: ColumnMetric) -> ColumnResults:
        table, column = self.table, self.table.column(metric.column)
        names = [*(row.name for row in table.rows), *table.baselines]
        scores = {name: found for name in names if (found := self.scores(name, key, metric.score))}
        differing = differing_protocols(scores)
        measured = {name: aggregate_seeds(found) for name, found in scores.items() if name not in differing}
        if measured:  # scores bring their own unit and direction
            first = next(iter(measured.values()))
            column = replace(column, unit=first.unit or column.unit, higher_is_better=first.higher_is_better)
        best = best_of({name: measured[name] for name in table.baselines if name in measured})
        against = _compare_with_baseline(best, [row.name for row in table.rows], measured)

        def result(name: str, row: TableRow | None) -> RowResult:
            paper = row.value(key, column.name) if row else None
            value = measured.get(name)
            verdict: PaperVerdict = "not in the paper" if table.published else "measured"
            why = ""
            if name in differing:
                verdict, why = "not comparable", differing[name]
            elif value is None:
                verdict, why = "not run", self.why_not_run(name, key)
            elif paper is not None:
                why = ", ".join(self.differences_from_paper(name, key, metric))
                verdict = "not comparable" if why else compare_to_paper(paper, value, column)
            title = row.title if row else f"baseline: {name}"
            return RowResult(
                name=name, title=title, paper=paper, measured=value, verdict=verdict, why=why, against=against.get(name)
            )

        return ColumnResults(
            dataset=self.title(key),
            column=column,
            metric=f"{column.title} ({metric.score})" if metric.instead else column.title,
            lines=tuple(result(row.name, row) for row in table.rows),
            baselines=tuple(result(name, None) for name in table.baselines),
            best_baseline=best,
            caption=_caption([self.runs.get((row.name, key), []) for row in table.rows], measured),
        )

    def title(self, key: str) -> str:
        """Return a dataset's title: the table's, or that of the measured data."""
        return self.table.datasets[key].title or dataset_title(self.data.get(key, key))

    def scores(self, name: str, key: str, metric: str) -> dict[int, Score]:
        """Return a metric of a row's finished runs, by seed."""
        runs = [(files.run.seed, files.record) for files in self.runs.get((name, key), []) if files.record]
        return {seed: score for seed, record in runs for score in record.scores if score.metric == metric}

    def why_not_run(self, name: str, key: str) -> str:
        """Return why a row has no value on a dataset: refused, failed, or not scored; empty if unknown."""
        runs = self.runs.get((name, key), [])
        refused = next((one.reason for one in self.plan.refused if (one.row, one.dataset) == (name, key)), "")
        failed = next((files.failure for files in runs if files.failure), "")
        if refused or failed:
            return refused or failed
        if any(files.record for files in runs):
            return "not scored with this metric"
        score_only = [row.name for row in self.table.rows if row.score_only]
        return "score only" if name in score_only else ""

    def differences_from_paper(self, name: str, key: str, metric: ColumnMetric) -> list[str]:
        """Return how a row's runs on a dataset, and their metric, differ from the paper's."""
        substitute = self.substitutes.get(key)
        differences = [substitute] if substitute else []
        for files in self.runs.get((name, key), []):
            differences += _run_differences(self.table, key, files, substituted=bool(substitute))
        return list(dict.fromkeys([*differences, *filter(None, [metric.instead])]))

    def health(self) -> dict[str, str]:
        lines = {}
        for key in self.table.datasets:
            runs = [files for (_, dataset), found in self.runs.items() if dataset == key for files in found]
            finished = [(files.folder, files.record) for files in runs if files.record]
            if finished:
                lines[self.title(key)] = health_line(dataset_title(self.data[key]), known_health(finished))
        return lines

    def unscored(self) -> list[str]:
        """Return how to fill the rows that nothing is trained for, if one is empty."""
        rows = [row.name for row in self.table.rows if row.score_only]
        empty = [row for row in rows if not any((row, key) in self.runs for key in self.table.datasets)]
        fill = "score only: images of that program fill the row: zoo score IMAGES --data DATASET --name"
        return [f"{fill} {empty[0]}"] if empty else []

    def shared_runs(self) -> list[str]:
        """Return a note for rows that are one run, e.g. U-Nets of two depths at a size that fits neither."""
        rows_of: dict[str, list[str]] = {}
        for run in self.plan.cells:
            if run.seed == 0 and run.row not in self.table.baselines:
                rows_of.setdefault(run.folder, []).append(self.table.row(run.row).title)
        shared = dict.fromkeys(" and ".join(rows) for rows in rows_of.values() if len(rows) > 1)
        return [f"{rows} are the same run here." for rows in shared]


def _run_differences(table: Table, key: str, files: RunFiles, *, substituted: bool) -> list[str]:
    if files.record is None:
        return [f"seed {files.run.seed} is missing"]
    recipe, paper, data = files.record.shown_recipe, table.budget, table.datasets[key]
    splits = files.record.dataset["splits"]
    pairs = {} if substituted else {"train": data.train, "test": data.test}  # the substitute is named already
    found = {}
    if paper:
        found[pixels_text(paper.size)] = pixels_text(recipe.size)
    if paper and not table.row(files.run.row).score_only:  # another program's training is not known
        found |= {
            f"{paper.epochs} epochs": length_text(recipe.budget),
            f"batch {paper.batch}": f"batch {recipe.batch}",
            "fp32": recipe.precision,  # as in the papers' programs
        }
    found |= {
        f"{stated} {split} pairs": f"{splits.get(split)} {split} pairs"
        for split, stated in pairs.items()
        if stated is not None
    }
    return [f"{ours} instead of {stated}" for stated, ours in found.items() if ours != stated] + [*files.run.instead]


def _compare_with_baseline(
    best: str, rows: Sequence[str], measured: Mapping[str, SeedAggregate]
) -> dict[str, Difference]:
    """Return each row's difference to the best baseline, as one family of tests."""
    null = measured.get(best)
    if null is None or not null.per_image:
        return {}
    tested = [name for name in rows if name in measured and measured[name].per_image.keys() == null.per_image.keys()]
    return dict(zip(tested, compare_aggregates([(measured[name], null) for name in tested]), strict=True))


def _caption(rows: Sequence[Sequence[RunFiles]], measured: Mapping[str, SeedAggregate]) -> str:
    """Return the number of images and runs of a column, and how they were measured."""
    if not measured:
        return ""
    first = next(iter(measured.values()))
    seeds = max(sum(files.record is not None for files in row) for row in rows)
    runs = "one run per row" if seeds <= 1 else f"mean of up to {seeds} runs per row"
    basis = f"{first.n} test images, {first.protocol.get('resize', '')}, {runs}; {first.level:.0%} intervals"
    return "; ".join(dict.fromkeys([basis, *(note for each in measured.values() for note in each.notes)]))
