"""Blocks of ADM's U-Net: residual blocks that the time modulates, changes of resolution, and self-attention."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import GROUPS

PERIOD = 10_000.0
"""Largest period of the sinusoids over 2 pi."""


class Stage(nn.ModuleList):
    """Layers in sequence, of which residual blocks also read the time's code: forward(x, code)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(layers)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Return the last layer's features."""
        for layer in self:
            x = layer(x, code) if isinstance(layer, ResBlock) else layer(x)
        return x


class ResBlock(nn.Module):
    """x + f(x, time) at half (`resample` -1), the same (0) or twice (1) the pixels per side; a 1x1 convolution widens x."""

    def __init__(self, wide: int, channels: int, code: int, *, dropout: float, film: bool, resample: int) -> None:
        super().__init__()
        self.film, self.resample = film, resample
        self.norm1, self.conv1 = Norm(wide), nn.Conv2d(wide, channels, 3, padding=1)
        self.time = nn.Linear(code, (1 + film) * channels)
        self.norm2, self.dropout = Norm(channels), nn.Dropout(dropout)
        self.conv2 = zero(nn.Conv2d(channels, channels, 3, padding=1))
        self.skip = nn.Identity() if wide == channels else nn.Conv2d(wide, channels, 1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Return features [N, channels, h, w]."""
        h = self.conv1(resize(F.silu(self.norm1(x)), self.resample))
        time = self.time(F.silu(code))[..., None, None]
        if self.film:
            scale, shift = time.chunk(2, dim=1)
            h = self.norm2(h) * (1 + scale) + shift
        else:
            h = self.norm2(h + time)
        y: Tensor = self.skip(resize(x, self.resample)) + self.conv2(self.dropout(F.silu(h)))
        return y


class Resample(nn.Module):
    """A 3x3 convolution with stride 2 (`resample` -1), or after nearest upsampling (1)."""

    def __init__(self, channels: int, resample: int) -> None:
        super().__init__()
        self.resample = resample
        self.conv = nn.Conv2d(channels, channels, 3, stride=2 if resample < 0 else 1, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of half or twice the pixels per side."""
        y: Tensor = self.conv(resize(x, max(0, self.resample)))
        return y


class Attention(nn.Module):
    """x + projection(softmax(q k / sqrt(c)) v) over all pixels, with c channels a head."""

    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        self.head_channels = head_channels
        self.norm = Norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        n, channels, height, width = x.shape
        heads = channels // self.head_channels
        qkv = self.qkv(self.norm(x)).reshape(n, 3, heads, self.head_channels, height * width).transpose(-2, -1)
        attended = F.scaled_dot_product_attention(*qkv.unbind(1)).transpose(-2, -1)
        y: Tensor = x + self.project(attended.reshape(n, channels, height, width))
        return y


class Norm(nn.GroupNorm):
    """Group normalization in 32 groups, computed in float32 at least."""

    def __init__(self, channels: int) -> None:
        super().__init__(GROUPS, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape and type."""
        kind = torch.promote_types(x.dtype, torch.float32)
        y = F.group_norm(x.to(kind), self.num_groups, self.weight.to(kind), self.bias.to(kind), self.eps)
        return y.to(x.dtype)


def resize(x: Tensor, resample: int) -> Tensor:
    """Return features at half the pixels per side by their mean (-1), unchanged (0), or at twice by the nearest pixel (1)."""
    if resample < 0:
        return F.avg_pool2d(x, 2)
    return F.interpolate(x, scale_factor=2, mode="nearest") if resample > 0 else x


def sinusoids(position: Tensor, channels: int) -> Tensor:
    """Return cosines, then sines, of positions [N] at periods from 2 pi to almost 2 pi 10000, float32 [N, channels]."""
    half = channels // 2
    rates = torch.exp(-math.log(PERIOD) / half * torch.arange(half, device=position.device, dtype=torch.float32))
    angles = position.float()[:, None] * rates
    return torch.cat((angles.cos(), angles.sin()), dim=1)


def zero(layer: nn.Conv2d) -> nn.Conv2d:
    """Let a convolution start at zero."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
