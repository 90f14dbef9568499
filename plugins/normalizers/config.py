"""Options of the normalizers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.errors import UsageError
from zoo.hookspec import Contract
from zoo.limits import AboveZero, Positive, Share

PLAIN = {"norm": "none", "init": "normal"}
"""What these normalizers require of a discriminator. The init goes with the norm: without one, CUT's Xavier weights of gain 0.02
let no gradient through."""
PER_SAMPLE = PLAIN | {"minibatch_std": False}
"""The same, and no statistics over a batch."""
DIFFERENTIATED = frozenset({"double_backward", "independent_samples"})
"""What a gradient by each image, which is trained through, needs of a discriminator."""


@dataclass(frozen=True, kw_only=True)
class NoneConfig:
    """No options."""


@dataclass(frozen=True, kw_only=True)
class GradientNormConfig:
    """Gradient normalization f / (|grad f| + zeta) of a discriminator f."""

    reading: Literal["scalar", "mean", "sum"] = "scalar"
    """What f is for a map of patches: `scalar`, its mean, so that an image has one logit; else each patch's logit, with
    the gradient norm of the map's `mean` or of its `sum` (the GN authors' code)."""
    squared: bool = False
    """Square the result (GN-CycleGAN's equation 3): in [0, 1], without a sign."""
    zeta: Literal["abs"] | float = "abs"
    """Added to the gradient norm: `abs` for |f| (equation 2), or a positive constant."""
    mix: Share = 0.0
    """Share of the plain logits in the output, 0 to 1: (1 - mix) * normalized + mix * f."""

    def __post_init__(self) -> None:
        if self.zeta != "abs" and self.zeta <= 0:
            raise UsageError(
                f"zeta keeps the denominator above zero, got {self.zeta}", "Use zeta=abs or a positive number."
            )

    def contract(self) -> Contract:
        """Return what the gradient needs, and the bounds that equations 2 and 3 give an image that has one logit."""
        promises: dict[str, float] = {}
        if self.reading == "scalar" and self.zeta == "abs" and not self.mix:
            # With values and gradients up to 1, the square is at most twice as steep.
            promises = {"logits": 1.0, "gradient": 2.0 if self.squared else 1.0}
        # Instance norm breaks the bound on low-contrast images, see README.md.
        return Contract(needs=DIFFERENTIATED, defaults={"discriminator": PER_SAMPLE}, promises=promises)


@dataclass(frozen=True, kw_only=True)
class SpectralNormConfig:
    """Spectral normalization of the weights."""

    iterations: Positive = 1
    """Steps of the power iteration at each pass in training mode."""


@dataclass(frozen=True, kw_only=True)
class GradientPenaltyConfig:
    """Gradient penalty weight * (|grad f| - 1)^2 of a discriminator f between real and fake images."""

    weight: AboveZero = 10.0
    """Factor before the penalty (lambda)."""
    reading: Literal["mean", "sum"] = "mean"
    """What f is for a map of patches: its mean, whose gradient is that of the loss, or its sum (the pix2pix authors' code)."""


@dataclass(frozen=True, kw_only=True)
class ClippingConfig:
    """Clipping of the weights after each step."""

    c: AboveZero = 0.01
    """Largest absolute value of a parameter."""

    def contract(self) -> Contract:
        """Return what it requires of a discriminator, and the bound of its weights."""
        return Contract(defaults={"discriminator": PLAIN}, promises={"weights": self.c})
