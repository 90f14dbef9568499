"""Options of the U-Net on timm's encoders. Imports neither torch nor timm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from zoo.hookspec import Contract
from zoo.layers.kinds import Init, Norm
from zoo.limits import NotNegative, Positive
from zoo.sizes import size_of


@dataclass(frozen=True, kw_only=True)
class TimmUNetConfig:
    """An encoder by its name in timm, and a decoder up to the image's size."""

    encoder: str = "resnet34"
    """Name of a network in timm, with the tag of its weights where it matters, e.g. `convnext_tiny.fb_in22k`."""
    pretrained: bool = False
    """Start from the encoder's published weights: of the Hub's cache, or downloaded; of `tf_efficientnet_lite0` from a package.
    The SHA-256 of the file is in the record."""
    in_channels: Positive = 3
    """Channels of the input images."""
    out_channels: Positive = 1
    """Channels of the output images."""
    width: Positive = 32
    """Channels of the decoder at the image's size; they double at each downsampling stage up to eight times as many."""
    norm: Norm = "instance"
    """Normalization after each convolution of the decoder but the last; the encoder has its own."""
    init: Init = "normal"
    """Distribution of the decoder's initial weights."""
    init_gain: NotNegative = 0.02
    """Standard deviation of the decoder's initial weights, or the gain of `xavier`."""
    size: int | tuple[int, int] | None = None
    """Size in pixels of the images, for encoders with a fixed size; None: that of the recipe, or 256 without one."""

    def contract(self) -> Contract:
        """Return what nearly every encoder takes; one with other limits is refused when it is built."""
        return Contract(size_multiple=32, min_size=64, offers=frozenset({"taps", "exports", "compiles"}))

    def weights_files(self, *, fetch: bool) -> dict[str, Path]:
        """Return the file of the published weights for option `pretrained`; see `zoo.hookspec.Component.config`."""
        if not self.pretrained:
            return {}
        from .weights import weights_file  # here: it imports torch

        path = weights_file(self.encoder, fetch=fetch)
        return {"pretrained": path} if path else {}

    def for_sides(self, height: int, width: int) -> Self:
        """Return the options for images of this height and width."""
        return self if self.size is not None else replace(self, size=size_of(height, width))
