"""The check of what a normalizer promises: the bounds of its contract, measured on small discriminators."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from zoo.choices import Choice
from zoo.testing.checks import CheckError
from zoo.testing.harness import DiscriminatorHarness, images
from zoo.testing.stubs import LinearDiscriminator, SmallDiscriminator

ROUNDING = 1e-4
"""Relative tolerance of a bound."""
ITERATION = 2e-2
"""The same for singular values, which power iterations approach from below."""
FACTORS = (0.3, 1.0, 3.0, 10.0)
"""Factors on the discriminator's weights: a bound must hold for each."""
PASSES = 100
"""Training passes for a power iteration to converge."""


def promises(choice: Choice) -> str:
    """Measure every promise of the contract; return the measured and the promised values."""
    results = []
    for name, bound in choice.contract.promises.items():
        if name not in MEASURES:
            fix = "Correct it in the contract"
            raise CheckError(f"a promise that can be measured: {', '.join(MEASURES)}", f"{name!r}", fix)
        results.append(f"{name} {MEASURES[name](DiscriminatorHarness(choice), bound):.3g} of {bound:g}")
    return ", ".join(results)


def _gradient(harness: DiscriminatorHarness, bound: float) -> float:
    """Return the largest norm of an image's gradient of its mean logit."""
    largest = 0.0
    for discriminator, x in _scaled(harness):
        x.requires_grad_(True)
        mean = discriminator(x).flatten(1).mean(1).sum()
        (gradient,) = torch.autograd.grad(mean, x)
        largest = max(largest, float(gradient.flatten(1).norm(dim=1).max()))
    fix = "Divide the logits by the norm of their gradient, or promise a larger `gradient`"
    return _within(largest, bound, ROUNDING, "the mean logit's gradient by the image", fix)


def _logits(harness: DiscriminatorHarness, bound: float) -> float:
    """Return the largest absolute logit."""
    largest = max(float(discriminator(x).abs().max()) for discriminator, x in _scaled(harness))
    return _within(largest, bound, ROUNDING, "absolute logits", "Bound the output in wrap, or promise larger `logits`")


def _weights(harness: DiscriminatorHarness, bound: float) -> float:
    """Return the largest absolute weight after a step that moved it."""
    normalizer, largest = harness.normalizer(), 0.0
    for factor in FACTORS:
        discriminator = normalizer.wrap(_discriminator(factor))
        with torch.no_grad():
            for parameter in discriminator.parameters():
                parameter.add_(torch.randn_like(parameter))
        normalizer.after_step(discriminator)
        largest = max(largest, *(float(parameter.abs().max()) for parameter in discriminator.parameters()))
    fix = "Clamp every parameter in after_step, or promise larger `weights`"
    return _within(largest, bound, ROUNDING, "weights after a step", fix)


def _spectral_norm(harness: DiscriminatorHarness, bound: float) -> float:
    """Return the largest singular value of any layer's weight, a matrix with one row for each output channel."""
    largest = 0.0
    for factor in FACTORS:
        discriminator = harness.normalizer().wrap(_discriminator(factor)).train()
        for seed in range(PASSES):
            discriminator(images(1, 1, (16, 16), seed))
        layers = [layer for layer in discriminator.eval().modules() if isinstance(layer, _ConvNd | nn.Linear)]
        values = [float(torch.linalg.svdvals(layer.weight.detach().flatten(1))[0]) for layer in layers]
        largest = max(largest, *values)
    fix = "Divide every weight by its largest singular value in wrap, or promise a larger `spectral_norm`"
    return _within(largest, bound, ITERATION, "the weights' largest singular value", fix)


def _penalty_free(harness: DiscriminatorHarness, bound: float) -> float:
    """Return the penalty of a discriminator whose gradient has the promised norm everywhere; others must have a larger one."""
    normalizer = harness.normalizer()
    real, fake = images(4, 1, (8, 8), 0), images(4, 1, (8, 8), 1)
    penalties: dict[float, Tensor] = {}
    for slope in (bound, 2 * bound + 1):
        discriminator = LinearDiscriminator(64, slope)
        penalty = normalizer.penalty(discriminator, real, fake)
        if penalty is None or penalty.ndim or not penalty.isfinite():
            found = "None" if penalty is None else f"{penalty}"
            fix = "Return it from penalty(), or do not promise it"
            raise CheckError("a penalty that is a finite scalar", found, fix)
        if not penalty.requires_grad:
            fix = "Take the gradient by the image with create_graph=True, or with torch.func.grad"
            raise CheckError("a penalty that reaches the weights", "one without a graph", fix)
        penalties[slope] = penalty.detach()
    free, other = penalties.values()
    if float(free) > ROUNDING or float(other) <= float(free):
        expected = f"no penalty where the gradient's norm is {bound:g}, and one where it is {2 * bound + 1:g}"
        fix = "Penalize the distance of each sample's gradient norm from the promised one"
        raise CheckError(expected, f"{float(free):.3g} and {float(other):.3g}", fix)
    return float(free)


MEASURES: dict[str, Callable[[DiscriminatorHarness, float], float]] = {
    "gradient": _gradient,
    "logits": _logits,
    "weights": _weights,
    "spectral_norm": _spectral_norm,
    "penalty_free": _penalty_free,
}


def _discriminator(factor: float) -> SmallDiscriminator:
    torch.manual_seed(0)
    discriminator = SmallDiscriminator(1)
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.mul_(factor)
    return discriminator


def _scaled(harness: DiscriminatorHarness) -> list[tuple[nn.Module, Tensor]]:
    """Return wrapped discriminators with small and large weights, each with images."""
    pairs: list[tuple[nn.Module, Tensor]] = []
    for seed, factor in enumerate(FACTORS):
        normalizer = harness.normalizer()
        discriminator = normalizer.wrap(_discriminator(factor))
        normalizer.after_step(discriminator)
        pairs.append((discriminator, images(8, 1, (16, 16), seed)))
    return pairs


def _within(found: float, bound: float, slack: float, what: str, fix: str) -> float:
    if not found <= bound * (1 + slack):
        raise CheckError(f"{what} of at most {bound:g}, as its contract promises", f"{found:.4g}", fix)
    return found
