"""The report's table: a column a metric and protocol, a row a run, and the mean of several seeds. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from typing import Any

import msgspec

from zoo.evaluate.results import Score
from zoo.report.aggregate import OF_THE_METHOD
from zoo.report.html.runs import Entry, Group, Style
from zoo.report.results import decimals
from zoo.run.record import Record

COSTS = ("parameters", "training", "peak memory", "reads")
"""Columns after the metrics; `reads` is what a method is shown of a test image."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """Scores by one metric under one protocol."""

    heading: str
    higher_is_better: bool
    protocol: dict[str, Any]
    """Without what belongs to the method."""
    scores: dict[str, Score]
    """By the run's anchor."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One place of the table."""

    heading: str
    text: str = ""
    detail: str = ""
    """Smaller text below: an interval, or a spread."""
    best: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """A run, or the mean of a system's seeds (without an entry)."""

    label: str
    style: Style
    note: str = ""
    """`seed 2`, `mean of 3 seeds`."""
    anchor: str = ""
    failed: str = ""
    """Why there are no numbers."""
    cells: list[Cell] = field(default_factory=list)


def metric_columns(group: Group) -> list[Column]:
    """Return the group's metrics in the order in which they come; another protocol is another column."""
    columns: dict[tuple[str, bytes], Column] = {}
    for entry, record in group.finished:
        for score in record.scores:
            protocol = {key: value for key, value in score.protocol.items() if key not in OF_THE_METHOD}
            key = (score.metric, msgspec.json.encode(protocol, order="deterministic"))
            if key not in columns:
                heading = f"{score.metric} [{score.unit}]" if score.unit else score.metric
                columns[key] = Column(
                    heading=heading, higher_is_better=score.higher_is_better, protocol=protocol, scores={}
                )
            columns[key].scores[entry.anchor] = score
    return _distinct(list(columns.values()))


def table_rows(group: Group, columns: Sequence[Column]) -> list[Row]:
    """Return a row a run, the seeds of a system together and their mean below them."""
    best = [_best(group, column) for column in columns]
    many_seeds = len({entry.recipe.seed for entry in group.entries}) > 1
    rows = []
    for label, entries in group.systems.items():
        seeds = [entry for entry in entries if entry.record]
        for entry in entries:
            seed = f"seed {entry.recipe.seed}" if many_seeds else ""
            rows.append(_row(entry, seed, columns, [len(seeds) == 1 and label == winner for winner in best]))
        if len(seeds) > 1:
            rows.append(_mean_row(seeds, columns, [label == winner for winner in best]))
    return rows


def value_text(score: Score, value: float) -> str:
    """Return a value with as many digits as the results table gives its metric."""
    return f"{value:.{decimals(score.unit)}f}"


def count_text(number: int | None) -> str:
    """Return e.g. `11.38 M`."""
    if number is None:
        return ""
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number:,}"


def duration_text(seconds: float) -> str:
    """Return e.g. `42 s`, `3 min 20 s`, `5 h 12 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole // 60 % 60} min"


def memory_text(record: Record) -> tuple[str, str]:
    """Return the peak memory and whose it is."""
    device, host = record.peak_memory.get("device"), record.peak_memory.get("host")
    size = device or host
    return (f"{size / 2**30:.2f} GiB", "GPU" if device else "process") if size else ("", "")


def reads_text(record: Record) -> str:
    """Return what the method is shown of each test image; empty where nothing was scored."""
    return ", ".join(record.scores[0].protocol.get("reads", ())) if record.scores else ""


def _row(entry: Entry, seed: str, columns: Sequence[Column], best: Sequence[bool]) -> Row:
    cells = []
    if entry.record:
        for column, wins in zip(columns, best, strict=True):
            cells.append(_score_cell(column, column.scores.get(entry.anchor), wins))
        cells += _cost_cells(entry.record)
    return Row(
        label=entry.label,
        style=entry.style,
        note=seed,
        anchor=entry.anchor,
        failed=entry.failure.reason if entry.failure else "",
        cells=cells,
    )


def _score_cell(column: Column, score: Score | None, wins: bool) -> Cell:
    if score is None:
        return Cell(heading=column.heading)
    interval = ""
    if score.low is not None and score.high is not None:
        interval = f"{value_text(score, score.low)} to {value_text(score, score.high)}"
    return Cell(heading=column.heading, text=value_text(score, score.value), detail=interval, best=wins)


def _cost_cells(record: Record) -> list[Cell]:
    speed = record.timing.steps_per_second
    memory, whose = memory_text(record)
    pace = f"{speed:.3g} steps/s" if speed else ""
    texts = (
        (count_text(record.parameters.get("translation")), ""),
        (duration_text(record.timing.train_seconds), pace),
        (memory, whose),
        (reads_text(record), ""),
    )
    return [
        Cell(heading=heading, text=text, detail=detail) for heading, (text, detail) in zip(COSTS, texts, strict=True)
    ]


def _mean_row(entries: Sequence[Entry], columns: Sequence[Column], best: Sequence[bool]) -> Row:
    cells = []
    for column, wins in zip(columns, best, strict=True):
        scores = [column.scores[entry.anchor] for entry in entries if entry.anchor in column.scores]
        values = [score.value for score in scores]
        if len(values) < 2:
            cells.append(Cell(heading=column.heading))
            continue
        spread = f"± {value_text(scores[0], stdev(values))}"
        cells.append(Cell(heading=column.heading, text=value_text(scores[0], fmean(values)), detail=spread, best=wins))
    first = entries[0]
    return Row(
        label=first.label,
        style=first.style,
        note=f"mean of {len(entries)} seeds",
        cells=cells + [Cell(heading=heading) for heading in COSTS],
    )


def _best(group: Group, column: Column) -> str | None:
    """Return the system with the best mean over its seeds, None where there is nothing to be better than."""
    means = {}
    for label, entries in group.systems.items():
        values = [column.scores[entry.anchor].value for entry in entries if entry.anchor in column.scores]
        if values:
            means[label] = fmean(values)
    if len(means) < 2:
        return None
    return (max if column.higher_is_better else min)(means, key=lambda label: means[label])


def _distinct(columns: list[Column]) -> list[Column]:
    """Say in the heading in what two columns of one metric differ."""
    alike: dict[str, list[Column]] = {}
    for column in columns:
        alike.setdefault(column.heading, []).append(column)
    return [
        replace(column, heading=f"{column.heading} ({_own(column, alike[column.heading])})")
        if len(alike[column.heading]) > 1
        else column
        for column in columns
    ]


def _own(column: Column, others: Sequence[Column]) -> str:
    """Return what of a column's protocol is not the same in all columns of its metric."""
    return ", ".join(
        f"{key}={value}"
        for key, value in column.protocol.items()
        if any(other.protocol.get(key) != value for other in others)
    )
