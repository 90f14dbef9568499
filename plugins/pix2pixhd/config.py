"""Options of pix2pixHD's networks and losses. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.hookspec import Contract
from zoo.layers.kinds import Norm
from zoo.limits import Decay, NotNegative, Positive

Upsample = Literal["transposed", "bilinear"]
NETWORK = frozenset({"exports", "compiles"})


@dataclass(frozen=True, kw_only=True)
class GlobalConfig:
    """The global generator."""

    in_channels: Positive = 3
    """Channels of the input images."""
    out_channels: Positive = 1
    """Channels of the output images."""
    width: Positive = 64
    """Channels after the first convolution; they double in each downsampling stage."""
    downs: Positive = 3
    """Number of downsampling stages: 3 in the class of the authors' code, 4 in its options."""
    blocks: Positive = 9
    """Number of residual blocks."""
    norm: Norm = "instance"
    """Normalization after each convolution but the last."""
    upsample: Upsample = "transposed"
    """Transposed convolutions, or bilinear enlargement and a convolution, as ThermalGen's baseline has it."""

    def contract(self) -> Contract:
        """Return the sizes that can be halved as often, and leave an image to reflect at its border."""
        return Contract(size_multiple=2**self.downs, min_size=2 ** (self.downs + 1), offers=NETWORK)


@dataclass(frozen=True, kw_only=True)
class LocalConfig:
    """The local enhancer, which holds a global generator of twice the width."""

    in_channels: Positive = 3
    """Channels of the input images."""
    out_channels: Positive = 1
    """Channels of the output images."""
    width: Positive = 32
    """Channels after the first convolution of the enhancer; the global generator has twice as many."""
    downs: Positive = 4
    """Downsampling stages of the global generator, which sees the image at half its size."""
    blocks: Positive = 9
    """Residual blocks of the global generator."""
    local_blocks: Positive = 3
    """Residual blocks of the enhancer."""
    norm: Norm = "instance"
    """Normalization after each convolution but the last."""
    upsample: Upsample = "transposed"
    """As for `pix2pixhd_global`."""

    def contract(self) -> Contract:
        """Return the sizes that the enhancer can halve once and its global generator as often as it does."""
        return Contract(size_multiple=2 ** (self.downs + 1), min_size=2 ** (self.downs + 2), offers=NETWORK)

    def coarse(self) -> GlobalConfig:
        """Return the options of the global generator."""
        return GlobalConfig(
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            width=2 * self.width,
            downs=self.downs,
            blocks=self.blocks,
            norm=self.norm,
            upsample=self.upsample,
        )


@dataclass(frozen=True, kw_only=True)
class ScalesConfig:
    """Patch discriminators for the image and for each of its reductions."""

    in_channels: Positive = 4
    """Channels of the input images."""
    scales: Positive = 2
    """Number of image sizes, the full one among them."""
    width: Positive = 64
    """Channels after the first convolution; they double up to eight times as many."""
    layers: Positive = 3
    """Strided convolutions of each discriminator."""
    norm: Norm = "instance"
    """Normalization after each convolution but the first and the last."""

    def contract(self) -> Contract:
        """Return what these options offer, and the size whose coarsest reduction an instance norm can still normalize."""
        offers = NETWORK | {"features", "double_backward"}
        return Contract(
            min_size=2 ** (self.layers + self.scales - 1),
            offers=offers if self.norm == "batch" else offers | {"independent_samples"},
        )


@dataclass(frozen=True, kw_only=True)
class Pix2PixHDConfig:
    """Losses and optimizer; the defaults are those of the authors' code, without its VGG loss."""

    gan: Literal["lsgan", "log"] = "lsgan"
    """Adversarial loss: squared distance, or cross entropy."""
    features: NotNegative = 10.0
    """Weight of feature matching."""
    lr: NotNegative = 2e-4
    """Adam's learning rate, for generator and discriminator."""
    beta1: Decay = 0.5
    """Adam's decay of the first moment."""
    beta2: Decay = 0.999
    """Adam's decay of the second moment."""

    def contract(self) -> Contract:
        """Return what the method needs: aligned pairs, and a discriminator whose features are available."""
        return Contract(uses=("generator", "discriminator"), needs=frozenset({"pairs", "features"}))
