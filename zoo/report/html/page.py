"""Renders the report: the template's variables for each group of runs, and the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.layout import DatasetInfo
from zoo.errors import UsageError
from zoo.files import require_writable, write_atomically
from zoo.report.finished_runs import split_of
from zoo.report.html.commands import row_command
from zoo.report.html.facts import dataset_facts, dataset_info, environments, run_facts
from zoo.report.html.plots import Curve, Point, curve_panel, scatter_panel
from zoo.report.html.rows import sort_runs, value_tables
from zoo.report.html.runs import DatasetRuns, ReportedRun, group_runs, read_runs
from zoo.report.html.samples import BUDGET, samples_of
from zoo.report.html.table import COSTS, MetricColumn, cost_texts, metric_columns
from zoo.report.naming import is_baseline, length_text, shared_options
from zoo.report.render import template_environment
from zoo.training.log import LOG, LogEntry, read_log
from zoo.version import __version__

CYCLE = {
    "cycle_A": "cycle_A: visible to thermal and back",
    "cycle_B": "cycle_B: thermal to visible and back",
}
"""Titles of the terms that the papers plot (figures 6 and 7); other terms have their own names."""
CURVES = 100
"""Most runs of a dataset whose loss curves are drawn in one panel."""


def write_report(
    results: Path, page: Path, *, title: str = "", on_warning: Callable[[str], None] = lambda line: None
) -> int:
    """Write the report of a results folder as one HTML file without network requests, and return its size in bytes.

    Args:
        results: folder that `zoo bench` wrote to, or one run's folder.
        page: file to write.
        title: heading; by default a general one.
        on_warning: called with one line for each damaged file of a run.

    Raises:
        UsageError: there is nothing to report, `page` is a folder, or its folder cannot be written.
        ZooError: no record can be read, or the disk is full.
    """
    if page.is_dir():
        raise UsageError(f"`{page}` is a folder", "Name a file, e.g. report.html")
    require_writable(page.parent)
    runs, warnings = read_runs(results)
    for warning in warnings:
        on_warning(warning)
    content = render(runs, title).encode()
    write_atomically(page, content)
    return len(content)


def render(runs: Sequence[ReportedRun], title: str = "") -> str:
    """Return the page; the text of records is escaped, and the page's content security policy forbids any request."""
    groups = group_runs(runs)
    finished = [run.record.finished[:10] for run in runs if run.record]
    return (
        template_environment(autoescape=True)
        .get_template("page.html.j2")
        .render(
            title=title or "Visible to thermal: benchmark report",
            sections=[_section(group, BUDGET // len(groups)) for group in groups],
            environments=environments(runs),
            finished=len(finished),
            failed=len(runs) - len(finished),
            dates=" to ".join(dict.fromkeys((min(finished), max(finished)))) if finished else "",
            version=__version__,
            cost_headings=COSTS,
            costs=cost_texts,
            command=row_command,
            run_facts=run_facts,
        )
    )


def _section(group: DatasetRuns, budget: int) -> dict[str, Any]:
    """Return the template's variables of a group of runs."""
    group, first, differences = sort_runs(group)
    columns = metric_columns(group)
    logs = {run.anchor: read_log(run.folder / LOG) for run, _ in group.finished[:CURVES]}
    terms = list(dict.fromkeys(name for log in logs.values() for entry in log for name in entry.losses))
    cycles = [term for term in terms if "cycle" in term.rpartition("/")[2]]
    info = dataset_info(group)
    return {
        "group": group,
        "caption": _caption(group, columns),
        "many_seeds": len({run.recipe.seed for run in group.runs}) > 1,
        "columns": columns,
        "best": [column.best(group) for column in columns],
        "differences": differences,
        "difference_heading": f"{first} against the best null baseline",
        "value_tables": value_tables(group),
        "samples": samples_of(group, budget, paired=_paired(columns, info)),
        "cycles": [_curves(group, logs, term) for term in cycles],
        "losses": [_curves(group, logs, term) for term in terms if term not in cycles],
        "scatters": _scatters(group, columns),
        "dataset": dict(dataset_facts(group, info)),
        "left_out": Counter(file.reason for file in info.left_out).most_common(8) if info else [],
    }


def _paired(columns: Sequence[MetricColumn], info: DatasetInfo | None) -> bool:
    scores = (score for column in columns for score in column.scores.values())
    return info.pairs if info else any(score.per_image for score in scores)


def _caption(group: DatasetRuns, columns: Sequence[MetricColumn]) -> str:
    networks = [run.recipe.budget for run in group.runs if not is_baseline(run.recipe)]
    lengths = ", ".join(dict.fromkeys(map(length_text, networks))) or "null baselines"
    scores = [score for column in columns for score in column.scores.values()]
    if not scores:
        return f"{lengths}; no scores: the test images are unpaired, or no run finished"
    images = " or ".join(str(n) for n in sorted({score.n for score in scores}))
    splits = " or ".join(dict.fromkeys(split_of(record) for _, record in group.finished))
    intervals = " or ".join(dict.fromkeys(f"{score.level:.0%} {score.interval}" for score in scores))
    options = shared_options([run.recipe for run in group.runs])
    more = f"; options that are not the defaults: {options}" if options else ""
    return f"{lengths}; {images} {splits} images; below each score, its {intervals} interval{more}"


def _curves(group: DatasetRuns, logs: Mapping[str, Sequence[LogEntry]], term: str) -> str:
    # In epochs if all runs count epochs, as in the papers' figures.
    epochs = all(run.recipe.budget.period > 1 for run, _ in group.finished)
    drawn = [run for run, _ in group.finished if run.anchor in logs]
    curves = []
    for run in drawn:
        entries = [entry for entry in logs[run.anchor] if np.isfinite(entry.losses.get(term, np.nan))]
        if entries:
            steps = np.array([entry.step for entry in entries]) / (run.recipe.budget.period if epochs else 1)
            values = np.array([entry.losses[term] for entry in entries])
            curves.append(Curve(steps=steps, values=values, style=run.style))
    name = term.rpartition("/")[2]
    title = CYCLE.get(name, name)
    if len(drawn) < len(group.finished):
        title += f" (the first {len(drawn)} of {len(group.finished):,} runs)"
    return curve_panel(curves, title=title, xlabel="epoch" if epochs else "step") if curves else ""


def _scatters(group: DatasetRuns, columns: Sequence[MetricColumn]) -> list[str]:
    """Return each metric against each cost that at least two runs have: of a translation on each device, and of the training."""
    on_device = all(record.peak_memory.get("device") for _, record in group.finished)
    memory = "device" if on_device else "host"
    measured = {run.anchor: record.cost for run, record in group.finished if record.cost}
    costs: dict[str, dict[str, float | None]] = {
        f"latency per image [ms], {device}": {
            anchor: cost.latency_ms for anchor, cost in measured.items() if cost.device == device
        }
        for device in dict.fromkeys(cost.device for cost in measured.values())
    }
    costs |= {
        "operations per image [GFLOP]": {anchor: cost.flops / 1e9 for anchor, cost in measured.items()},
        "training speed [steps/s]": {run.anchor: record.timing.steps_per_second for run, record in group.finished},
        f"peak memory of the {'GPU' if on_device else 'process'} [GiB]": {
            run.anchor: (record.peak_memory.get(memory) or 0) / 2**30 for run, record in group.finished
        },
    }
    styles = {run.anchor: run.style for run in group.runs}
    plots = []
    for column in columns:
        quality = f"{column.heading}, {'higher' if column.higher_is_better else 'lower'} is better"
        for cost, values in costs.items():
            points = [
                Point(cost=value, value=score.value, low=score.low, high=score.high, style=styles[anchor])
                for anchor, score in column.scores.items()
                if (value := values.get(anchor))
            ]
            if len(points) > 1:
                plots.append(scatter_panel(points, quality=quality, cost=cost))
    return plots
