"""Options of U-GAT-IT's networks and losses. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from zoo.hookspec import Contract
from zoo.limits import Decay, NotNegative, Positive
from zoo.sizes import Size, size_of

NETWORK = frozenset({"exports", "compiles", "independent_samples"})
LOCAL_STAGES = 3
"""Strided convolutions of the local discriminator."""


@dataclass(frozen=True, kw_only=True)
class LightConfig:
    """The light generator, whose AdaLIN parameters follow from the means of the features."""

    in_channels: Positive = 3
    """Channels of the input images."""
    out_channels: Positive = 1
    """Channels of the output images."""
    width: Positive = 64
    """Channels after the first convolution; the residual blocks have four times as many."""
    blocks: Positive = 4
    """Residual blocks of the encoder, and as many of the decoder."""

    def contract(self) -> Contract:
        """Return the sizes that can be halved twice and then have a border to reflect."""
        return Contract(size_multiple=4, min_size=8, offers=NETWORK)


@dataclass(frozen=True, kw_only=True)
class FullConfig(LightConfig):
    """The full generator, whose AdaLIN parameters follow from all features of an image, so that it has one image size."""

    size: Size = 256
    """Size of the images; a recipe sets it to its own."""

    def for_sides(self, height: int, width: int) -> Self:
        """Return the options for images of this height and width in pixels."""
        return replace(self, size=size_of(height, width))


@dataclass(frozen=True, kw_only=True)
class PairConfig:
    """The global and the local discriminator."""

    in_channels: Positive = 1
    """Channels of the input images."""
    width: Positive = 64
    """Channels after the first convolution; they double with every further one."""
    stages: Positive = 5
    """Strided convolutions of the global discriminator, fewer for images below 128 px; the local one has 3."""

    def for_sides(self, height: int, width: int) -> Self:
        """Return the options with as many `stages` as leave 4 pixels of an image of this height and width."""
        possible = min(height, width).bit_length() - 3
        return replace(self, stages=max(min(self.stages, possible), 1))

    def contract(self) -> Contract:
        """Return the sizes of which the local discriminator leaves 4 pixels, and what the networks offer.

        Their weights change with each pass in training mode, so that a gradient of their gradient has no meaning.
        """
        return Contract(min_size=2 ** (LOCAL_STAGES + 2), offers=NETWORK)


@dataclass(frozen=True, kw_only=True)
class UGATITConfig:
    """Losses and optimizer; the defaults are those of the authors' code."""

    gan: NotNegative = 1.0
    """Weight of the adversarial losses, of logits and of the discriminators' CAM logits."""
    cycle: NotNegative = 10.0
    """Weight of the L1 distance between an image and its translation there and back."""
    identity: NotNegative = 10.0
    """Weight of the L1 distance between an image of the target domain and its translation."""
    cam: NotNegative = 1000.0
    """Weight of the cross entropy with which the generators' CAM logits distinguish both domains."""
    lr: NotNegative = 1e-4
    """Adam's learning rate, for generators and discriminators."""
    beta1: Decay = 0.5
    """Adam's decay of the first moment."""
    beta2: Decay = 0.999
    """Adam's decay of the second moment."""
    weight_decay: NotNegative = 1e-4
    """Weight of the L2 penalty in Adam's gradient."""

    def contract(self) -> Contract:
        """Return what the method uses."""
        return Contract(uses=("generator", "discriminator"), reads=("visible",))
