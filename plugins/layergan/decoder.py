"""The decoder of a layer: StyleGAN2's synthesis network with skip connections, driven by an encoder instead of noise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from zoo.layers.stylegan2 import BiasedLeakyReLU, ModulatedConv2d, double_size


class StyledConv(nn.Module):
    """A modulated 3x3 convolution, plus a map times a learned strength, through a biased leaky ReLU.

    forward(x [N, in, h, w], latent [N, L], image_map [N, 1, h', w']) -> [N, out, h', w'], the size doubled with `up`.
    """

    def __init__(self, in_channels: int, out_channels: int, latent: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(in_channels, out_channels, 3, latent, up=up)
        # StyleGAN2 starts at 0 because its maps are noise; these say where things are.
        self.strength = nn.Parameter(torch.ones(1))
        self.activation = BiasedLeakyReLU(out_channels)

    def forward(self, x: Tensor, latent: Tensor, image_map: Tensor) -> Tensor:
        """Return the features."""
        y: Tensor = self.activation(self.conv(x, latent) + self.strength * image_map)
        return y


class Trunk(nn.Module):
    """A learned 4x4 constant that grows to an image's size.

    forward(latent [N, L], maps, one [N, 1, r, r] for each resolution r = 4, 8, ...) -> features [N, width, r, r] each.

    Args:
        widths: channels at each resolution.
        latent: L.
    """

    def __init__(self, widths: Sequence[int], latent: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.ups = nn.ModuleList(StyledConv(wide, narrow, latent, up=True) for wide, narrow in pairwise(widths))
        self.convs = nn.ModuleList(StyledConv(width, width, latent) for width in widths)

    def forward(self, latent: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the features of every resolution, the coarsest first."""
        x = self.convs[0](self.constant.expand(latent.shape[0], -1, -1, -1), latent, maps[0])
        features = [x]
        for up, conv, image_map in zip(self.ups, self.convs[1:], maps[1:], strict=True):
            x = conv(up(x, latent, image_map), latent, image_map)
            features.append(x)
        return features


class Head(nn.Module):
    """The sum of images drawn from the features of every resolution, enlarged to the last: -> [N, out, size, size].

    Its weights start at zero, so that an untrained layer draws zeros rather than something that saturates tanh.
    """

    def __init__(self, widths: Sequence[int], out_channels: int, latent: int) -> None:
        super().__init__()
        convs = [ModulatedConv2d(width, out_channels, 1, latent, demodulate=False) for width in widths]
        for conv in convs:
            nn.init.zeros_(conv.weight)
        self.convs = nn.ModuleList(convs)
        self.biases = nn.ParameterList(torch.zeros(out_channels) for _ in widths)

    def forward(self, latent: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Return the image, before tanh."""
        image: Tensor | None = None
        for conv, bias, feature in zip(self.convs, self.biases, features, strict=True):
            drawn = conv(feature, latent) + bias[:, None, None]
            image = drawn if image is None else double_size(image) + drawn
        assert image is not None, "a decoder has at least one resolution"
        return image
