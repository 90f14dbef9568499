"""Options of the time-conditioned U-Net. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import UsageError
from zoo.hookspec import Contract
from zoo.limits import Decay, Positive

GROUPS = 32
"""Groups of every normalization, which divide the channels."""


@dataclass(frozen=True, kw_only=True)
class ADMUNetConfig:
    """Widths and blocks; the defaults are the network for 256 px."""

    in_channels: Positive = 4
    """Channels of the input images."""
    out_channels: Positive = 1
    """Channels of the output."""
    width: Positive = 128
    """Channels at full resolution, a multiple of 32."""
    mult: tuple[int, ...] = (1, 1, 2, 2, 4)
    """Channels of each level over `width`, the finest first; each level has half the pixels per side of the one before."""
    blocks: Positive = 2
    """Residual blocks of each level; the decoder has one more."""
    attention: tuple[int, ...] = (16,)
    """Downsampling factors at which every residual block is followed by self-attention; the middle always has one."""
    head_channels: Positive = 64
    """Channels of an attention head."""
    dropout: Decay = 0.0
    """Part of the features that residual blocks drop in training."""
    film: bool = True
    """Whether the time scales and shifts features; if not, it is only added to them."""
    resblock_updown: bool = True
    """Whether residual blocks change the resolution; if not, a strided convolution and one after nearest upsampling."""

    def __post_init__(self) -> None:
        if self.width % GROUPS:
            nearest = max(GROUPS, round(self.width / GROUPS) * GROUPS)
            raise UsageError(
                f"an ADM U-Net has a width that is a multiple of 32, not {self.width}", f"Use width={nearest}"
            )
        if not self.mult or min(self.mult) < 1:
            raise UsageError(f"an ADM U-Net got mult={self.mult}", "Give one number of 1 or more for each level")
        rates = [2**level for level in range(len(self.mult))]
        attending = {self.mult[-1]} | {m for m, rate in zip(self.mult, rates, strict=True) if rate in self.attention}
        wrong = [self.width * m for m in sorted(attending) if self.width * m % self.head_channels]
        if wrong:
            reason = f"an ADM U-Net with head_channels={self.head_channels} has attention over {wrong[0]} channels"
            raise UsageError(reason, "Use a head_channels that divides these")

    def contract(self) -> Contract:
        """Return what these options need: the coarsest level must have several whole pixels."""
        multiple = 2 ** (len(self.mult) - 1)
        offers = frozenset({"independent_samples", "exports", "compiles"})
        return Contract(size_multiple=multiple, min_size=2 * multiple, inputs=("time",), offers=offers)
