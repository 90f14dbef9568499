"""The generators of pix2pixHD (Wang et al. 2018, section 3.2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from zoo.contracts import Generator
from zoo.layers.kinds import Norm
from zoo.layers.norm import norm2d
from zoo.layers.residual import ResidualBlock

from .config import GlobalConfig, LocalConfig, Upsample


class GlobalGenerator(Generator):
    """A residual network between `downs` downsampling stages and as many upsampling stages, tanh.

    forward(x [N, in, H, W]) -> [N, out, H, W] in [-1, 1], with H and W multiples of 2 ** downs. With two stages it is the
    ResNet of CycleGAN.
    """

    def __init__(self, config: GlobalConfig) -> None:
        super().__init__()
        width, norm = config.width, config.norm
        deep = width * 2**config.downs
        self.model = nn.Sequential(
            *_first(config.in_channels, width, norm),
            *(layer for stage in range(config.downs) for layer in _down(width * 2**stage, norm)),
            *(ResidualBlock(deep, norm=norm, dropout=False, attention=nn.Identity()) for _ in range(config.blocks)),
            *(layer for stage in range(config.downs) for layer in _up(deep // 2**stage, norm, config.upsample)),
            *_last(width, config.out_channels),
        )
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return images [N, out, H, W] in [-1, 1] for x [N, in, H, W] in [-1, 1]."""
        y: Tensor = self.model(x)
        return y


class LocalEnhancer(Generator):
    """Residual blocks at half the size, on the sum of the image's features and those of a global generator of the reduced image.

    forward(x [N, in, H, W]) -> [N, out, H, W] in [-1, 1], with H and W multiples of 2 ** (downs + 1).
    """

    def __init__(self, config: LocalConfig) -> None:
        super().__init__()
        width, norm = config.width, config.norm
        self.coarse = GlobalGenerator(config.coarse()).model[:-3]
        self.down = nn.Sequential(*_first(config.in_channels, width, norm), *_down(width, norm))
        self.up = nn.Sequential(
            *(
                ResidualBlock(2 * width, norm=norm, dropout=False, attention=nn.Identity())
                for _ in range(config.local_blocks)
            ),
            *_up(2 * width, norm, config.upsample),
            *_last(width, config.out_channels),
        )
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return images [N, out, H, W] in [-1, 1] for x [N, in, H, W] in [-1, 1]."""
        y: Tensor = self.up(self.down(x) + self.coarse(halve(x)))
        return y


def halve(x: Tensor) -> Tensor:
    """Return images at half the size, rounded up: means over 3x3 pixels, at the border over those that exist."""
    return F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)


def initialize(module: nn.Module) -> None:
    """Draw the weights of all convolutions from N(0, 0.02), in place; biases keep torch's uniform distribution."""
    for layer in module.modules():
        if isinstance(layer, _ConvNd):
            nn.init.normal_(layer.weight, 0.0, 0.02)


def _first(channels: int, width: int, norm: Norm) -> list[nn.Module]:
    return [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7), norm2d(norm, width), nn.ReLU()]


def _down(channels: int, norm: Norm) -> list[nn.Module]:
    return [nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1), norm2d(norm, 2 * channels), nn.ReLU()]


def _up(channels: int, norm: Norm, upsample: Upsample) -> list[nn.Module]:
    half = channels // 2
    enlarge: list[nn.Module] = (
        [nn.ConvTranspose2d(channels, half, 3, stride=2, padding=1, output_padding=1)]
        if upsample == "transposed"
        else [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(channels, half, 3, padding=1)]
    )
    return [*enlarge, norm2d(norm, half), nn.ReLU()]


def _last(width: int, channels: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()]
