"""Spectral normalization (Miyato et al. 2018, section 2.1)."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import register_parametrization

Layer = TypeVar("Layer", bound=nn.Module)


class FullPrecisionSpectralNorm(_SpectralNorm):
    """The parametrization of `torch.nn.utils.parametrizations.spectral_norm`, never autocast to half precision."""

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight divided by its largest singular value."""
        device = "cpu" if weight.is_meta else weight.device.type  # the meta device has no autocast
        with torch.autocast(device, enabled=False):
            normalized: Tensor = super().forward(weight)
        return normalized


def spectral_norm(layer: Layer, iterations: int = 1) -> Layer:
    """Return a convolution or linear layer whose weight is from now on divided by its largest singular value.

    The weight is a matrix with one row for each output channel. The singular value is the estimate of the power iteration,
    which advances by `iterations` whenever the weight is read in training mode; its vectors are buffers, so that a checkpoint
    holds them.
    """
    output = 1 if isinstance(layer, _ConvTransposeNd) else 0  # dimension of the output channels
    weight = layer.weight
    assert isinstance(weight, Tensor)
    register_parametrization(layer, "weight", FullPrecisionSpectralNorm(weight, iterations, dim=output))
    return layer
