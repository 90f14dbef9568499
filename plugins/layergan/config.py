"""Options of LayerGAN. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.errors import RefusedError
from zoo.hookspec import Contract
from zoo.limits import AboveZero, Decay, NotNegative, Positive

SMALLEST, LARGEST = 32, 512
"""Sizes in pixels between which the eight blocks of the encoder can serve every resolution of the decoder."""


@dataclass(frozen=True, kw_only=True)
class LayerGANConfig:
    """Layers, networks, losses and optimizer; the README lists what the paper does not state."""

    layered: bool = True
    """A layer for each class; else a single one for the whole image (the paper's reduced method)."""
    classes: tuple[str, ...] | None = None
    """Classes with their own layer, all others share one more; None: every class of the dataset."""
    temperature: Literal["pixel", "layer", "image"] = "pixel"
    """Where the temperature of an object is an input: at its own pixels, in its layer, or (the paper) in the whole image."""
    target: Literal["absolute", "relative"] = "absolute"
    """What a layer draws: the thermal image, or how it differs from its objects' mean temperatures."""
    contrast: AboveZero = 10.0
    """Difference in degrees Celsius at -1 and 1 of a `relative` layer; larger ones are clipped."""
    gan: Literal["wgan", "lsgan", "log"] = "wgan"
    """Adversarial loss: Wasserstein, squared distance, or cross entropy."""
    conditional: bool = False
    """Add the generator's input to that of the discriminators."""
    lambda_l1: NotNegative = 100.0
    """Weight of the L1 distance to the thermal image."""
    lambda_adv: NotNegative = 1.0
    """Weight of the adversarial loss of each layer."""
    latent: Positive = 512
    """Length of a layer's latent vector."""
    channel_multiplier: AboveZero = 1.0
    """Decoder channels at r pixels are 16384 / r times this; 1 and 2 are StyleGAN2's widths."""
    max_channels: Positive = 512
    """Most decoder channels at any resolution."""
    share_trunk: bool = False
    """One decoder for all layers, each with its own output convolutions; else one decoder for each layer."""
    encoder_norm: Literal["group", "batch"] = "group"
    """Normalization in the encoder: of each image by itself, or the batch norm of the original ResNet-18."""
    lr: NotNegative = 2e-4
    """Adam's learning rate of encoder and decoders."""
    discriminator_lr: NotNegative = 2e-4
    """Adam's learning rate of the discriminators."""
    beta1: Decay = 0.0
    """Adam's decay of the first moment."""
    beta2: Decay = 0.99
    """Adam's decay of the second moment."""

    def for_size(self, size: int) -> LayerGANConfig:
        """Return the same options for any size that the decoder can be built for.

        Raises:
            RefusedError: the size is no power of two, or too small or too large.
        """
        if not SMALLEST <= size <= LARGEST or size & (size - 1):
            nearest = min(max(2 ** (max(size, 1).bit_length() - 1), SMALLEST), LARGEST)
            raise RefusedError(
                f"layergan requires a size that is a power of two from {SMALLEST} to {LARGEST} px, and {size} is not",
                f"Use `size`={nearest}",
            )
        return self

    def contract(self) -> Contract:
        """Return what the method needs; images to translate may have any size."""
        return Contract(
            uses=("discriminator",),
            needs=frozenset({"pairs", "labels", "celsius"}),
            reads=("visible", "labels", "thermal_segmentation"),
            # A minibatch holds few images of a class, and each is penalized by itself. Discriminators are as wide as decoders.
            defaults={
                "discriminator": {
                    "minibatch_std": False,
                    "channel_multiplier": self.channel_multiplier,
                    "max_channels": self.max_channels,
                }
            },
        )
