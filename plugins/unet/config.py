"""Options of the U-Net generators."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import Self

from zoo.errors import UsageError
from zoo.hookspec import Contract
from zoo.layers.kinds import Init, Norm
from zoo.limits import NotNegative, Positive

FEWEST = 5
"""Downsampling stages after which the channels have their full number."""


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """An encoder and decoder with a skip connection at each size."""

    in_channels: Positive = 3
    """Channels of the input images."""
    out_channels: Positive = 1
    """Channels of the output images."""
    width: Positive = 64
    """Channels after the first convolution; they double up to eight times as many."""
    downs: int | None = 8
    """Number of downsampling stages, at least 5; the image size must be a multiple of two to this power. None: as many as the
    size allows, at most `most`."""
    most: Positive = 8
    """Largest number of stages where `downs` is None; 8 is `unet_256`, 9 ThermalGAN's `unet_512`."""
    norm: Norm = "instance"
    """Normalization after each convolution but the first, the innermost and the last."""
    dropout: bool = False
    """Drop half of the features at the innermost decoder levels, in training."""
    init: Init = "normal"
    """Distribution of the initial weights."""
    init_gain: NotNegative = 0.02
    """Standard deviation of the initial weights, or the gain of `xavier`."""

    def __post_init__(self) -> None:
        if self.downs is not None and self.downs < FEWEST:
            raise UsageError(
                f"a U-Net has at least {FEWEST} downsampling stages, got downs={self.downs}",
                "Use downs=7 for 128 pixels.",
            )

    def contract(self) -> Contract:
        """Return what these options need: the innermost features must have a whole pixel."""
        multiple = 2 ** (self.downs or FEWEST)
        return Contract(size_multiple=multiple, min_size=multiple, offers=frozenset({"taps", "exports", "compiles"}))

    def for_sides(self, height: int, width: int) -> Self:
        """Return the options with `downs` for images of this height and width in pixels.

        Sides with too few factors of two get the fewest stages, which `contract` then refuses.
        """
        if self.downs is not None:
            return self
        side = gcd(height, width)  # two to a power divides both sides if it divides this
        possible = (side & -side).bit_length() - 1  # the power of two in `side`
        return replace(self, downs=min(max(possible, FEWEST), self.most))
