"""Scores a trained method on the test split of a dataset."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.contracts import Batch, Method, SetMetric
from zoo.data.layout import DatasetInfo
from zoo.data.store import PairStore, on_device
from zoo.data.streaming import open_split
from zoo.evaluate.celsius import DegreeErrors
from zoo.evaluate.cost import measure_cost
from zoo.evaluate.reading import entries_of
from zoo.evaluate.results import OPTIONS, CelsiusErrors, Cost, Score
from zoo.evaluate.score import AnyMetric, Degrees, OnImages, Sample, Translate, evaluate, evaluate_unpaired
from zoo.keys import inference_values
from zoo.layers.pixels import shown_degrees
from zoo.recipe import Recipe, Validation


class Measured(NamedTuple):
    """What a scoring measured."""

    scores: list[Score]
    samples: dict[str, Sample]
    """By stem."""
    celsius: CelsiusErrors | None = None
    """Errors in degrees; None if the dataset has no pairs or no calibration."""


def score_method(
    method: Method,
    recipe: Recipe,
    info: DatasetInfo,
    root: Path,
    metrics: Mapping[str, AnyMetric],
    device: torch.device,
    *,
    split: str = "test",
    on_images: OnImages = lambda done, total: None,
) -> Measured:
    """Return the scores of the test split; an unpaired split has no metric of single images.

    Args:
        method: with its trained weights; it is moved to the device.
        recipe: of the method.
        info, root: of the dataset.
        metrics: by the names of their scores.
        device: where images are translated.
        split: of the dataset.
        on_images: as of `evaluate`.

    Raises:
        ZooError: translations are not finite.
    """
    store = _test_split(method, recipe, root, device, split, entries_of(info, metrics.values()))
    protocol = {"split": split, **selection(recipe.validation), **options_entry(recipe)}
    degrees = None
    if info.pairs and "celsius" in info.offers and info.thermal_range:
        degrees = DegreeErrors(method, info.classes, info.thermal_range)
    translate = degrees.translate if degrees else method.translate
    scores, samples = evaluate_method(
        method, recipe, info, store, metrics, device, translate=translate, protocol=protocol, on_images=on_images
    )
    return Measured(scores, samples, degrees.errors if degrees else None)


def evaluate_method(
    method: Method,
    recipe: Recipe,
    info: DatasetInfo,
    store: PairStore,
    metrics: Mapping[str, AnyMetric],
    device: torch.device,
    *,
    translate: Translate | None = None,
    protocol: Mapping[str, Any] | None = None,
    on_images: OnImages = lambda done, total: None,
) -> tuple[list[Score], dict[str, Sample]]:
    """Return the scores and the first translations of a method that is on the device, in the mode in which it translates.

    See `evaluate` for the arguments, of which `translate` is by default the method's; an unpaired split has no metric of single
    images.
    """
    translate, mode, reads = translate or method.translate, method.test_mode, list(recipe.reads())
    if not info.pairs:
        sets = {name: metric for name, metric in metrics.items() if isinstance(metric, SetMetric)}
        return evaluate_unpaired(
            translate,
            store,
            sets,
            device=device,
            mode=mode,
            reads=reads,
            protocol=protocol,
            on_images=on_images,
        )
    with torch.no_grad():
        return evaluate(
            translate,
            store,
            metrics,
            device=device,
            mode=mode,
            reads=reads,
            degrees=degrees_of(method, info),
            protocol=protocol,
            info=info,
            on_images=on_images,
        )


def degrees_of(method: Method, info: DatasetInfo) -> Degrees | None:
    """Return what gives a method's degrees, by default those of its image on the thermal range; None without such a range."""
    thermal_range = info.thermal_range
    if thermal_range is None:
        return None

    def degrees(batch: Batch, translated: Tensor) -> Tensor:
        own = method.degrees(batch)
        return own if own is not None else shown_degrees(translated, thermal_range)

    return degrees


def selection(plan: Validation | None) -> dict[str, str]:
    """Return what the protocol of a score says of weights that were chosen by their score on validation images."""
    if plan is None or plan.keep != "best":
        return {}
    return {"weights": f"selected on validation: {plan.metric.name.rpartition('/')[2]} on {plan.images}"}


def options_entry(recipe: Recipe) -> dict[str, Any]:
    """Return the protocol's entry of the options that only translation reads, with the SHA-256 of files; none without such."""
    options = {place.partition(".")[2]: value for place, value in inference_values(recipe).items()}
    return {OPTIONS: options} if options else {}


def score_cost(method: Method, recipe: Recipe, root: Path, device: torch.device) -> Cost:
    """Return the cost of translating the first image of the test split."""
    store = _test_split(method, recipe, root, device, "test")
    batch = on_device(store.whole(torch.tensor([0])), device)
    return measure_cost(method, {name: value for name, value in batch.items() if name != "thermal"}, device)


def _test_split(
    method: Method, recipe: Recipe, root: Path, device: torch.device, split: str, reads: Collection[str] = ()
) -> PairStore:
    """Return the test images with the entries that are read, after putting the method into the mode in which it translates."""
    method.to(device).train(method.test_mode == "train")
    torch.manual_seed(recipe.seed)  # dropout, where the method keeps it on, is the same in every scoring
    return open_split(
        root,
        split,
        size=recipe.size,
        device=device,
        thermal_channels=recipe.thermal_channels,
        reads=recipe.entries().union(reads),
    )
