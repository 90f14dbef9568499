"""Scores of a set of translated against a set of real thermal images, by their features."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from zoo.contracts import SetMetric
from zoo.errors import DataError, ZooError

from .intervals import jackknife_interval
from .results import Score


class Features:
    """Features of translated and of real images, extracted once for all the metrics that share an extractor.

    Args:
        metrics: metrics by the name that their score bears.
    """

    def __init__(self, metrics: Mapping[str, SetMetric]) -> None:
        self.metrics = metrics
        self._extractors = {metric.extractor: metric for metric in metrics.values()}
        self._translated: dict[str, list[Tensor]] = {name: [] for name in self._extractors}
        self._real: dict[str, list[Tensor]] = {name: [] for name in self._extractors}

    def add_translated(self, images: Tensor) -> None:
        """Take features of translated images, grey [N, 1, H, W] in [0, 1]."""
        self._add(self._translated, images)

    def add_real(self, images: Tensor) -> None:
        """Take features of real thermal images, grey [N, 1, H, W] in [0, 1]."""
        self._add(self._real, images)

    def scores(self, shared: Mapping[str, Any], *, paired: bool, level: float) -> list[Score]:
        """Return one score a metric, in the order of the metrics.

        Args:
            shared: the part of the protocol that all metrics share.
            paired: whether the n-th translated and the n-th real image show the same view, so that intervals leave out both.
            level: confidence of the intervals.

        Raises:
            DataError: a set has fewer than two images.
            ZooError: a metric's value is not finite.
        """
        return [self._score(name, shared, paired=paired, level=level) for name in self.metrics]

    def _add(self, features: dict[str, list[Tensor]], images: Tensor) -> None:
        for name, metric in self._extractors.items():
            features[name].append(metric.features(images))

    def _score(self, name: str, shared: Mapping[str, Any], *, paired: bool, level: float) -> Score:
        metric = self.metrics[name]
        translated, real = (torch.cat(features[metric.extractor]) for features in (self._translated, self._real))
        if min(len(translated), len(real)) < 2:
            raise DataError(
                f"{name} compares sets of images, and the test split has {len(translated)} visible and {len(real)} "
                "thermal ones",
                "Test on more images, or leave the metric out",
            )
        value = metric.distance(translated, real)
        if not math.isfinite(value):
            raise ZooError(f"Metric {name} gave no finite value", "Leave the metric out")
        interval = jackknife_interval(value, *_samples(metric, translated, real, paired=paired), level=level)
        return Score(
            metric=name,
            value=value,
            n=len(translated),
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            level=level,
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            protocol={**shared, "real_images": len(real), **metric.protocol()},
            per_image={},
            interval="jackknife",
            notes=metric.notes(min(len(translated), len(real)), translated.shape[1]),
        )


def _samples(
    metric: SetMetric, translated: Tensor, real: Tensor, *, paired: bool
) -> tuple[list[Callable[[slice], float]], list[int]]:
    """Return, for each independent sample, the distance without some of its images, and the sample's size."""

    def distance(without: slice, *, of_translated: bool, of_real: bool) -> float:
        left = _without(translated, without) if of_translated else translated
        return metric.distance(left, _without(real, without) if of_real else real)

    if paired:
        return [partial(distance, of_translated=True, of_real=True)], [len(real)]
    return [
        partial(distance, of_translated=True, of_real=False),
        partial(distance, of_translated=False, of_real=True),
    ], [len(translated), len(real)]


def _without(features: Tensor, without: slice) -> Tensor:
    return torch.cat([features[: without.start], features[without.stop :]])
