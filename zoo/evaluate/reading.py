"""Scores that read more of a batch than the two thermal images: by class, by group, and of what is collected over the split."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from zoo.contracts import Batch, ClassMetric, SplitMetric
from zoo.data.layout import DatasetInfo
from zoo.errors import DataError, ZooError

from .intervals import jackknife_interval, pool
from .results import METRIC_READS, GroupScore, Pooling, Score


def reads_of(metric: object) -> tuple[str, ...]:
    """Return the entries of the batch that a metric reads; empty where it receives translated and real images only."""
    return tuple(getattr(metric, "reads", ()))


def entries_of(info: DatasetInfo, metrics: Iterable[object]) -> set[str]:
    """Return the entries to load for a scoring: the groups of images, and what metrics or their contracts read."""
    groups = {entry.name for entry in info.entries if entry.kind == "group"}
    return groups.union(*map(reads_of, metrics))


def require_entries(name: str, metric: object, batch: Batch) -> None:
    """Require the entries that a metric reads.

    Raises:
        DataError: the test split lacks one.
    """
    missing = [entry for entry in reads_of(metric) if entry not in batch]
    if missing:
        offered = ", ".join(sorted(batch))
        raise DataError(
            f"{name} reads {', '.join(missing)}, and the test images have {offered}", "Use data that has it"
        )


class Breakdown:
    """Values of each image by class and the groups of images, for the means of `Score.groups`.

    Args:
        info: of the dataset; None: no groups.
    """

    def __init__(self, info: DatasetInfo | None) -> None:
        self._info = info
        self._entries = [entry.name for entry in info.entries if entry.kind == "group"] if info else []
        self._groups: dict[str, dict[str, str]] = {entry: {} for entry in self._entries}
        self._classes: dict[str, dict[str, list[float]]] = {}
        self._by: dict[str, str] = {}

    def classes(self, metric: ClassMetric | SplitMetric) -> tuple[str, ...]:
        """Return the class names that a metric scores by."""
        return self._info.classes_of(metric.by) if self._info else ()

    def add_batch(self, batch: Batch, stems: Sequence[str]) -> None:
        """Note the groups of a batch's images."""
        for entry in self._entries:
            if entry in batch:
                self._groups[entry].update(zip(stems, batch[entry], strict=True))

    def add_classes(self, name: str, metric: ClassMetric, images: tuple[Tensor, Tensor], batch: Batch) -> None:
        """Add a metric's values by class for a batch of translated and real images."""
        classes = self.classes(metric)
        self._by[name] = metric.by
        found = self._classes.setdefault(name, {each: [] for each in classes})
        for row in metric.per_class(*images, batch, classes).tolist():
            for each, value in zip(classes, row, strict=True):
                if not math.isnan(value):
                    found[each].append(value)

    def of(
        self, name: str, per_image: Mapping[str, float], pooling: Pooling = "mean"
    ) -> dict[str, dict[str, GroupScore]]:
        """Return the means of a metric with these values by group and by class; those without an image are absent."""
        found = {}
        for entry, groups in self._groups.items():
            values: dict[str, list[float]] = {group: [] for group in sorted(set(groups.values()))}
            for stem, value in per_image.items():
                if stem in groups:
                    values[groups[stem]].append(value)
            found[entry] = _means(values, pooling)
        if name in self._classes:
            found[self._by[name]] = _means(self._classes[name], pooling)
        return {entry: means for entry, means in found.items() if means}


class SplitItems:
    """What metrics of a whole split collect of each image.

    Args:
        metrics: metrics by the name of their score.
        breakdown: has the class names of the dataset.
    """

    def __init__(self, metrics: Mapping[str, SplitMetric], breakdown: Breakdown) -> None:
        self.metrics, self._breakdown = metrics, breakdown
        self._items: dict[str, list[Any]] = {name: [] for name in metrics}

    def add(self, name: str, images: tuple[Tensor, Tensor], batch: Batch) -> None:
        """Collect from a batch of translated and real images."""
        metric = self.metrics[name]
        self._items[name] += metric.collect(*images, batch, self._breakdown.classes(metric))

    def scores(self, shared: Mapping[str, Any], *, level: float) -> list[Score]:
        """Return one score per metric; its interval is by jackknife, where every part of the split has a value.

        Raises:
            ZooError: a metric has no finite value.
        """
        return [self._score(name, metric, shared, level) for name, metric in self.metrics.items()]

    def _score(self, name: str, metric: SplitMetric, shared: Mapping[str, Any], level: float) -> Score:
        items = self._items[name]
        value = metric.value(items)
        if not math.isfinite(value):
            raise ZooError(f"Metric {name} gave no finite value", "Remove the metric, or use data to which it applies")
        low, high = jackknife_interval(
            value, [lambda group: metric.value(items[: group.start] + items[group.stop :])], [len(items)], level=level
        )
        known = low is not None and math.isfinite(low)
        return Score(
            metric=name,
            value=value,
            n=len(items),
            low=low if known else None,
            high=high if known else None,
            level=level,
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            protocol={**shared, METRIC_READS: list(metric.reads), **metric.protocol()},
            per_image={},
            interval="jackknife",
        )


def _means(values: Mapping[str, Sequence[float]], pooling: Pooling) -> dict[str, GroupScore]:
    return {
        name: GroupScore(value=float(pool(list(some), pooling)), n=len(some)) for name, some in values.items() if some
    }
