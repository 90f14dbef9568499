"""Puts the report together: what the template is told of each group of runs, and the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.layout import DatasetInfo
from zoo.report.html.commands import row_command
from zoo.report.html.facts import Facts, dataset_facts, dataset_info, environments, run_facts
from zoo.report.html.plots import Curve, Point, curve_panel, scatter_panel
from zoo.report.html.runs import Entry, Group, group_entries
from zoo.report.html.samples import BUDGET, Samples, samples_of
from zoo.report.html.table import COSTS, Column, Row, metric_columns, table_rows
from zoo.report.naming import length_text
from zoo.training.log import LOG, LogEntry, read_log
from zoo.version import __version__

CYCLE = {
    "cycle_A": "cycle_A: visible to thermal and back",
    "cycle_B": "cycle_B: thermal to visible and back",
}
"""Titles of the terms that the papers plot (figures 6 and 7); other terms bear their own names."""


CURVES = 100
"""Most runs of a dataset whose loss curves are drawn: more cannot be told apart in one panel."""


@dataclass(frozen=True, kw_only=True)
class RunNotes:
    """What the page says of one run below the plots."""

    entry: Entry
    seed: str
    command: str
    facts: Facts
    tail: str
    """End of a failed cell's output."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """All that the page shows of one group."""

    anchor: str
    title: str
    caption: str
    columns: list[Column]
    costs: tuple[str, ...]
    rows: list[Row]
    legend: list[Entry]
    samples: Samples
    cycles: list[str]
    """Plots of the cycle losses."""
    losses: list[str]
    """Plots of the other terms."""
    scatters: list[str]
    dataset: Facts
    health: str
    """What stands of the dataset under the table."""
    left_out: list[tuple[str, int]]
    """Reasons for which an importer left files out, and how many."""
    runs: list[RunNotes]


def render(entries: Sequence[Entry], title: str = "") -> str:
    """Return the page; the text of records is escaped, and the page's own policy forbids any request."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    groups = group_entries(entries)
    sections = [_section(number, group, BUDGET // len(groups)) for number, group in enumerate(groups)]
    loader = PackageLoader("zoo.report.html", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    finished = [entry.record.finished[:10] for entry in entries if entry.record]
    return environment.get_template("page.html.j2").render(
        title=title or "Visible to thermal: benchmark report",
        sections=sections,
        environments=environments(entries),
        finished=len(finished),
        failed=len(entries) - len(finished),
        dates=" to ".join(dict.fromkeys((min(finished), max(finished)))) if finished else "",
        version=__version__,
    )


def _section(number: int, group: Group, budget: int) -> Section:
    columns = metric_columns(group)
    logs = {entry.anchor: read_log(entry.folder / LOG) for entry, _ in group.finished[:CURVES]}
    terms = list(dict.fromkeys(name for log in logs.values() for reading in log for name in reading.losses))
    cycles = [term for term in terms if "cycle" in term.rpartition("/")[2]]
    info = dataset_info(group)
    many_seeds = len({entry.recipe.seed for entry in group.entries}) > 1
    dataset = dataset_facts(group, info)
    return Section(
        anchor=f"data-{number}",
        title=group.title,
        caption=_caption(group, columns),
        columns=columns,
        costs=COSTS,
        rows=table_rows(group, columns),
        legend=[entries[0] for entries in group.systems.values()],
        samples=samples_of(group, budget, paired=_paired(columns, info)),
        cycles=[_curves(group, logs, term) for term in cycles],
        losses=[_curves(group, logs, term) for term in terms if term not in cycles],
        scatters=_scatters(group, columns),
        dataset=dataset,
        health=f"Dataset health: {dict(dataset)['health']}",
        left_out=Counter(file.reason for file in info.left_out).most_common(8) if info else [],
        runs=[_notes(entry, many_seeds) for entry in group.entries],
    )


def _paired(columns: Sequence[Column], info: DatasetInfo | None) -> bool:
    scores = (score for column in columns for score in column.scores.values())
    return info.pairs if info else any(score.per_image for score in scores)


def _caption(group: Group, columns: Sequence[Column]) -> str:
    lengths = ", ".join(dict.fromkeys(length_text(entry.recipe.budget) for entry in group.entries))
    scores = [score for column in columns for score in column.scores.values()]
    if not scores:
        return f"{lengths}; no scores: the test images are unpaired, or nothing finished"
    images = " or ".join(str(n) for n in sorted({score.n for score in scores}))
    intervals = " or ".join(dict.fromkeys(f"{score.level:.0%} {score.interval}" for score in scores))
    return f"{lengths}; {images} test images; below each score, its {intervals} interval"


def _curves(group: Group, logs: dict[str, list[LogEntry]], term: str) -> str:
    # Epochs where all runs count in them, as in the papers' figures.
    epochs = all(entry.recipe.budget.period > 1 for entry, _ in group.finished)
    curves = []
    drawn = [entry for entry, _ in group.finished if entry.anchor in logs]
    for entry in drawn:
        readings = [reading for reading in logs[entry.anchor] if np.isfinite(reading.losses.get(term, np.nan))]
        if readings:
            unit = entry.recipe.budget.period if epochs else 1
            steps = np.array([reading.step for reading in readings]) / unit
            values = np.array([reading.losses[term] for reading in readings])
            curves.append(Curve(steps=steps, values=values, style=entry.style))
    name = term.rpartition("/")[2]
    title = CYCLE.get(name, name)
    if len(drawn) < len(group.finished):
        title += f" (the first {len(drawn)} of {len(group.finished):,} runs)"
    return curve_panel(curves, title=title, across="epoch" if epochs else "step") if curves else ""


def _scatters(group: Group, columns: Sequence[Column]) -> list[str]:
    """Return each metric against speed and against memory, where at least two runs have both."""
    records = {entry.anchor: (entry, record) for entry, record in group.finished}
    on_device = all(record.peak_memory.get("device") for _, record in group.finished)
    whose = "device" if on_device else "host"
    plots = []
    for column in columns:
        direction = "higher" if column.higher_is_better else "lower"
        quality = f"{column.heading}, {direction} is better"
        costs: dict[str, dict[str, float | None]] = {
            "training speed [steps/s]": {a: r.timing.steps_per_second for a, (_, r) in records.items()},
            f"peak memory of the {'GPU' if on_device else 'process'} [GiB]": {
                anchor: (record.peak_memory.get(whose) or 0) / 2**30 for anchor, (_, record) in records.items()
            },
        }
        for cost, values in costs.items():
            points = [
                Point(cost=value, value=score.value, low=score.low, high=score.high, style=records[anchor][0].style)
                for anchor, score in column.scores.items()
                if (value := values[anchor])
            ]
            if len(points) > 1:
                plots.append(scatter_panel(points, quality=quality, cost=cost))
    return plots


def _notes(entry: Entry, many_seeds: bool) -> RunNotes:
    record = entry.record
    return RunNotes(
        entry=entry,
        seed=f"seed {entry.recipe.seed}" if many_seeds else "",
        command=row_command(record) if record else "",
        facts=run_facts(entry, record) if record else [("failed", entry.failure.reason if entry.failure else "")],
        tail=entry.failure.tail if entry.failure else "",
    )
