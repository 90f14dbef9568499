"""Checks of metrics: their protocol, direction, bounds and symmetry, on images whose order of quality is known."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import torch
from torch import Tensor

from zoo.build import build
from zoo.contracts import Metric, SetMetric
from zoo.layers.pixels import TOP
from zoo.registry import Choice
from zoo.testing.checks import CheckError

AnyMetric = Metric | SetMetric
SAME = 1e-6
"""Relative tolerance between two computations of the same score."""
NOISE = (0.0, 0.05, 0.25)
"""Standard deviations of what is added to the real images, of their range, from no fault to a bad one."""
SIDE = 32
HOT = 40.0
"""Degrees Celsius of the brightest pixel."""


def score(choice: Choice, metric: AnyMetric, noise: float = NOISE[1]) -> Tensor:
    """Return the scores of noisy images against real ones: one each, or one for the set."""
    real = _real(choice, metric)
    return _scores(metric, _noisy(metric, real, noise), real)


def scores(choice: Choice) -> str:
    """Score images twice, alone and together, and send the protocol to JSON; return a score."""
    metric: AnyMetric = build(choice)
    for name, kind in (("name", str), ("unit", str), ("higher_is_better", bool)):
        if not isinstance(getattr(metric, name), kind):
            fix = f"Set {name} in the class"
            raise CheckError(f"a {name} of type {kind.__name__}", f"{getattr(metric, name)!r}", fix)
    try:
        msgspec.json.encode(metric.protocol())
    except (TypeError, ValueError) as error:
        fix = "Return numbers, strings, lists and dicts"
        raise CheckError("a protocol that JSON can hold", " ".join(str(error).split()), fix) from error
    real = _real(choice, metric)
    noisy = _noisy(metric, real, NOISE[1])
    values = _scores(metric, noisy, real)
    if not isinstance(metric, SetMetric) and (values.shape != (len(real),) or values.dtype != torch.float64):
        expected = f"float64 scores [{len(real)}], one for each image"
        fix = "Average over channels and pixels only, after .double()"
        raise CheckError(expected, f"{values.dtype} {list(values.shape)}", fix)
    if not values.isfinite().all():
        raise CheckError("finite scores", "NaN or infinity", "Give the score a cap, or a constant in its denominator")
    if not torch.equal(values, _scores(metric, noisy, real)):
        raise CheckError("the same score each time", "another the second time", "Draw nothing; keep no state")
    if not isinstance(metric, SetMetric):
        alone = torch.cat([metric.per_image(noisy[i : i + 1], real[i : i + 1]) for i in range(len(real))])
        if not torch.allclose(alone, values, rtol=SAME, atol=SAME):
            expected = "an image's score to be independent of the rest of the batch"
            fix = "Take the data range from the protocol, not from the images, and average each image by itself"
            raise CheckError(expected, f"one that moves by {float((alone - values).abs().max()):.3g}", fix)
    return f"{float(values[0]):.4g} {metric.unit}".rstrip()


def direction(choice: Choice) -> str:
    """Score images with more and more noise; each must score worse than the one before. Return the scores."""
    metric: AnyMetric = build(choice)
    means = [float(score(choice, metric, noise).mean()) for noise in NOISE]
    falling = all(earlier > later for earlier, later in pairwise(means))
    rising = all(earlier < later for earlier, later in pairwise(means))
    if not (falling if metric.higher_is_better else rising):
        expected = f"{'lower' if metric.higher_is_better else 'higher'} scores for noisier images"
        fix = "Correct higher_is_better, or the order of translated and real"
        raise CheckError(expected, ", ".join(f"{mean:.4g}" for mean in means), fix)
    return ", ".join(f"{mean:.4g}" for mean in means)


def bounds(choice: Choice) -> str:
    """Score good and bad images, the best and the worst; return the lowest and the highest score."""
    metric: AnyMetric = build(choice)
    promised = dict(choice.contract.promises)
    unknown = promised.keys() - {"lowest", "highest", "best"}
    if unknown:
        expected = "the promises lowest, highest and best"
        raise CheckError(expected, f"{', '.join(sorted(unknown))}", "Correct the contract")
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
        expected = f"{promised['best']:g} for an image against itself, as its contract promises"
        raise CheckError(expected, f"{best:.6g}", fix)
    return f"{lowest:.4g} to {highest:.4g}, best {best:.4g}"


def symmetric(choice: Choice) -> str:
    """Score with translated and real images exchanged; return the score."""
    metric: AnyMetric = build(choice)
    real = _real(choice, metric)
    noisy = _noisy(metric, real, NOISE[-1])
    one, other = _scores(metric, noisy, real), _scores(metric, real, noisy)
    if not torch.allclose(one, other, rtol=SAME, atol=SAME):
        expected = "the same score with translated and real exchanged, as its row offers"
        fix = "Take `symmetric` out of the row's offers, or treat both alike"
        raise CheckError(expected, f"{float(one[0]):.6g} and {float(other[0]):.6g}", fix)
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


def _scores(metric: AnyMetric, translated: Tensor, real: Tensor) -> Tensor:
    if isinstance(metric, SetMetric):
        distance = metric.distance(metric.features(translated), metric.features(real))
        return torch.tensor([distance], dtype=torch.float64)
    return metric.per_image(translated, real)
