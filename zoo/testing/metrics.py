"""Checks of metrics: their protocol, direction, bounds and symmetry, on images whose order of quality is known."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import torch
from torch import Tensor

from zoo.build import build
from zoo.choices import Choice
from zoo.contracts import Batch, ClassMetric, SetMetric, SplitMetric
from zoo.evaluate.reading import reads_of
from zoo.evaluate.score import AnyMetric
from zoo.layers.pixels import TOP
from zoo.testing.checks import CheckError
from zoo.testing.image_sizes import smallest_side

SAME = 1e-6
"""Relative tolerance between two computations of the same score."""
NOISE = (0.0, 0.05, 0.25)
"""Standard deviations of what is added to the real images, of their range, from no fault to a bad one."""
SIDE, LARGEST = 32, 512
"""Sides in pixels of the images that are scored, and of the largest with which a metric that fails is tried."""
HOT = 40.0
"""Degrees Celsius of the brightest pixel."""
CLASSES = ("person", "car")
"""Class names of the labels and boxes."""


class MetricHarness:
    """A metric under test, and images whose order of quality is known, as it compares them."""

    def __init__(self, choice: Choice, metric: AnyMetric | None = None, *, side: int | None = None) -> None:
        self.metric: AnyMetric = build(choice) if metric is None else metric
        self.of_set = isinstance(self.metric, SetMetric | SplitMetric)
        compares = "grey" if isinstance(self.metric, SetMetric) else self.metric.compares
        self.top = HOT if compares == "celsius" else 1.0
        """The value of the brightest pixel."""
        stream = torch.Generator().manual_seed(0)
        n, channels = 8 if isinstance(self.metric, SetMetric) else 3, 3 if compares == "channels" else 1
        blocks = torch.rand(n, channels, 8, 8, generator=stream, dtype=torch.float64)
        side = side or max(SIDE, choice.contract.min_size)
        smooth = torch.nn.functional.interpolate(blocks, (side, side), mode="bilinear")
        smooth[..., side // 2 :] = (smooth[..., side // 2 :] * 0.5 + 0.4).clamp(0, 1)  # with an edge
        self.real = self._as_compared(smooth)

    def noisy(self, deviation: float = NOISE[1]) -> Tensor:
        """Return the real images with noise."""
        stream = torch.Generator().manual_seed(1)
        noise = torch.randn(self.real.shape, generator=stream, dtype=self.real.dtype) * deviation
        return self._as_compared(self.real / self.top + noise)

    def score(self, translated: Tensor, real: Tensor, part: slice = slice(None)) -> Tensor:
        """Return one score for each image of a part of them, or one for the set."""
        if isinstance(self.metric, SetMetric):
            distance = self.metric.distance(self.metric.features(translated), self.metric.features(real))
            return torch.tensor([distance], dtype=torch.float64)
        batch = self._batch()
        if isinstance(self.metric, SplitMetric):
            collected = self.metric.collect(translated, real, batch, CLASSES)
            return torch.tensor([self.metric.value(collected)], dtype=torch.float64)
        reading: Any = self.metric
        read = [{name: value[part] for name, value in batch.items()}] if batch else []
        values: Tensor = reading.per_image(translated[part], real[part], *read)
        return values

    def require_classes(self) -> None:
        """Require one value for each image and class of a metric that has values by class."""
        if not isinstance(self.metric, ClassMetric):
            return
        n = len(self.real)
        found = self.metric.per_class(self.noisy(), self.real, self._batch(), CLASSES)
        if found.shape != (n, len(CLASSES)) or found.dtype != torch.float64:
            expected = f"per_class to return float64 [{n}, {len(CLASSES)}], one value for each image and class"
            fix = "Return NaN for a class that an image does not show"
            raise CheckError(expected, f"{found.dtype} {list(found.shape)}", fix)

    def _as_compared(self, images: Tensor) -> Tensor:
        """Return images of 256 levels in [0, 1], or degrees."""
        return (images.clamp(0, 1) * TOP[8]).round() / TOP[8] * self.top

    def _batch(self) -> Batch:
        """Return what the metric reads: the real images as visible ones, two classes, an object of each in every image."""
        grey = (self.real / self.top).mean(dim=1, keepdim=True).float() * 2 - 1
        n, side = len(grey), grey.shape[-1]
        labels = torch.zeros(n, side, side, dtype=torch.int64)
        labels[:, :, side // 2 :] = 1
        boxes = [[1.5, 2.0, 0.5 * side, 0.75 * side, 0], [0.5 * side, 0.25 * side, side - 1.0, side - 2.0, 1]]
        known: Batch = {
            "visible": grey.expand(-1, 3, -1, -1),
            "thermal": grey,
            "labels": labels,
            "celsius": (grey + 1) / 2 * HOT,
            "temperatures": torch.tensor([[HOT, HOT / 2]] * n),
            "boxes": [torch.tensor(boxes)] * n,
            "daytime": ["day", "night"] * (n // 2) + ["day"] * (n % 2),
        }
        unknown = [entry for entry in reads_of(self.metric) if entry not in known]
        if unknown:
            fix = "Give the config an option with the entry's name, and name one of these in the row's `small`"
            raise CheckError(f"a metric that reads any of {', '.join(known)}", f"{', '.join(unknown)}", fix)
        return {name: known[name] for name in reads_of(self.metric)}


def scores(choice: Choice) -> str:
    """Score images twice, alone and together, and send the protocol to JSON; return a score."""
    harness = MetricHarness(choice)
    metric = harness.metric
    for name, kind in (("name", str), ("unit", str), ("higher_is_better", bool)):
        if not isinstance(getattr(metric, name), kind):
            fix = f"Set {name} in the class"
            raise CheckError(f"a {name} of type {kind.__name__}", f"{getattr(metric, name)!r}", fix)
    try:
        msgspec.json.encode(metric.protocol())
    except (TypeError, ValueError) as error:
        fix = "Return numbers, strings, lists and dicts"
        raise CheckError("a protocol that JSON can hold", " ".join(str(error).split()), fix) from error
    undeclared = [entry for entry in reads_of(metric) if entry not in choice.contract.reads]
    if undeclared:
        expected = f"a contract that reads {', '.join(undeclared)}, as the class does"
        fix = "Give the component contract=Contract(reads=...), so that data without the entry is refused"
        raise CheckError(expected, f"{', '.join(choice.contract.reads)}", fix)
    real, noisy = harness.real, harness.noisy()
    try:
        values = harness.score(noisy, real)
    except Exception as error:  # of any type
        _require_larger(choice, harness, " ".join(f"{type(error).__name__}: {error}".split())[:200], error)
        raise
    if not harness.of_set and (values.shape != (len(real),) or values.dtype != torch.float64):
        expected = f"float64 scores [{len(real)}], one for each image"
        fix = "Average over channels and pixels only, after .double()"
        raise CheckError(expected, f"{values.dtype} {list(values.shape)}", fix)
    if not values.isfinite().all():
        _require_larger(choice, harness, "NaN or infinity")
        raise CheckError("finite scores", "NaN or infinity", "Give the score a cap, or a constant in its denominator")
    if not torch.equal(values, harness.score(noisy, real)):
        raise CheckError("the same score each time", "another the second time", "Draw nothing; keep no state")
    harness.require_classes()
    if not harness.of_set:
        alone = torch.cat([harness.score(noisy, real, slice(i, i + 1)) for i in range(len(real))])
        if not torch.allclose(alone, values, rtol=SAME, atol=SAME):
            expected = "an image's score to be independent of the rest of the batch"
            fix = "Take the data range from the protocol, not from the images, and average each image by itself"
            raise CheckError(expected, f"one that moves by {float((alone - values).abs().max()):.3g}", fix)
    return f"{float(values[0]):.4g} {metric.unit}".rstrip()


def _require_larger(choice: Choice, harness: MetricHarness, found: str, cause: Exception | None = None) -> None:
    """Raise where a metric fails on the harness's images and scores larger ones, with the size from which it does."""

    def works(side: int) -> bool:
        larger = MetricHarness(choice, harness.metric, side=side)
        try:
            return bool(larger.score(larger.noisy(), larger.real).isfinite().all())
        except Exception:  # of any type
            return False

    side = harness.real.shape[-1]
    least = smallest_side(works, side, LARGEST)
    if least:
        expected = f"a finite score of images of {side}x{side} px, which its contract allows"
        fix = f"It works from {least} px: write contract=Contract(min_size={least}) in the row"
        raise CheckError(expected, found, fix) from cause


def direction(choice: Choice) -> str:
    """Score images with more and more noise; each must score worse than the one before. Return the scores."""
    harness = MetricHarness(choice)
    means = [float(harness.score(harness.noisy(noise), harness.real).mean()) for noise in NOISE]
    falling = all(earlier > later for earlier, later in pairwise(means))
    rising = all(earlier < later for earlier, later in pairwise(means))
    if isinstance(harness.metric, SplitMetric):  # its networks may find nothing in images that are no photos
        falling, rising = means[0] >= means[-1], means[0] <= means[-1]
    if not (falling if harness.metric.higher_is_better else rising):
        expected = f"{'lower' if harness.metric.higher_is_better else 'higher'} scores for noisier images"
        fix = "Correct higher_is_better, or the order of translated and real"
        raise CheckError(expected, ", ".join(f"{mean:.4g}" for mean in means), fix)
    return ", ".join(f"{mean:.4g}" for mean in means)


def bounds(choice: Choice) -> str:
    """Score good and bad images, the best and the worst; return the lowest and the highest score."""
    harness = MetricHarness(choice)
    promised = dict(choice.contract.promises)
    unknown = promised.keys() - {"lowest", "highest", "best"}
    if unknown:
        expected = "the promises lowest, highest and best"
        raise CheckError(expected, f"{', '.join(sorted(unknown))}", "Correct the contract")
    real = harness.real
    others = [real, harness.top - real, *map(harness.noisy, NOISE[1:]), torch.zeros_like(real)]
    values = torch.cat([harness.score(other, real) for other in others])
    lowest, highest = float(values.min()), float(values.max())
    best = float(harness.score(real, real).mean())
    slack = SAME * max(1.0, *(abs(bound) for bound in promised.values()))
    fix = "Correct the score, or correct the promise in the contract"
    if lowest < promised.get("lowest", lowest) - slack:
        raise CheckError(f"scores from {promised['lowest']:g}, as its contract promises", f"{lowest:.6g}", fix)
    if highest > promised.get("highest", highest) + slack:
        raise CheckError(f"scores up to {promised['highest']:g}, as its contract promises", f"{highest:.6g}", fix)
    if abs(best - promised.get("best", best)) > slack:
        expected = f"{promised['best']:g} for an image against itself, as its contract promises"
        raise CheckError(expected, f"{best:.6g}", fix)
    return f"{lowest:.4g} to {highest:.4g}, best {best:.4g}"


def symmetric(choice: Choice) -> str:
    """Score with translated and real images exchanged; return the score."""
    harness = MetricHarness(choice)
    real, noisy = harness.real, harness.noisy(NOISE[-1])
    one, other = harness.score(noisy, real), harness.score(real, noisy)
    if not torch.allclose(one, other, rtol=SAME, atol=SAME):
        expected = "the same score with translated and real exchanged, as its row offers"
        fix = "Take `symmetric` out of the row's offers, or treat both alike"
        raise CheckError(expected, f"{float(one[0]):.6g} and {float(other[0]):.6g}", fix)
    return f"{float(one[0]):.4g} both ways"
