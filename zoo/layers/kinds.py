"""Options of the shared blocks. Imports no torch, so that config modules may import it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from zoo.limits import NotNegative, Positive

Norm = Literal["instance", "batch", "none"]
"""Feature normalization of a network, see `zoo.layers.norm`."""

Init = Literal["normal", "xavier"]
"""Distribution of the initial weights, see `zoo.layers.init`."""

PointwiseGan = Literal["lsgan", "log"]
"""Adversarial losses of each logit for itself: squared distance, or cross entropy; see `zoo.layers.gan`."""

GanKind = Literal["lsgan", "log", "hinge", "wgan", "rasgan", "ralsgan", "rahinge"]
"""Adversarial losses: also hinge and Wasserstein, and the relativistic average of cross entropy, squared distance and hinge."""

AdversarialOptimizer = Literal["adam", "rmsprop"]
"""Optimizers of adversarial methods; RMSprop is the one with which the WGAN paper clips weights."""

Antialias = bool | Literal["down", "up"]
"""Where a network blurs as it changes the size: at both, neither, or only in downsampling (`down`) or upsampling (`up`)."""


@dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """The options of `zoo.layers.residual.ResNetTrunk`."""

    in_channels: Positive = 3
    """Channels of the input images."""
    out_channels: Positive = 1
    """Channels of the output images."""
    width: Positive = 64
    """Channels after the first convolution; the residual blocks have four times as many."""
    blocks: Positive = 9
    """Number of residual blocks."""
    norm: Norm = "instance"
    """Normalization after each convolution but the last."""
    dropout: bool = False
    """Drop half of the features inside each residual block, in training."""
    antialias: Antialias = False
    """Anti-aliased down- and upsampling, as CUT has it; `down` or `up`: only one of the two."""
    init: Init = "normal"
    """Distribution of the initial weights."""
    init_gain: NotNegative = 0.02
    """Standard deviation of the initial weights, or the gain of `xavier`."""

    def trunk_options(self) -> dict[str, Any]:
        """Return the arguments of `ResNetTrunk`, without those that a subclass adds."""
        return {field.name: getattr(self, field.name) for field in fields(ResNetConfig)}
