"""Options of the Brownian bridge. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from zoo.hookspec import Contract, Training, inference_only
from zoo.limits import AboveZero, AtLeast, AtMost, Decay, NotNegative, Positive, Share

TIMESTEPS = 1000
"""Steps of the bridge in training."""


@dataclass(frozen=True, kw_only=True)
class BBDMConfig:
    """Target, loss, optimizer, averaged weights, and the sampler."""

    target: Literal["grad", "noise", "ysubx"] = "grad"
    """What the network learns: the way back from x_t to the thermal image, the noise, or visible minus thermal."""
    loss: Literal["l1", "l2"] = "l1"
    """Mean absolute or mean squared error of the target."""
    max_variance: AboveZero = 1.0
    """Factor on the bridge's variance, which is half of it in the middle."""
    lr: NotNegative = 1e-4
    """Adam's learning rate, after the warm-up."""
    schedule: Literal["constant", "cosine"] = "constant"
    """The learning rate after the warm-up: constant, or along half a cosine to zero."""
    warmup: Annotated[int, AtLeast(0)] = 1000
    """First steps, over which the learning rate rises from zero."""
    ema: Decay = 0.9999
    """Decay of the averaged weights, which translate; it begins lower, so that short trainings have an average too."""
    steps: Annotated[int, AtLeast(1), AtMost(TIMESTEPS)] = inference_only(200)
    """Steps of the sampler, of the bridge's 1000: as many passes of the network."""
    eta: Share = inference_only(1.0)
    """Part of the sampler's noise; 0 is deterministic from its start."""
    clip: bool = inference_only(True)
    """Clip the estimated thermal image to [-1, 1] in every step."""
    seed: int = inference_only(0)
    """Of the noise, which depends on this and on a pixel's place in the image alone."""
    samples: Positive = inference_only(1)
    """Samples for each image, whose mean is the translation."""

    def contract(self) -> Contract:
        """Return what the method needs and how its authors train it: whole images, not mirrored."""
        return Contract(
            uses=("generator",),
            needs=frozenset({"pairs", "time"}),
            training=Training(epochs=200, decay_epochs=0, load_scale=1, flip=False),
        )
