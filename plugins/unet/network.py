"""The U-Net generators of pix2pix (Isola et al. 2017, section 3.2.1 and appendix 6.1.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo.contracts import Generator
from zoo.errors import UsageError
from zoo.layers.init import initialize
from zoo.layers.kinds import Norm
from zoo.layers.norm import conv_bias, norm2d

from .config import FEWEST, UNetConfig


class Level(nn.Module):
    """One size of the U-Net: downsample, run the level inside, upsample.

    forward(x [N, c, h, w]) -> [N, 2c, h, w]: the input, as the skip connection, and what came back from inside.
    """

    def __init__(self, encoder: Sequence[nn.Module], inside: Level | None, decoder: Sequence[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*encoder, *([inside] if inside else []), *decoder)
        self.encoder_length = len(encoder)

    def forward(self, x: Tensor) -> Tensor:
        """Return the skip connection and the decoded features, [N, 2c, h, w]."""
        return torch.cat((x, self.model(x)), dim=1)

    def encode(self, x: Tensor) -> Tensor:
        """Return the input of the level inside, [N, d, h / 2, w / 2]."""
        for layer in self.model[: self.encoder_length]:
            x = layer(x)
        return x


class Outermost(Level):
    """The level at the size of the images, which has no skip connection: forward(x [N, in, H, W]) -> [N, out, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the decoded images."""
        y: Tensor = self.model(x)
        return y


class UNetGenerator(Generator):
    """forward(x [N, in, H, W]) -> [N, out, H, W], both in [-1, 1]; H and W multiples of 2 ** downs.

    Raises:
        UsageError: `downs` is None, that is, no image size was given.
    """

    tap_layers = (0, 1, 2, 3, 4)

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        width, norm, downs = config.width, config.norm, config.downs
        if downs is None:
            raise UsageError(
                "unet_auto is as deep as the image size allows, and no `size` was given", "Use unet_auto:downs=6."
            )
        level = _innermost(8 * width, norm)
        for _ in range(downs - FEWEST):
            level = _middle(8 * width, level, 8 * width, norm, dropout=config.dropout)
        for scale in (4, 2, 1):
            level = _middle(scale * width, level, 2 * scale * width, norm)
        self.model = Outermost(
            [_down(config.in_channels, width, bias=conv_bias(norm))],
            level,
            [nn.ReLU(), _up(2 * width, config.out_channels, bias=True), nn.Tanh()],
        )
        initialize(self, config.init, config.init_gain)

    def forward(self, x: Tensor) -> Tensor:
        """Return images [N, out, H, W] in [-1, 1] for x [N, in, H, W] in [-1, 1]."""
        y: Tensor = self.model(x)
        return y

    def taps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Return encoder features in the order of `layers`: layer 0 is the image, layer k the features after k stages.

        Raises:
            ValueError: a layer that the encoder does not have.
        """
        levels = [module for module in self.modules() if isinstance(module, Level)]
        if not all(0 <= layer <= len(levels) for layer in layers):
            raise ValueError(f"got layers {list(layers)}, the encoder has 0 to {len(levels)}")
        features = [x]
        for level in levels[: max(layers, default=0)]:
            features.append(level.encode(features[-1]))
        return [features[layer] for layer in layers]


def _innermost(channels: int, norm: Norm) -> Level:
    bias = conv_bias(norm)
    # A single pixel may be left here, which instance norm would set to zero: the encoder has none.
    encoder = [nn.LeakyReLU(0.2), _down(channels, channels, bias=bias)]
    return Level(encoder, None, [nn.ReLU(), _up(channels, channels, bias=bias), norm2d(norm, channels)])


def _middle(outer: int, inside: Level, inner: int, norm: Norm, *, dropout: bool = False) -> Level:
    bias = conv_bias(norm)
    encoder = [nn.LeakyReLU(0.2), _down(outer, inner, bias=bias), norm2d(norm, inner)]
    decoder = [nn.ReLU(), _up(2 * inner, outer, bias=bias), norm2d(norm, outer)]
    return Level(encoder, inside, [*decoder, nn.Dropout(0.5)] if dropout else decoder)


def _down(channels: int, out: int, *, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 4, stride=2, padding=1, bias=bias)


def _up(channels: int, out: int, *, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, out, 4, stride=2, padding=1, bias=bias)
