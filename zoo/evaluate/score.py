"""Scores of translated against real thermal images over a test split, per image or per set of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.contracts import Batch, ClassMetric, Compared, Metric, ReadingMetric, SetMetric, SplitMetric
from zoo.data.layout import DatasetInfo
from zoo.data.scored import FilePairs, Predicted
from zoo.data.store import PairStore, on_device
from zoo.data.streaming import StreamedStore
from zoo.errors import DataError, UsageError, ZooError
from zoo.layers.pixels import as_saved, to_levels, to_unit

from .intervals import bootstrap_interval, pool
from .reading import Breakdown, SplitItems, reads_of, require_entries
from .results import LEFT_OUT, METRIC_READS, Pooling, Score
from .sets import FeatureSets

LEVEL = 0.95
"""Confidence of every score's interval."""
SAMPLES = 8
"""Most images that `evaluate` returns for the sample sheet."""
_IMAGES: dict[Compared, str] = {
    "grey": "8-bit grey; 3 channels by BT.601",
    "channels": "8-bit, every channel",
    "celsius": "degrees Celsius, not rounded",
}
"""The images that a metric compares, as its protocol names them."""

ImageMetric = Metric | ReadingMetric
AnyMetric = ImageMetric | SplitMetric | SetMetric
Split = PairStore | StreamedStore
Translate = Callable[[Batch], Tensor]
Degrees = Callable[[Batch, Tensor], Tensor]
OnImages = Callable[[int, int], None]
"""Called with the number of images that are scored and of all."""


class Sample(NamedTuple):
    """One test image as it would be saved: uint8, `visible` [H, W, 3] or None where it is not known, the others [H, W]."""

    visible: NDArray[np.uint8] | None
    translated: NDArray[np.uint8]
    real: NDArray[np.uint8]


def evaluate(
    translate: Translate,
    store: Split | FilePairs | Predicted,
    metrics: Mapping[str, AnyMetric],
    *,
    device: torch.device | str,
    batch: int = 1,
    mode: str = "eval",
    reads: Sequence[str] = ("visible",),
    degrees: Degrees | None = None,
    protocol: Mapping[str, Any] | None = None,
    info: DatasetInfo | None = None,
    on_images: OnImages = lambda done, total: None,
) -> tuple[list[Score], dict[str, Sample]]:
    """Translate the test split in order and score it; images are compared as they would be saved (`zoo.layers.pixels`).

    Args:
        translate: maps a batch to thermal images [N, C, H, W] in [-1, 1].
        store: the test split; batches with `visible` [N, 3, H, W] and `thermal` [N, C, H, W] in [-1, 1].
        metrics: metrics by the name of their score.
        device: where to translate and score.
        batch: batch size; it changes scores only for networks in train mode.
        mode: mode of the networks, for the protocol; `train` keeps dropout and batch statistics active.
        reads: batch entries that `translate` reads, for the protocol; a method with additional inputs has an easier task.
        degrees: maps a batch and its translation to degrees Celsius [N, 1, H, W], for metrics that compare degrees.
        protocol: entries of every score's protocol that differ from those of a trained method on a test split.
        info: of the dataset, whose groups and class names `Score.groups` uses.
        on_images: called at the start and after each batch.

    Returns:
        One score per metric, in the order of `metrics`, and up to eight samples by stem, evenly spaced over the split.

    Raises:
        DataError: the split is empty or unpaired, or lacks the degrees that a metric compares or an entry that it reads.
        UsageError: a translation differs in size from the real image, or thermal images do not have 1 or 3 channels.
        ZooError: a translation or a metric's value is not finite.
    """
    if not len(store):
        raise DataError("the test split has no images to score", "Use a dataset with a test split")
    breakdown = Breakdown(info)
    single = {name: metric for name, metric in metrics.items() if not isinstance(metric, SetMetric | SplitMetric)}
    items = SplitItems({name: each for name, each in metrics.items() if isinstance(each, SplitMetric)}, breakdown)
    features = FeatureSets({name: metric for name, metric in metrics.items() if isinstance(metric, SetMetric)})
    values: dict[str, dict[str, float]] = {name: {} for name in single}
    samples: dict[str, Sample] = {}
    every = -(-len(store) // SAMPLES)
    shared: dict[str, Any] = {}
    on_images(0, len(store))
    for start in range(0, len(store), batch):
        indices = range(start, min(start + batch, len(store)))
        stems = [store.stems[i] for i in indices]
        pairs = on_device(store.whole(torch.tensor(indices)), device)
        if "thermal" not in pairs:
            raise DataError("the test images are not pairs, and this metric compares pairs", "Test on a paired dataset")
        translated, real = _translated(translate, pairs, stems), pairs["thermal"]
        shared = shared_protocol(real.shape[-2], real.shape[-1], mode, reads) | dict(protocol or {})
        breakdown.add_batch(pairs, stems)
        for name, metric in {**single, **items.metrics}.items():
            require_entries(name, metric, pairs)
            images = _compared_images(metric, pairs, translated, degrees)
            if isinstance(metric, SplitMetric):
                items.add(name, images, pairs)
                continue
            values[name].update(zip(stems, _per_image(metric, images, pairs), strict=True))
            if isinstance(metric, ClassMetric):
                breakdown.add_classes(name, metric, images, pairs)
        features.add("translated", to_unit(as_saved(translated)))
        features.add("real", to_unit(as_saved(real)))
        for row, i in enumerate(indices):
            if i % every == 0:
                visible = pairs["visible"][row] if "visible" in pairs else None
                samples[stems[row]] = _sample(visible, translated[row], real[row])
        on_images(indices.stop, len(store))
    scores = {name: _score(name, metric, values[name], shared, breakdown) for name, metric in single.items()}
    scores |= {score.metric: score for score in items.scores(shared, level=LEVEL)}
    scores |= {score.metric: score for score in features.scores(shared, paired=True, level=LEVEL)}
    return [scores[name] for name in metrics], samples


def evaluate_unpaired(
    translate: Translate,
    store: Split,
    metrics: Mapping[str, SetMetric],
    *,
    device: torch.device | str,
    mode: str = "eval",
    reads: Sequence[str] = ("visible",),
    protocol: Mapping[str, Any] | None = None,
    on_images: OnImages = lambda done, total: None,
) -> tuple[list[Score], dict[str, Sample]]:
    """Translate an unpaired test split and compare it with the real thermal images as sets.

    Arguments, errors and return value are those of `evaluate`; a sample's real image shows another view.
    """
    features = FeatureSets(metrics)
    samples: dict[str, Sample] = {}
    shared: dict[str, Any] = {}
    every = -(-len(store) // SAMPLES)
    count = max(len(store), store.n_thermal) if metrics else len(store)
    on_images(0, count)
    for i in range(count):
        if not metrics and i % every:
            continue  # only the samples are needed
        index = torch.tensor([i])
        images = store.whole(index % len(store), index % store.n_thermal)
        images = on_device(images, device)
        real = images["thermal"]
        shared = shared_protocol(real.shape[-2], real.shape[-1], mode, reads) | dict(protocol or {})
        if i < store.n_thermal:
            features.add("real", to_unit(as_saved(real)))
        if i < len(store):
            translated = _translated(translate, images, [store.stems[i]])
            features.add("translated", to_unit(as_saved(translated)))
            if i % every == 0:
                samples[store.stems[i]] = _sample(images["visible"][0], translated[0], real[0])
        on_images(i + 1, count)
    return features.scores(shared, paired=False, level=LEVEL), samples


def shared_protocol(height: int, width: int, mode: str, reads: Sequence[str]) -> dict[str, Any]:
    """Return the part of the protocol that all metrics share, for images of this size."""
    return {
        "split": "test",
        "resize": f"{height}x{width} bicubic",
        "mode": mode,
        "reads": list(reads),
        "images": _IMAGES["grey"],
        "range": "the dataset's fixed linear thermal range to [0, 1]",
    }


def _translated(translate: Translate, pairs: Batch, stems: Sequence[str]) -> Tensor:
    """Return the batch's translations; refuse NaN and infinity, which 8-bit rounding would turn into a grey level."""
    with torch.inference_mode():
        images = translate(pairs)
    real = pairs["thermal"]
    if images.ndim != 4 or images[:, 0].shape != real[:, 0].shape:
        raise UsageError(
            f"the translation of {', '.join(stems)} has shape {list(images.shape)}, the real image {list(real.shape)}",
            "Use a `size` that the network's size multiple divides",
        )
    finite = images.isfinite().flatten(1).all(dim=1)
    if not finite.all():
        bad = ", ".join(stem for stem, good in zip(stems, finite.tolist(), strict=True) if not good)
        raise ZooError(f"the translation of {bad} has NaN or infinity", "Train with a lower learning rate or in fp32")
    return images


def _per_image(metric: ImageMetric, images: tuple[Tensor, Tensor], batch: Batch) -> list[float]:
    """Return the value of each image, NaN where a metric that reads entries does not apply to it."""
    if reads_of(metric):
        reading: Any = metric
        return cast(Tensor, reading.per_image(*images, batch)).tolist()
    return cast(Metric, metric).per_image(*images).tolist()


def _compared_images(
    metric: ImageMetric | SplitMetric, pairs: Batch, translated: Tensor, degrees: Degrees | None
) -> tuple[Tensor, Tensor]:
    """Return translated and real images as the metric compares them."""
    if metric.compares == "celsius":
        if degrees is None or "celsius" not in pairs:
            raise DataError(
                f"{metric.name} compares degrees Celsius, and the test set is not calibrated in degrees",
                "Test on radiometric data with a thermal range",
            )
        return degrees(pairs, translated), pairs["celsius"]
    as_file = as_saved if metric.compares == "grey" else to_levels
    return to_unit(as_file(translated)), to_unit(as_file(pairs["thermal"]))


def _score(
    name: str, metric: ImageMetric, per_image: dict[str, float], shared: dict[str, Any], breakdown: Breakdown
) -> Score:
    reads, images = reads_of(metric), len(per_image)
    if reads:
        per_image = {stem: value for stem, value in per_image.items() if not np.isnan(value)}
        shared = {**shared, METRIC_READS: list(reads), LEFT_OUT: images - len(per_image)}
    if not per_image:
        raise DataError(f"{name} applies to none of the {images} test images", "Remove the metric, or use other data")
    values = list(per_image.values())
    if not np.isfinite(values).all():
        bad = ", ".join(stem for stem, value in per_image.items() if not np.isfinite(value))
        raise ZooError(f"Metric {name} gave no finite value for {bad}", "Remove the metric, or limit its values")
    notes = [f"It does not apply to {shared[LEFT_OUT]} of {images} images"] if shared.get(LEFT_OUT) else []
    notes += ["no interval from one image"] if len(values) == 1 else []
    pooling: Pooling = getattr(metric, "pooling", "mean")
    low, high = bootstrap_interval(values, level=LEVEL, pooling=pooling)
    return Score(
        metric=name,
        value=float(pool(values, pooling)),
        n=len(values),
        low=low,
        high=high,
        level=LEVEL,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        protocol={**shared, "images": _IMAGES[metric.compares], **metric.protocol()},
        per_image=per_image,
        groups=breakdown.of(name, per_image, pooling),
        notes=notes,
        pooling=pooling,
    )


def _sample(visible: Tensor | None, translated: Tensor, real: Tensor) -> Sample:
    thermal = (as_saved(image[None])[0, 0].cpu().numpy() for image in (translated, real))
    return Sample(None if visible is None else to_levels(visible).permute(1, 2, 0).cpu().numpy(), *thermal)
