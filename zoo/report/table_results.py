"""A paper's table beside what was measured: values, differences, verdicts. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.evaluate.results import Score
from zoo.report.aggregate import Difference, Pooled, compare_pooled, measuring, pool, protocol_difference
from zoo.report.data_health import health_line, known_health
from zoo.report.table_plan import Measure, Plan, read_plan
from zoo.report.tables import Column, ProtocolEntry, Table, TableRow, arithmetic, dataset_title
from zoo.report.verdict import (
    Training,
    Word,
    compare_to_paper,
    read_trainings,
    reasons_against,
    substitutions,
    why_not_run,
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of the table in one column."""

    name: str
    title: str
    paper: float | None
    """None for a null baseline."""
    measured: Pooled | None
    verdict: Word
    why: str = ""
    """What stands in the way of a comparison, or why there is no run."""
    against: Difference | None = None
    """How it differs from the best null baseline; None where there is nothing to pair."""

    @property
    def difference(self) -> float | None:
        """Measured less the paper's."""
        return None if self.measured is None or self.paper is None else self.measured.value - self.paper


@dataclass(frozen=True, kw_only=True)
class Section:
    """One metric on one dataset: one protocol, so that its lines can be read against one another."""

    dataset: str
    """The paper's dataset, as tables write it."""
    column: Column
    metric: str
    """The column's title, with what measured it where that is not the table's own."""
    lines: tuple[Line, ...]
    baselines: tuple[Line, ...]
    best_baseline: str = ""
    """Name of the best null baseline, which the rows are tested against."""
    caption: str = ""
    """Number of images and seeds, and how they were measured; empty where nothing was."""


@dataclass(frozen=True, kw_only=True)
class FilledTable:
    """A table with everything that is printed of it."""

    name: str
    title: str
    sections: tuple[Section, ...]
    health: dict[str, str]
    """What was found in the datasets that stand in the table, by the paper's dataset, as a line to print."""
    notes: tuple[str, ...]
    protocol: tuple[ProtocolEntry, ...]


def fill(table: Table, results: Path) -> FilledTable:
    """Return the table with what a results folder holds of it; without a plan or cells, nothing was run.

    Raises:
        ZooError: the plan or a record is damaged.
    """
    plan = read_plan(results, table.name) or _empty_plan(table)
    trainings = read_trainings(plan, results)
    sections = [_section(table, key, measure, plan, trainings) for key in table.datasets for measure in plan.measures]
    other = substitutions(table, plan)
    return FilledTable(
        name=table.name,
        title=f"{table.title}: not comparable: {', '.join(other.values())}" if other else table.title,
        sections=tuple(sections),
        health=_health(table, plan, trainings, results),
        notes=(table.provenance, *table.notes, *arithmetic(table), *_shared(table, plan)),
        protocol=table.protocol,
    )


def _health(
    table: Table, plan: Plan, trainings: Mapping[tuple[str, str], list[Training]], results: Path
) -> dict[str, str]:
    """Return a line for each of the paper's datasets that something was measured on."""
    lines = {}
    for key, paper in table.datasets.items():
        runs = [run for (_, dataset), found in trainings.items() if dataset == key for run in found]
        finished = [(results / run.cell.folder, run.record) for run in runs if run.record]
        if finished:
            lines[paper.title] = health_line(dataset_title(plan.data[key]), known_health(finished))
    return lines


def _empty_plan(table: Table) -> Plan:
    measures = [Measure(column=column.name, spec=column.metric, score=column.name) for column in table.columns]
    return Plan(table=table.name, measures=tuple(measures), data={}, cells=(), refused=())


def _section(
    table: Table, key: str, measure: Measure, plan: Plan, trainings: Mapping[tuple[str, str], list[Training]]
) -> Section:
    column = table.column(measure.column)
    runs = {name: trainings.get((name, key), []) for name in (*(row.name for row in table.rows), *table.baselines)}
    scores = {name: found for name in runs if (found := _scores(runs[name], measure.score))}
    odd = _odd(scores)
    pooled = {name: pool(found) for name, found in scores.items() if name not in odd}
    best = _best([name for name in table.baselines if name in pooled], pooled)
    against = _against(best, [row.name for row in table.rows], pooled)

    def line(name: str, row: TableRow | None) -> Line:
        paper = row.paper[key][column.name] if row else None
        measured = pooled.get(name)
        word: Word = "not in the paper"
        why = ""
        if name in odd:
            word, why = "not comparable", odd[name]
        elif measured is None:
            word, why = "not run", why_not_run(name, key, plan, runs[name])
        elif paper is not None:
            reasons = reasons_against(table, key, plan, measure, runs[name])
            word, why = "not comparable" if reasons else compare_to_paper(paper, measured, column), ", ".join(reasons)
        title = row.title if row else f"baseline: {name}"
        return Line(
            name=name, title=title, paper=paper, measured=measured, verdict=word, why=why, against=against.get(name)
        )

    return Section(
        dataset=table.datasets[key].title,
        column=column,
        metric=f"{column.title} ({measure.score})" if measure.instead else column.title,
        lines=tuple(line(row.name, row) for row in table.rows),
        baselines=tuple(line(name, None) for name in table.baselines),
        best_baseline=best,
        caption=_caption([runs[row.name] for row in table.rows], pooled),
    )


def _odd(scores: Mapping[str, Mapping[int, Score]]) -> dict[str, str]:
    """Return the rows that were not measured as most were, and in what they differ: a column holds one protocol."""
    protocols = [measuring(score) for found in scores.values() for score in found.values()]
    usual = max(protocols, key=protocols.count, default={})
    return {
        name: f"measured with {differing} as most rows"
        for name, found in scores.items()
        for score in found.values()
        if (differing := protocol_difference(measuring(score), usual))
    }


def _scores(runs: Sequence[Training], metric: str) -> dict[int, Score]:
    """Return a metric of a row's finished trainings, by seed."""
    return {run.cell.seed: score for run in runs if run.record for score in run.record.scores if score.metric == metric}


def _best(baselines: Sequence[str], pooled: Mapping[str, Pooled]) -> str:
    """Return the baseline with the best value, or the empty string where none was run."""
    if not baselines:
        return ""
    choose = max if pooled[baselines[0]].higher_is_better else min
    return choose(baselines, key=lambda name: pooled[name].value)


def _against(best: str, rows: Sequence[str], pooled: Mapping[str, Pooled]) -> dict[str, Difference]:
    """Return how each row differs from the best baseline, as one family."""
    null = pooled.get(best)
    if null is None or not null.per_image:
        return {}
    tested = [name for name in rows if name in pooled and pooled[name].per_image.keys() == null.per_image.keys()]
    return dict(zip(tested, compare_pooled([(pooled[name], null) for name in tested]), strict=True))


def _shared(table: Table, plan: Plan) -> list[str]:
    """Return a note for rows that became one training, as U-Nets of two depths do at a size that neither takes."""
    rows_of: dict[str, list[str]] = {}
    for cell in plan.cells:
        if cell.seed == 0 and cell.row not in table.baselines:
            rows_of.setdefault(cell.folder, []).append(table.row(cell.row).title)
    shared = dict.fromkeys(" and ".join(rows) for rows in rows_of.values() if len(rows) > 1)
    return [f"{rows} are one and the same training here." for rows in shared]


def _caption(runs: Sequence[Sequence[Training]], pooled: Mapping[str, Pooled]) -> str:
    """Return on how many images and trainings the column rests, and how they were measured."""
    if not pooled:
        return ""
    first = next(iter(pooled.values()))
    seeds = max(len([run for run in row if run.record]) for row in runs)
    trainings = "one training a row" if seeds <= 1 else f"mean of up to {seeds} trainings a row"
    basis = f"{first.n} test images, {first.protocol.get('resize', '')}, {trainings}; {first.level:.0%} intervals"
    return "; ".join(dict.fromkeys([basis, *(note for found in pooled.values() for note in found.notes)]))
