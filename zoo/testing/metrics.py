"""Checks of metrics: their protocol, direction, bounds and symmetry, on images whose order of quality is known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import torch
from torch import Tensor

from zoo.build import build
from zoo.contracts import Batch, ClassMetric, SetMetric, SplitMetric
from zoo.evaluate.reading import reads_of
from zoo.evaluate.score import AnyMetric
from zoo.layers.pixels import TOP
from zoo.registry import Choice
from zoo.testing.checks import CheckError

SAME = 1e-6
"""Relative tolerance between two computations of the same score."""
NOISE = (0.0, 0.05, 0.25)
"""Standard deviations of what is added to the real images, of their range, from no fault to a bad one."""
SIDE = 32
HOT = 40.0
"""Degrees Celsius of the brightest pixel."""
CLASSES = ("person", "car")
"""Class names of the labels and boxes."""


def score(choice: Choice, metric: AnyMetric, noise: float = NOISE[1]) -> Tensor:
    """Return the scores of noisy images against real ones: one each, or one for the set."""
    real = _real(choice, metric)
    return _scores(metric, _noisy(metric, real, noise), real)


def scores(choice: Choice) -> str:
    """Score images twice, alone and together, and send the protocol to JSON; return a score."""
    metric: AnyMetric = build(choice)
    for name, kind in (("name", str), ("unit", str), ("higher_is_better", bool)):
        if not isinstance(getattr(metric, name), kind):
            raise CheckError(
                f"a {name} of type {kind.__name__}", f"{getattr(metric, name)!r}", f"Set {name} in the class"
            )
    try:
        msgspec.json.encode(metric.protocol())
    except (TypeError, ValueError) as error:
        raise CheckError(
            "a protocol that JSON can hold", " ".join(str(error).split()), "Return numbers, strings, lists and dicts"
        ) from error
    undeclared = [entry for entry in reads_of(metric) if entry not in choice.contract.reads]
    if undeclared:
        raise CheckError(
            f"a contract that reads {', '.join(undeclared)}, as the class does",
            f"{', '.join(choice.contract.reads)}",
            "Give the component contract=Contract(reads=...), so that data without the entry is refused",
        )
    real = _real(choice, metric)
    noisy = _noisy(metric, real, NOISE[1])
    values = _scores(metric, noisy, real)
    of_set = isinstance(metric, SetMetric | SplitMetric)
    if not of_set and (values.shape != (len(real),) or values.dtype != torch.float64):
        raise CheckError(
            f"float64 scores [{len(real)}], one for each image",
            f"{values.dtype} {list(values.shape)}",
            "Average over channels and pixels only, after .double()",
        )
    if not values.isfinite().all():
        raise CheckError("finite scores", "NaN or infinity", "Give the score a cap, or a constant in its denominator")
    if not torch.equal(values, _scores(metric, noisy, real)):
        raise CheckError("the same score each time", "another the second time", "Draw nothing; keep no state")
    if isinstance(metric, ClassMetric):
        _require_classes(metric, noisy, real)
    if not of_set:
        alone = torch.cat([_scores(metric, noisy, real, slice(i, i + 1)) for i in range(len(real))])
        if not torch.allclose(alone, values, rtol=SAME, atol=SAME):
            raise CheckError(
                "an image's score to be independent of the rest of the batch",
                f"one that moves by {float((alone - values).abs().max()):.3g}",
                "Take the data range from the protocol, not from the images, and average each image by itself",
            )
    return f"{float(values[0]):.4g} {metric.unit}".rstrip()


def direction(choice: Choice) -> str:
    """Score images with more and more noise; each must score worse than the one before. Return the scores."""
    metric: AnyMetric = build(choice)
    means = [float(score(choice, metric, noise).mean()) for noise in NOISE]
    falling = all(earlier > later for earlier, later in pairwise(means))
    rising = all(earlier < later for earlier, later in pairwise(means))
    if isinstance(metric, SplitMetric):  # its networks may find nothing in images that are no photos
        falling, rising = means[0] >= means[-1], means[0] <= means[-1]
    if not (falling if metric.higher_is_better else rising):
        raise CheckError(
            f"{'lower' if metric.higher_is_better else 'higher'} scores for noisier images",
            ", ".join(f"{mean:.4g}" for mean in means),
            "Correct higher_is_better, or the order of translated and real",
        )
    return ", ".join(f"{mean:.4g}" for mean in means)


def bounds(choice: Choice) -> str:
    """Score good and bad images, the best and the worst; return the lowest and the highest score."""
    metric: AnyMetric = build(choice)
    promised = dict(choice.contract.promises)
    unknown = promised.keys() - {"lowest", "highest", "best"}
    if unknown:
        raise CheckError(
            "the promises lowest, highest and best", f"{', '.join(sorted(unknown))}", "Correct the contract"
        )
    real = _real(choice, metric)
    bright = HOT if _compares_degrees(metric) else 1.0
    others = [real, bright - real, *(_noisy(metric, real, noise) for noise in NOISE[1:]), torch.zeros_like(real)]
    values = torch.cat([_scores(metric, other, real) for other in others])
    lowest, highest = float(values.min()), float(values.max())
    best = float(_scores(metric, real, real).mean())
    slack = SAME * max(1.0, *(abs(bound) for bound in promised.values()))
    fix = "Correct the score, or correct the promise in the contract"
    if lowest < promised.get("lowest", lowest) - slack:
        raise CheckError(f"scores from {promised['lowest']:g}, as its contract promises", f"{lowest:.6g}", fix)
    if highest > promised.get("highest", highest) + slack:
        raise CheckError(f"scores up to {promised['highest']:g}, as its contract promises", f"{highest:.6g}", fix)
    if abs(best - promised.get("best", best)) > slack:
        raise CheckError(
            f"{promised['best']:g} for an image against itself, as its contract promises", f"{best:.6g}", fix
        )
    return f"{lowest:.4g} to {highest:.4g}, best {best:.4g}"


def symmetric(choice: Choice) -> str:
    """Score with translated and real images exchanged; return the score."""
    metric: AnyMetric = build(choice)
    real = _real(choice, metric)
    noisy = _noisy(metric, real, NOISE[-1])
    one, other = _scores(metric, noisy, real), _scores(metric, real, noisy)
    if not torch.allclose(one, other, rtol=SAME, atol=SAME):
        raise CheckError(
            "the same score with translated and real exchanged, as its row offers",
            f"{float(one[0]):.6g} and {float(other[0]):.6g}",
            "Take `symmetric` out of the row's offers, or treat both alike",
        )
    return f"{float(one[0]):.4g} both ways"


def _real(choice: Choice, metric: AnyMetric) -> Tensor:
    """Return smooth images with edges, as the metric compares them."""
    sets = isinstance(metric, SetMetric)
    n, side = (8 if sets else 3), max(SIDE, choice.contract.min_size)
    stream = torch.Generator().manual_seed(0)
    channels = 3 if not isinstance(metric, SetMetric) and metric.compares == "channels" else 1
    blocks = torch.rand(n, channels, 8, 8, generator=stream, dtype=torch.float64)
    smooth = torch.nn.functional.interpolate(blocks, (side, side), mode="bilinear")
    smooth[..., side // 2 :] = (smooth[..., side // 2 :] * 0.5 + 0.4).clamp(0, 1)
    return _as_compared(metric, smooth)


def _noisy(metric: AnyMetric, real: Tensor, deviation: float) -> Tensor:
    degrees = _compares_degrees(metric)
    stream = torch.Generator().manual_seed(1)
    noise = torch.randn(real.shape, generator=stream, dtype=real.dtype) * deviation
    return _as_compared(metric, (real / HOT if degrees else real) + noise)


def _as_compared(metric: AnyMetric, images: Tensor) -> Tensor:
    """Return images of 256 levels in [0, 1], or degrees."""
    levels = (images.clamp(0, 1) * TOP[8]).round() / TOP[8]
    return levels * HOT if _compares_degrees(metric) else levels


def _compares_degrees(metric: AnyMetric) -> bool:
    return not isinstance(metric, SetMetric) and metric.compares == "celsius"


def _scores(metric: AnyMetric, translated: Tensor, real: Tensor, part: slice = slice(None)) -> Tensor:
    """Return the scores of a part of the images, or one of the set."""
    if isinstance(metric, SetMetric):
        distance = metric.distance(metric.features(translated), metric.features(real))
        return torch.tensor([distance], dtype=torch.float64)
    batch = _batch(metric, real)
    if isinstance(metric, SplitMetric):
        return torch.tensor([metric.value(metric.collect(translated, real, batch, CLASSES))], dtype=torch.float64)
    reading: Any = metric
    images = (translated[part], real[part])
    values: Tensor = (
        reading.per_image(*images, {name: value[part] for name, value in batch.items()})
        if batch
        else reading.per_image(*images)
    )
    return values


def _require_classes(metric: ClassMetric, translated: Tensor, real: Tensor) -> None:
    """Require one value for each image and class."""
    found = metric.per_class(translated, real, _batch(metric, real), CLASSES)
    if found.shape != (len(real), len(CLASSES)) or found.dtype != torch.float64:
        raise CheckError(
            f"per_class to return float64 [{len(real)}, {len(CLASSES)}], one value for each image and class",
            f"{found.dtype} {list(found.shape)}",
            "Return NaN for a class that an image does not show",
        )


def _batch(metric: AnyMetric, real: Tensor) -> Batch:
    """Return what a metric reads: the real images as visible ones, with two classes, each with an object in every image."""
    grey = (real / HOT if _compares_degrees(metric) else real).mean(dim=1, keepdim=True).float() * 2 - 1
    n, side = len(real), real.shape[-1]
    labels = torch.zeros(n, side, side, dtype=torch.int64)
    labels[:, :, side // 2 :] = 1
    boxes = torch.tensor([[1.5, 2.0, 0.5 * side, 0.75 * side, 0], [0.5 * side, 0.25 * side, side - 1.0, side - 2.0, 1]])
    known: Batch = {
        "visible": grey.expand(-1, 3, -1, -1),
        "thermal": grey,
        "labels": labels,
        "celsius": (grey + 1) / 2 * HOT,
        "temperatures": torch.tensor([[HOT, HOT / 2]] * n),
        "boxes": [boxes] * n,
        "daytime": ["day", "night"] * (n // 2) + ["day"] * (n % 2),
    }
    unknown: Sequence[str] = [entry for entry in reads_of(metric) if entry not in known]
    if unknown:
        raise CheckError(
            f"a metric that reads any of {', '.join(known)}",
            f"{', '.join(unknown)}",
            "Give the config an option with the entry's name, and name one of these in the row's `small`",
        )
    return {name: known[name] for name in reads_of(metric)}
