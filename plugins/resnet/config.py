"""Options of the ResNet generators."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.hookspec import Positive
from zoo.layers.kinds import Antialias, Init, Norm


@dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """A residual translation network."""

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
    """Blur where the size is halved and doubled, as CUT does; `down` or `up`: at one of the two."""
    init: Init = "normal"
    """Distribution of the initial weights."""
    init_gain: float = 0.02
    """Standard deviation of the initial weights, or the gain of `xavier`."""
