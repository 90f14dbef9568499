"""Spectral normalization of every layer (Miyato et al. 2018, section 2.1)."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.conv import _ConvNd

from zoo.contracts import Normalizer
from zoo.errors import UsageError
from zoo.layers.spectral import spectral_norm

from .config import SpectralNormConfig


class SpectralNormalizer(Normalizer):
    """Divides the weight of every convolution and linear layer by its largest singular value, as `zoo.layers.spectral` does."""

    def __init__(self, config: SpectralNormConfig) -> None:
        self.config = config

    def wrap(self, discriminator: nn.Module) -> nn.Module:
        """Return the same discriminator, its layers now normalized.

        Raises:
            UsageError: it has no layer that is a convolution or linear.
        """
        layers = [layer for layer in discriminator.modules() if isinstance(layer, _ConvNd | nn.Linear)]
        if not layers:
            raise UsageError(
                f"normalizer sn acts on convolutions and linear layers, and {type(discriminator).__name__} has none "
                "of torch's own",
                "Choose another discriminator or normalizer, e.g. gp.",
            )
        for layer in layers:
            spectral_norm(layer, self.config.iterations)
        return discriminator
