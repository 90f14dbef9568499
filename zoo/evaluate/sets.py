"""Distances between a set of translated and a set of real thermal images, from their features."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from zoo.contracts import SetMetric
from zoo.errors import DataError, ZooError

from .intervals import jackknife_interval
from .results import Score

Side = Literal["translated", "real"]


class FeatureSets:
    """Features of translated and of real images, extracted once for all metrics that share an extractor.

    Args:
        metrics: metrics by the name of their score.
    """

    def __init__(self, metrics: Mapping[str, SetMetric]) -> None:
        self.metrics = metrics
        self._extractors = {metric.extractor: metric for metric in metrics.values()}
        self._features: dict[Side, dict[str, list[Tensor]]] = {
            side: {name: [] for name in self._extractors} for side in get_args(Side)
        }

    def add(self, side: Side, images: Tensor) -> None:
        """Add the features of translated or real thermal images, grey [N, 1, H, W] in [0, 1]."""
        for name, metric in self._extractors.items():
            self._features[side][name].append(metric.features(images))

    def scores(self, shared: Mapping[str, Any], *, paired: bool, level: float) -> list[Score]:
        """Return one score per metric, in the order of the metrics.

        Args:
            shared: the part of the protocol that all metrics share.
            paired: whether the n-th translated and n-th real image show the same view; the jackknife then leaves out both.
            level: confidence of the intervals.

        Raises:
            DataError: a set has fewer than two images.
            ZooError: a metric's value is not finite.
        """
        return [self._score(name, shared, paired=paired, level=level) for name in self.metrics]

    def _score(self, name: str, shared: Mapping[str, Any], *, paired: bool, level: float) -> Score:
        metric = self.metrics[name]
        translated, real = (torch.cat(features[metric.extractor]) for features in self._features.values())
        if min(len(translated), len(real)) < 2:
            raise DataError(
                f"{name} compares sets of images, and the test split has {len(translated)} visible and {len(real)} "
                "thermal images; at least 2 of each are required",
                "Use a larger test split, or remove the metric",
            )
        value = metric.distance(translated, real)
        if not math.isfinite(value):
            raise ZooError(f"Metric {name} gave no finite value", "Remove the metric")
        estimates = _leave_out_distances(metric, translated, real, paired=paired)
        sizes = [len(real)] if paired else [len(translated), len(real)]
        low, high = jackknife_interval(value, estimates, sizes, level=level)
        return Score(
            metric=name,
            value=value,
            n=len(translated),
            low=low,
            high=high,
            level=level,
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            protocol={**shared, "real_images": len(real), **metric.protocol()},
            per_image={},
            interval="jackknife",
            notes=metric.notes(min(len(translated), len(real)), translated.shape[1]),
        )


def _leave_out_distances(
    metric: SetMetric, translated: Tensor, real: Tensor, *, paired: bool
) -> list[Callable[[slice], float]]:
    """Return one function per independent sample: the distance without some of the sample's images."""
    if paired:
        return [lambda group: metric.distance(_without(translated, group), _without(real, group))]
    return [
        lambda group: metric.distance(_without(translated, group), real),
        lambda group: metric.distance(translated, _without(real, group)),
    ]


def _without(features: Tensor, group: slice) -> Tensor:
    return torch.cat([features[: group.start], features[group.stop :]])
