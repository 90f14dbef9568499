"""Blocks of U-GAT-IT: adaptive layer-instance normalization and the attention of class activation maps (Kim et al. 2020)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.layers.pad import ReflectionPad2d

EPSILON = 1e-5
"""Added to variances."""


class LayerInstanceNorm(nn.Module):
    """rho IN(x) + (1 - rho) LN(x), then a scale and a shift (Eq. 1): forward(x [N, C, h, w], gamma, beta [N, C] or [C]).

    IN normalizes each channel, LN each image, both by the unbiased variance. `rho` is learned for each channel; the method
    keeps it in [0, 1].
    """

    def __init__(self, channels: int, rho: float) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), rho))

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Return features of the same shape; statistics are computed at least in float32."""
        full = x.to(torch.promote_types(x.dtype, torch.float32))
        mixed = self.rho * _normalized(full, (2, 3)) + (1 - self.rho) * _normalized(full, (1, 2, 3))
        return (mixed * gamma[..., None, None] + beta[..., None, None]).to(x.dtype)


class LearnedNorm(nn.Module):
    """LIN: the same with a learned scale and shift for each channel, and layer norm alone at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = LayerInstanceNorm(channels, rho=0.0)
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        y: Tensor = self.norm(x, self.gamma, self.beta)
        return y


class AdaptiveBlock(nn.Module):
    """x + AdaLIN(conv(ReLU(AdaLIN(conv(x))))), both with the scale and shift of the image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (conv(channels, channels, 3) for _ in range(2))
        self.norm1, self.norm2 = (LayerInstanceNorm(channels, rho=0.9) for _ in range(2))

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Return features of the same shape."""
        hidden = F.relu(self.norm1(self.conv1(x), gamma, beta))
        y: Tensor = x + self.norm2(self.conv2(hidden), gamma, beta)
        return y


class CamAttention(nn.Module):
    """Classify images by the means and the maxima of their features, and weight the features by both classifiers (section 2.1.1).

    forward(x [N, C, h, w]) -> features [N, C, h, w] before an activation, and logits [N, 2].
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean, self.maximum = (nn.Linear(channels, 1, bias=False) for _ in range(2))
        self.mix = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return weighted features and logits."""
        weights = (
            self.mean.weight,
            self.maximum.weight,
        )  # read once: under spectral norm each reading is a power iteration
        pooled = x.mean((2, 3)), x.amax((2, 3))
        logits = torch.cat([F.linear(one, weight) for one, weight in zip(pooled, weights, strict=True)], dim=1)
        mixed: Tensor = self.mix(torch.cat([x * weight[..., None, None] for weight in weights], dim=1))
        return mixed, logits


def conv(channels: int, out: int, kernel: int, *, stride: int = 1, bias: bool = False) -> nn.Sequential:
    """Return a convolution of reflected images: 7x7 and 3x3 pixels keep the size, 4x4 is of the discriminators."""
    padding = 1 if kernel == 4 else kernel // 2
    return nn.Sequential(ReflectionPad2d(padding), nn.Conv2d(channels, out, kernel, stride=stride, bias=bias))


def _normalized(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    variance, mean = torch.var_mean(x, dims, correction=1, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + EPSILON)
