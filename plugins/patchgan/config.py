"""Options of the patch and pixel discriminators."""

from __future__ import annotations

from dataclasses import dataclass, fields

from zoo.hookspec import Contract
from zoo.layers.kinds import Init, Norm
from zoo.limits import NotNegative, Positive


@dataclass(frozen=True, kw_only=True)
class ConvConfig:
    """The options that all of them have."""

    in_channels: Positive = 1
    """Channels of the input images."""
    width: Positive = 64
    """Channels after the first convolution; they double with each further one, up to eight times as many."""
    norm: Norm = "instance"
    """Normalization after each convolution but the first and the last."""
    init: Init = "normal"
    """Distribution of the initial weights."""
    init_gain: NotNegative = 0.02
    """Standard deviation of the initial weights, or the gain of `xavier`."""


@dataclass(frozen=True, kw_only=True)
class PatchGANConfig(ConvConfig):
    """A stack of strided convolutions that classifies overlapping patches."""

    layers: Positive = 3
    """Number of downsampling stages; patches are 34, 70, 142, 286 pixels wide for 2, 3, 4, 5."""
    antialias: bool = False
    """Downsample by a convolution and a blur, as CUT does, instead of by a strided convolution."""

    def contract(self) -> Contract:
        """Return what these options offer, and the size below which no patch is left."""
        return Contract(min_size=3 * 2**self.layers, offers=_offers(self.norm))


@dataclass(frozen=True, kw_only=True)
class MultiScaleConfig(ConvConfig):
    """A patch discriminator for the image and for each of its reductions."""

    scales: Positive = 2
    """Number of image sizes, the full one among them."""
    layers: Positive = 3
    """Number of downsampling stages in each discriminator, as for `patchgan`."""

    def contract(self) -> Contract:
        """Return what these options offer, and the size below which the coarsest image has no patch."""
        coarsest = self.patchgan().contract().min_size
        # Each stage rounds up.
        return Contract(min_size=(coarsest - 1) * 2 ** (self.scales - 1) + 1, offers=_offers(self.norm))

    def patchgan(self) -> PatchGANConfig:
        """Return the options of the discriminator at each scale."""
        shared = {field.name: getattr(self, field.name) for field in fields(ConvConfig)}
        return PatchGANConfig(layers=self.layers, **shared)


@dataclass(frozen=True, kw_only=True)
class PixelConfig(ConvConfig):
    """Convolutions of one pixel that classify each pixel by itself."""

    def contract(self) -> Contract:
        """Return what these options offer; the statistics of one pixel are none."""
        return Contract(min_size=1 if self.norm == "none" else 2, offers=_offers(self.norm))


def _offers(norm: Norm) -> frozenset[str]:
    # Batch norm couples the samples of a batch: a gradient for one of them alone does not exist.
    offers = frozenset({"double_backward", "exports", "compiles"})
    return offers if norm == "batch" else offers | {"independent_samples"}
