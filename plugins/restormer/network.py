"""The network of Restormer, written from the paper (Zamir et al. 2022, sections 3.1 and 3.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Generator

from . import RestormerConfig

HEADS = (1, 2, 4, 8)
"""Attention heads of each level, the finest first."""


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel, [N, C, H, W]; without `bias` no mean is subtracted and nothing added."""

    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        if self.bias is not None:
            return F.layer_norm(x.movedim(1, -1), x.shape[1:2], self.weight, self.bias).movedim(-1, 1)
        return x / (x.var(dim=1, keepdim=True, unbiased=False) + 1e-5).sqrt() * self.weight[:, None, None]


class Attention(nn.Module):
    """Multi-Dconv head transposed attention (Eq. 1): a C x C map for each head, so that its cost is linear in the pixels."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.depthwise = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False)
        self.project = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        n, channels, height, width = x.shape
        qkv = self.depthwise(self.qkv(x)).reshape(n, 3, self.heads, channels // self.heads, height * width)
        q, k, v = qkv.unbind(1)
        attention = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)) * self.temperature
        y: Tensor = self.project((attention.softmax(dim=-1) @ v).reshape(n, channels, height, width))
        return y


class FeedForward(nn.Module):
    """Gated-Dconv feed-forward network (Eq. 2)."""

    def __init__(self, channels: int, expansion: float) -> None:
        super().__init__()
        hidden = int(expansion * channels)
        self.widen = nn.Conv2d(channels, 2 * hidden, 1, bias=False)
        self.depthwise = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.narrow = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        gate, value = self.depthwise(self.widen(x)).chunk(2, dim=1)
        y: Tensor = self.narrow(F.gelu(gate) * value)
        return y


class Block(nn.Module):
    """x + attention(norm(x)), then the same with the feed-forward network."""

    def __init__(self, channels: int, heads: int, config: RestormerConfig) -> None:
        super().__init__()
        self.norm1, self.norm2 = (ChannelNorm(channels, config.bias) for _ in range(2))
        self.attention = Attention(channels, heads)
        self.feed_forward = FeedForward(channels, config.expansion)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        x = x + self.attention(self.norm1(x))
        y: Tensor = x + self.feed_forward(self.norm2(x))
        return y


class Restormer(Generator):
    """forward(x [N, in, H, W]) -> [N, out, H, W], H and W multiples of 8; in eval mode clipped to [-1, 1].

    In training nothing is clipped: a clipped pixel would have no gradient.
    """

    def __init__(self, config: RestormerConfig) -> None:
        super().__init__()
        self.grey = config.grey
        widths = [config.width * 2**level for level in range(4)]

        def level(channels: int, index: int, blocks: int) -> nn.Sequential:
            return nn.Sequential(*(Block(channels, HEADS[index], config) for _ in range(blocks)))

        self.first = nn.Conv2d(config.in_channels, widths[0], 3, padding=1, bias=False)
        self.encoders = nn.ModuleList(level(widths[i], i, config.blocks[i]) for i in range(4))
        self.downs = nn.ModuleList(_down(widths[i]) for i in range(3))
        self.ups = nn.ModuleList(_up(widths[i + 1]) for i in reversed(range(3)))
        self.reduces = nn.ModuleList(nn.Conv2d(2 * widths[i], widths[i], 1, bias=False) for i in (2, 1))
        # The finest level keeps the channels of both of its inputs.
        self.decoders = nn.ModuleList(level(widths[max(i, 1)], i, config.blocks[i]) for i in reversed(range(3)))
        self.refinement = level(widths[1], 0, config.refinement)
        self.last = nn.Conv2d(widths[1], config.out_channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return images [N, out, H, W] for x [N, in, H, W] in [-1, 1]."""
        image, skips, x = x, [], self.first(x)
        for encoder, down in zip(self.encoders, self.downs, strict=False):
            skips.append(encoder(x))
            x = down(skips[-1])
        x = self.encoders[-1](x)
        for index, (up, decoder) in enumerate(zip(self.ups, self.decoders, strict=True)):
            x = torch.cat((up(x), skips.pop()), dim=1)
            x = decoder(self.reduces[index](x) if index < len(self.reduces) else x)
        out: Tensor = self.last(self.refinement(x))
        out = out + image.mean(dim=1, keepdim=True) if self.grey else out
        return out if self.training else out.clamp(-1, 1)


def _down(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False), nn.PixelUnshuffle(2))


def _up(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False), nn.PixelShuffle(2))
