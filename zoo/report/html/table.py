"""The columns of the report's table: one per metric and protocol, then the costs. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import stdev
from typing import Any

import msgspec

from zoo.evaluate.intervals import pool
from zoo.evaluate.results import Cost, Score, decimals, metric_heading
from zoo.records.record import Record
from zoo.registry import get_registry
from zoo.report.aggregate import measurement_protocol
from zoo.report.html.runs import DatasetRuns, ReportedRun
from zoo.text_layout import count_text

COSTS = ("parameters", "translation", "training", "peak memory", "reads")
"""Columns after the metrics; `reads` are the method's inputs."""


@dataclass(frozen=True, kw_only=True)
class MetricColumn:
    """Scores of one metric under one protocol."""

    heading: str
    unit: str
    higher_is_better: bool
    protocol: dict[str, Any]
    """Without the method's own entries."""
    scores: dict[str, Score]
    """By the run's anchor."""

    def text(self, value: float | None) -> str:
        """Return a value with the decimals of the results table; empty for None."""
        return "" if value is None else f"{value:.{decimals(self.unit, value)}f}"

    def values(self, runs: Sequence[ReportedRun]) -> list[float]:
        """Return the values of those runs that have a score."""
        return [self.scores[run.anchor].value for run in runs if run.anchor in self.scores]

    def mean(self, runs: Sequence[ReportedRun]) -> tuple[str, str]:
        """Return the value of two or more runs together and their standard deviation; empty for fewer."""
        values = self.values(runs)
        if len(values) < 2:
            return "", ""
        mean = self._pooled(values)
        return self.text(mean), f"± {stdev(values):.{decimals(self.unit, mean)}f}"

    def best(self, group: DatasetRuns) -> str | None:
        """Return the system with the best value over its seeds, None if there is only one."""
        means = {label: self._pooled(values) for label, runs in group.systems.items() if (values := self.values(runs))}
        choose = max if self.higher_is_better else min
        return choose(means, key=lambda label: means[label]) if len(means) > 1 else None

    def _pooled(self, values: Sequence[float]) -> float:
        """Return one value for several seeds, as `zoo table` does: for a pooled PSNR that of the mean squared error."""
        return float(pool(values, next(iter(self.scores.values())).pooling))


def metric_columns(group: DatasetRuns) -> list[MetricColumn]:
    """Return the metrics of a group of runs; a metric with two protocols has two columns."""
    columns: dict[tuple[str, bytes], MetricColumn] = {}
    for run, record in group.finished:
        for score in record.scores:
            protocol = measurement_protocol(score)
            key = (score.metric, msgspec.json.encode(protocol, order="deterministic"))
            if key not in columns:
                columns[key] = MetricColumn(
                    heading=metric_heading(score.metric, score.unit),
                    unit=score.unit,
                    higher_is_better=score.higher_is_better,
                    protocol=protocol,
                    scores={},
                )
            columns[key].scores[run.anchor] = score
    return [_with_differences(column, list(columns.values())) for column in columns.values()]


def cost_texts(record: Record) -> list[tuple[str, str, str]]:
    """Return heading, text and small print of each of the `COSTS`; unknown ones and a null baseline's training are empty."""
    trained = record.recipe.method.name not in get_registry().null_baselines()
    speed = record.timing.steps_per_second
    device, host = record.peak_memory.get("device"), record.peak_memory.get("host")
    memory, cost = device or host, record.cost
    parameters = record.parameters.get("translation")
    passes = f"{cost.flops / 1e9:.3g} GFLOP, {passes_text(cost)}" if cost and cost.passes else ""  # none in a baseline
    reads = record.scores[0].protocol.get("reads", ()) if record.scores else ()
    texts = (
        (count_text(parameters) if parameters or (trained and parameters is not None) else "", ""),
        (f"{cost.latency_ms:.3g} ms", passes) if cost else ("", ""),
        (duration_text(record.timing.train_seconds), f"{speed:.3g} steps/s" if speed else "") if trained else ("", ""),
        (f"{memory / 2**30:.2f} GiB", "GPU" if device else "process") if memory else ("", ""),
        (", ".join(reads), ""),
    )
    return [(heading, *text) for heading, text in zip(COSTS, texts, strict=True)]


def passes_text(cost: Cost) -> str:
    """Return e.g. `1 pass`, `50 passes`."""
    return f"{cost.passes} pass{'es' * (cost.passes != 1)}"


def duration_text(seconds: float) -> str:
    """Return e.g. `42 s`, `3 min 20 s`, `5 h 12 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole // 60 % 60} min"


def _with_differences(column: MetricColumn, columns: Sequence[MetricColumn]) -> MetricColumn:
    """Return a column whose heading contains the protocol entries that differ from those of the same metric's others."""
    others = [other for other in columns if other.heading == column.heading]
    differing = ", ".join(
        f"{key}={value}"
        for key, value in column.protocol.items()
        if any(other.protocol.get(key) != value for other in others)
    )
    return replace(column, heading=f"{column.heading} ({differing})") if len(others) > 1 else column
