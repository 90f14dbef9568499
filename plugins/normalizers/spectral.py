"""Spectral normalization (Miyato et al. 2018, section 2.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import register_parametrization

from zoo.contracts import Normalizer
from zoo.errors import UsageError

from .config import SpectralNormConfig


class SpectralNormalizer(Normalizer):
    """Divides the weight of every convolution and linear layer by its largest singular value, as a matrix with one row for
    each output channel.

    The singular value is the estimate of the power iteration, which advances by `iterations` at each pass in training mode;
    its vectors are buffers, so that a checkpoint holds them.
    """

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
            output = 1 if isinstance(layer, _ConvTransposeNd) else 0  # dimension of the output channels
            norm = FullPrecisionSpectralNorm(layer.weight, self.config.iterations, dim=output)
            register_parametrization(layer, "weight", norm)
        return discriminator


class FullPrecisionSpectralNorm(_SpectralNorm):
    """The parametrization of `torch.nn.utils.parametrizations.spectral_norm`, never autocast to half precision."""

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight divided by its largest singular value."""
        with torch.autocast(weight.device.type, enabled=False):
            normalized: Tensor = super().forward(weight)
        return normalized
