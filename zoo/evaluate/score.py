"""Scores of translated against real thermal images over a test split, image by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.contracts import Batch, Metric
from zoo.errors import DataError, UsageError, ZooError

from .intervals import bootstrap_interval
from .results import Score

LEVEL = 0.95
"""Confidence of every score's interval."""
SAMPLES = 8
"""Images that `evaluate` hands back for the sample sheet."""
_LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey, ITU-R BT.601; what MATLAB's rgb2gray and Pillow's mode L use."""


class Split(Protocol):
    """The test images of a dataset, resized to the test size."""

    @property
    def stems(self) -> Sequence[str]:
        """One name an image, in the order of the indices."""

    def __len__(self) -> int: ...

    @property
    def n_thermal(self) -> int:
        """Number of thermal images."""

    def whole(self, index: Tensor, thermal_index: Tensor | None = None) -> Batch:
        """Return the uncropped pairs at these indices (int64 [N]), or visible images with other thermal ones."""


class Sample(NamedTuple):
    """One test image as it would be saved: uint8, `visible` [H, W, 3], the others [H, W]."""

    visible: NDArray[np.uint8]
    translated: NDArray[np.uint8]
    real: NDArray[np.uint8]


def evaluate(
    translate: Callable[[Batch], Tensor],
    store: Split,
    metrics: Mapping[str, Metric],
    *,
    device: torch.device | str,
    batch: int = 1,
    mode: str = "eval",
    reads: Sequence[str] = ("visible",),
) -> tuple[list[Score], dict[str, Sample]]:
    """Translate the test split in order and score it; images are compared as they would be saved (`as_saved`).

    Args:
        translate: a batch to thermal images [N, C, H, W] in [-1, 1].
        store: the test split; batches with `visible` [N, 3, H, W] and `thermal` [N, C, H, W] in [-1, 1].
        metrics: metrics by the name that their score bears.
        device: where to translate and score.
        batch: images translated at a time; changes the speed, and the scores only of networks left in train mode.
        mode: mode that the caller put the networks in, for the protocol; `train` keeps dropout and batch statistics on.
        reads: batch entries that `translate` reads, for the protocol; a method that is told more has an easier task.

    Returns:
        One score a metric, in the order of `metrics`, and up to eight samples by stem, evenly spaced over the split.

    Raises:
        DataError: the split is empty, or its images are not pairs.
        UsageError: `translate` returns another size than the real images have, or thermal images are not of 1 or 3
            channels.
        ZooError: a translation, or a metric's value, is not finite.
    """
    if not len(store):
        raise DataError("The test split holds no images to score", "Give the dataset a test split")
    values: dict[str, dict[str, float]] = {name: {} for name in metrics}
    samples: dict[str, Sample] = {}
    every = -(-len(store) // SAMPLES)
    protocol: dict[str, Any] = {}
    for start in range(0, len(store), batch):
        indices = range(start, min(start + batch, len(store)))
        stems = [store.stems[i] for i in indices]
        pairs = {name: tensor.to(device) for name, tensor in store.whole(torch.tensor(indices)).items()}
        if "thermal" not in pairs:
            raise DataError(
                "The test images are not pairs, so that there is nothing to score against", "Test on a paired set"
            )
        translated, real = _translated(translate, pairs, stems), as_saved(pairs["thermal"])
        protocol = shared_protocol(real.shape[-2], real.shape[-1], mode, reads)
        for name, metric in metrics.items():
            scored = metric.per_image(translated.double() / 255, real.double() / 255)
            values[name].update(zip(stems, scored.tolist(), strict=True))
        for row, i in enumerate(indices):
            if i % every == 0:
                visible = _eight_bit(pairs["visible"][row]).permute(1, 2, 0)
                samples[stems[row]] = Sample(*(_pixels(x) for x in (visible, translated[row, 0], real[row, 0])))
    return [_score(name, metric, values[name], protocol) for name, metric in metrics.items()], samples


def examples(translate: Callable[[Batch], Tensor], store: Split, *, device: torch.device | str) -> dict[str, Sample]:
    """Return up to eight translations of an unpaired test split by stem, each beside some real thermal image."""
    samples: dict[str, Sample] = {}
    for i in range(0, len(store), -(-len(store) // SAMPLES)):
        index = torch.tensor([i])
        images = {name: x.to(device) for name, x in store.whole(index, index % store.n_thermal).items()}
        translated, real = _translated(translate, images, [store.stems[i]]), as_saved(images["thermal"])
        visible = _eight_bit(images["visible"][0]).permute(1, 2, 0)
        samples[store.stems[i]] = Sample(*(_pixels(x) for x in (visible, translated[0, 0], real[0, 0])))
    return samples


def as_saved(images: Tensor) -> Tensor:
    """Return images as a grey 8-bit file would hold them: uint8 [N, 1, H, W] for [N, 1 or 3, H, W] in [-1, 1].

    Values are rounded to the nearest of 256 levels; three channels are rounded, weighted to grey (BT.601) and rounded
    again. The levels span the dataset's fixed linear range, so that 16-bit and Celsius sets are scored in units of
    their range, not of one image's extremes.

    Raises:
        UsageError: the images have neither 1 nor 3 channels.
    """
    pixels = _eight_bit(images)
    if images.shape[1] == 3:
        luma = torch.tensor(_LUMA, dtype=torch.float64, device=images.device).view(1, 3, 1, 1)
        pixels = (pixels * luma).sum(dim=1, keepdim=True).round().to(torch.uint8)
    elif images.shape[1] != 1:
        raise UsageError(
            f"Thermal images are scored in grey, from 1 or 3 channels, and these have {images.shape[1]}",
            "Train with 1 or 3 thermal channels",
        )
    return pixels


def shared_protocol(height: int, width: int, mode: str, reads: Sequence[str]) -> dict[str, Any]:
    """Return the part of the protocol that all metrics share, for images of this size."""
    return {
        "split": "test",
        "resize": f"{height}x{width} bicubic",
        "mode": mode,
        "reads": list(reads),
        "images": "8-bit grey; 3 channels by BT.601",
        "range": "the dataset's fixed linear thermal range to [0, 1]",
    }


def _translated(translate: Callable[[Batch], Tensor], pairs: Batch, stems: Sequence[str]) -> Tensor:
    """Return the batch's translations as saved; what is not finite would become some grey and get a score."""
    with torch.inference_mode():
        images = translate(pairs)
    real = pairs["thermal"]
    if images.ndim != 4 or images[:, 0].shape != real[:, 0].shape:
        raise UsageError(
            f"The translation of {', '.join(stems)} has shape {list(images.shape)}, against {list(real.shape)}",
            "Test at a size that is a multiple of what the network needs",
        )
    finite = images.isfinite().flatten(1).all(dim=1)
    if not finite.all():
        bad = ", ".join(stem for stem, good in zip(stems, finite.tolist(), strict=True) if not good)
        raise ZooError(f"The translation of {bad} holds NaN or infinity", "Train with a lower learning rate or in fp32")
    return as_saved(images)


def _score(name: str, metric: Metric, per_image: dict[str, float], shared: dict[str, Any]) -> Score:
    values = list(per_image.values())
    if not np.isfinite(values).all():
        bad = ", ".join(stem for stem, value in per_image.items() if not np.isfinite(value))
        raise ZooError(f"Metric {name} gave no finite value for {bad}", "Leave the metric out, or give it a cap")
    interval = bootstrap_interval(values, level=LEVEL)
    return Score(
        metric=name,
        value=float(np.mean(values)),
        n=len(values),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=LEVEL,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        protocol={**shared, **metric.protocol()},
        per_image=per_image,
    )


def _eight_bit(images: Tensor) -> Tensor:
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    return image.cpu().numpy()
