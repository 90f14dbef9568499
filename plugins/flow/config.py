"""Options of flow matching. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from zoo.hookspec import Contract, Training, inference_only
from zoo.limits import AboveZero, AtLeast, Decay, NotNegative, Positive


@dataclass(frozen=True, kw_only=True)
class FlowConfig:
    """Distribution of the time, optimizer, averaged weights, and the sampler."""

    time: Literal["uniform", "logit_normal"] = "uniform"
    """Distribution of the time in training: uniform, or the logistic function of a normal number, which prefers the middle."""
    lr: NotNegative = 1e-4
    """AdamW's learning rate, after the warm-up; 2e-4 for the smaller networks."""
    weight_decay: NotNegative = 0.0
    """AdamW's decay of the weights."""
    warmup: Annotated[int, AtLeast(0)] = 1000
    """First steps, over which the learning rate rises from zero; then it is constant."""
    clip_norm: AboveZero = 1.0
    """Largest norm of the gradient."""
    ema: Decay = 0.9999
    """Decay of the averaged weights, which translate; it begins lower, so that short trainings have an average too."""
    steps: Positive = inference_only(10)
    """Steps of the sampler from noise to image."""
    sampler: Literal["heun", "euler"] = inference_only("heun")
    """Heun's method, of second order, with two passes of the network in each step but the last; or Euler's with one."""
    seed: int = inference_only(0)
    """Of the noise, which depends on this and on a pixel's place in the image alone."""
    samples: Positive = inference_only(1)
    """Samples for each image, whose mean is the translation."""

    def contract(self) -> Contract:
        """Return what the method needs and how it trains in preset `paper`: 200 epochs at a constant rate."""
        return Contract(
            uses=("generator",), needs=frozenset({"pairs", "time"}), training=Training(epochs=200, decay_epochs=0)
        )
