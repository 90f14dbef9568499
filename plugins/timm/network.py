"""A translation U-Net (Ronneberger et al. 2015) with any of timm's networks as its encoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, log2

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.contracts import Generator
from zoo.layers.init import initialize
from zoo.layers.kinds import Norm
from zoo.layers.norm import norm2d

from .config import TimmUNetConfig
from .encoder import Encoder

DEFAULT_SIZE = 256


class Enlarge(nn.Module):
    """Enlarge features, join those of the encoder at that size, and convolve twice.

    forward(x [N, c, h, w], size, skip [N, s, *size] or None) -> [N, out, *size]
    """

    def __init__(self, channels: int, skip: int, out: int, norm: Norm) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_convolve(channels + skip, out, norm), *_convolve(out, out, norm))

    def forward(self, x: Tensor, size: Sequence[int], skip: Tensor | None = None) -> Tensor:
        """Return the features at `size`."""
        x = F.interpolate(x, list(size), mode="nearest")
        y: Tensor = self.layers(x if skip is None else torch.cat((x, skip), dim=1))
        return y


class Climb(nn.Module):
    """From one of the encoder's sizes to the next finer one, a doubling at a time.

    forward(x [N, channels, h, w], size, skip [N, s, *size] or None) -> [N, outs[-1], *size]
    """

    def __init__(self, channels: int, skip: int, outs: Sequence[int], norm: Norm) -> None:
        super().__init__()
        skips = [0] * (len(outs) - 1) + [skip]
        self.steps = nn.ModuleList(map(Enlarge, [channels, *outs[:-1]], skips, outs, [norm] * len(outs)))

    def forward(self, x: Tensor, size: Sequence[int], skip: Tensor | None = None) -> Tensor:
        """Return the features at `size`."""
        for left, step in zip(reversed(range(len(self.steps))), self.steps, strict=True):
            x = step(x, [-(-side // 2**left) for side in size], None if left else skip)
        return x


class Decoder(nn.Module):
    """From features at the encoder's strides back to the image's size, one doubling at a time.

    forward(features, the finest first; size of the image) -> [N, width, *size]

    Args:
        strides: of the features, ascending; between two of them, and to the image, lie as many doublings as are needed.
        channels: of the features.
        width: channels at the image's size.
        norm: normalization after each convolution.
    """

    def __init__(self, strides: Sequence[int], channels: Sequence[int], width: int, norm: Norm) -> None:
        super().__init__()
        skips = dict(zip(strides, channels, strict=True))
        stops = sorted({1, *strides}, reverse=True)
        left, entering = sum(map(_doublings, stops, stops[1:])), channels[-1]
        self.climbs = nn.ModuleList()
        for coarse, fine in pairwise(stops):
            count = _doublings(coarse, fine)
            outs = [width * min(2**exponent, 8) for exponent in range(left - 1, left - count - 1, -1)]
            self.climbs.append(Climb(entering, skips.get(fine, 0), outs, norm))
            left, entering = left - count, outs[-1]

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """Return the features at the image's size."""
        *skips, x = features
        stops: list[Tensor | None] = [*reversed(skips)]
        if len(stops) < len(self.climbs):
            stops.append(None)  # the encoder has no features at the image's size
        for climb, skip in zip(self.climbs, stops, strict=True):
            x = climb(x, size if skip is None else skip.shape[-2:], skip)
        return x


class TimmUNet(Generator):
    """forward(x [N, in, H, W]) -> [N, out, H, W], both in [-1, 1], of any size that the encoder takes.

    Images whose sides are no multiples of the encoder's coarsest stride are padded with zeros to the right and below, and the
    output is cropped.

    Raises:
        UsageError: the encoder's name is unknown, or it cannot take images of this size.
        ZooError: its published weights cannot be downloaded.
    """

    def __init__(self, config: TimmUNetConfig) -> None:
        super().__init__()
        self.encoder = Encoder(
            config.encoder,
            pretrained=config.pretrained,
            in_channels=config.in_channels,
            size=config.size or DEFAULT_SIZE,
        )
        self.decoder = Decoder(self.encoder.strides, self.encoder.channels, config.width, config.norm)
        self.head = nn.Conv2d(config.width, config.out_channels, 3, padding=1)
        self.tap_layers = tuple(range(len(self.encoder.strides) + 1))
        initialize(self.decoder, config.init, config.init_gain)
        initialize(self.head, config.init, config.init_gain)

    def forward(self, x: Tensor) -> Tensor:
        """Return images [N, out, H, W] in [-1, 1] for x [N, in, H, W] in [-1, 1]."""
        height, width = x.shape[-2:]
        x = self._padded(x)
        y: Tensor = self.head(self.decoder(self.encoder(x), x.shape[-2:]))
        return torch.tanh(y[..., :height, :width])

    def taps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Return encoder features in the order of `layers`: layer 0 is the image, layer k the k-th features from the finest on.

        Raises:
            ValueError: a layer that the encoder does not have.
        """
        if not all(layer in self.tap_layers for layer in layers):
            raise ValueError(f"got layers {list(layers)}, the encoder has 0 to {self.tap_layers[-1]}")
        features = [x, *self.encoder(self._padded(x))]
        return [features[layer] for layer in layers]

    def _padded(self, x: Tensor) -> Tensor:
        stride = self.encoder.strides[-1]
        return F.pad(x, (0, -x.shape[-1] % stride, 0, -x.shape[-2] % stride))


def _doublings(coarse: int, fine: int) -> int:
    return ceil(log2(coarse / fine))


def _convolve(channels: int, out: int, norm: Norm) -> list[nn.Module]:
    # A bias before a normalization would have no effect.
    return [nn.Conv2d(channels, out, 3, padding=1, bias=norm == "none"), norm2d(norm, out), nn.ReLU()]
