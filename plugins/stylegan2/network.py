"""The residual discriminator of StyleGAN2 (Karras et al. 2020, section 4.1 and figure 7c)."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from zoo.contracts import Discriminator
from zoo.layers.stylegan2 import BiasedLeakyReLU, Blur, EqualConv2d, EqualLinear, minibatch_std, width_at

from .config import StyleGAN2Config


class ConvLayer(nn.Sequential):
    """[blur,] convolution, bias and leaky ReLU: [N, in, h, w] -> [N, out, h, w], with `down` half the size."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, down: bool = False) -> None:
        conv = EqualConv2d(
            in_channels,
            out_channels,
            kernel,
            stride=2 if down else 1,
            padding=0 if down else None,  # the blur has padded already
            bias=False,
        )
        blur = [Blur(padding=2)] if down else []
        super().__init__(*blur, conv, BiasedLeakyReLU(out_channels))


class ResidualBlock(nn.Module):
    """(f(x) + skip(x)) / sqrt(2), f two 3x3 convolutions: [N, in, h, w] -> [N, out, h / 2, w / 2]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = ConvLayer(in_channels, in_channels, 3)
        self.conv2 = ConvLayer(in_channels, out_channels, 3, down=True)
        # A 1x1 convolution commutes with dropping pixels: dropping them first is cheaper.
        self.skip = nn.Sequential(Blur(padding=1, stride=2), EqualConv2d(in_channels, out_channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's features."""
        y: Tensor = (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2)
        return y


class StyleGAN2Discriminator(Discriminator):
    """forward(x [N, C, size, size] in [-1, 1]) -> logits [N, 1]."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        resolutions = [config.size >> stage for stage in range(config.size.bit_length() - 2)]  # size, ..., 4
        widths = [width_at(side, config.channel_multiplier, config.max_channels) for side in resolutions]
        last = widths[-1]
        self.minibatch_std = config.minibatch_std
        self.convs = nn.Sequential(
            ConvLayer(config.in_channels, widths[0], 1),
            *(ResidualBlock(wide, narrow) for wide, narrow in pairwise(widths)),
        )
        self.final_conv = ConvLayer(last + config.minibatch_std, last, 3)
        self.final_linear = nn.Sequential(EqualLinear(last * 4 * 4, last, activate=True), EqualLinear(last, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return one logit for each image."""
        features = self.convs(x)
        if self.minibatch_std:
            features = minibatch_std(features)
        logits: Tensor = self.final_linear(self.final_conv(features).flatten(1))
        return logits
