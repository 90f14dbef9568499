"""The network of NAFNet, written from the paper (Chen et al. 2022, figures 2 to 4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Generator

from . import NAFNetConfig


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, C, H, W]."""
        y = F.layer_norm(x.movedim(1, -1), (x.shape[1],), self.weight, self.bias, eps=1e-6)
        return y.movedim(-1, 1)


def gate(x: Tensor) -> Tensor:
    """Return the product of both halves of the channels, the network's only nonlinearity beside attention."""
    a, b = x.chunk(2, dim=1)
    return a * b


class Block(nn.Module):
    """Two residual halves: a gated depthwise convolution with channel attention, and a gated pointwise one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = ChannelNorm(channels), ChannelNorm(channels)
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.depthwise = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.attention = nn.Conv2d(channels, channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.narrow = nn.Conv2d(channels, channels, 1)
        # Both halves start as the identity.
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        y = gate(self.depthwise(self.expand(self.norm1(x))))
        y = self.project(y * self.attention(y.mean((2, 3), keepdim=True)))
        x = x + self.beta * y
        z: Tensor = x + self.gamma * self.narrow(gate(self.widen(self.norm2(x))))
        return z


def stage(channels: int, blocks: int) -> nn.Sequential:
    """Return blocks in a row."""
    return nn.Sequential(*(Block(channels) for _ in range(blocks)))


class NAFNet(Generator):
    """A U-Net of such blocks whose skip connections are added; tanh in place of the paper's sum with the input.

    forward(x [N, in, H, W]) -> [N, out, H, W] in [-1, 1], H and W multiples of 2 to the number of stages.
    """

    def __init__(self, config: NAFNetConfig) -> None:
        super().__init__()
        width = config.width
        self.intro = nn.Conv2d(config.in_channels, width, 3, padding=1)
        self.encoders, self.downs = nn.ModuleList(), nn.ModuleList()
        for blocks in config.encoder:
            self.encoders.append(stage(width, blocks))
            self.downs.append(nn.Conv2d(width, 2 * width, 2, stride=2))
            width *= 2
        self.middle = stage(width, config.middle)
        self.ups, self.decoders = nn.ModuleList(), nn.ModuleList()
        for blocks in config.decoder:
            self.ups.append(nn.Sequential(nn.Conv2d(width, 2 * width, 1, bias=False), nn.PixelShuffle(2)))
            width //= 2
            self.decoders.append(stage(width, blocks))
        self.ending = nn.Conv2d(width, config.out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return images [N, out, H, W] in [-1, 1]."""
        x, skips = self.intro(x), []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            skips.append(encoder(x))
            x = down(skips[-1])
        x = self.middle(x)
        for up, decoder, skip in zip(self.ups, self.decoders, reversed(skips), strict=True):
            x = decoder(up(x) + skip)
        out: Tensor = self.ending(x).tanh()
        return out
