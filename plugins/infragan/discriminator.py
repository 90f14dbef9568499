"""The discriminator of InfraGAN: a U-Net of BigGAN's residual blocks (Schönfeld et al. 2020, section 3.1)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from zoo.contracts import Discriminator
from zoo.errors import UsageError
from zoo.layers.spectral import spectral_norm

from .config import MULTIPLIERS, UNetGANConfig


class Down(nn.Module):
    """forward(x [N, C, h, w]) -> [N, D, h / 2, w / 2]: two convolutions beside a skip connection, then means over 2x2 pixels."""

    def __init__(self, channels: int, out: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.one, self.two = nn.Conv2d(channels, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features at half the size; the first block, whose input is an image, has no activation before it."""
        residual = self.two(F.relu(self.one(x if self.first else F.relu(x))))
        if self.first:
            y: Tensor = F.avg_pool2d(residual, 2) + self.skip(F.avg_pool2d(x, 2))
        else:
            y = F.avg_pool2d(residual + self.skip(x), 2)
        return y


class Up(nn.Module):
    """forward(x [N, C, h, w]) -> [N, D, 2h, 2w]: every pixel repeated, then two convolutions beside a skip connection."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(channels, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features at twice the size."""
        residual = self.two(F.relu(self.one(_double(F.relu(x)))))
        y: Tensor = residual + self.skip(_double(x))
        return y


class SelfAttention(nn.Module):
    """x + gamma attention(x), from each pixel to the means' maxima over 2x2 pixels (Zhang et al. 2019, SAGAN, Eqs. 1-3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 8, 1)
        self.theta, self.phi = (nn.Conv2d(channels, inner, 1, bias=False) for _ in range(2))
        self.g = nn.Conv2d(channels, max(channels // 2, 1), 1, bias=False)
        self.out = nn.Conv2d(max(channels // 2, 1), channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        queries = self.theta(x).flatten(2)
        keys, values = (F.max_pool2d(layer(x), 2).flatten(2) for layer in (self.phi, self.g))
        weights = (queries.transpose(1, 2) @ keys).softmax(dim=-1)
        attended = (values @ weights.transpose(1, 2)).unflatten(2, x.shape[-2:])
        y: Tensor = x + self.gamma * self.out(attended)
        return y


class UNetGAN(Discriminator):
    """forward(x [N, C, H, W] in [-1, 1]) -> logits [N, 2, H, W]: one for each pixel, and in the second channel that of the image.

    All layers but the last convolution are spectrally normalized; the weights are orthogonal at first.

    Raises:
        UsageError: `stages` is None, that is, no image size was given.
    """

    def __init__(self, config: UNetGANConfig) -> None:
        super().__init__()
        if config.stages is None:
            raise UsageError(
                "unet_gan is as deep as the image size allows, and no `size` was given", "Use unet_gan:stages=6."
            )
        widths = [config.width * multiplier for multiplier in MULTIPLIERS[config.stages]]
        channels = [config.in_channels, *widths]
        self.encoder = nn.ModuleList(Down(one, two, first=i == 0) for i, (one, two) in enumerate(pairwise(channels)))
        self.attended = max(config.stages - 5, 0) if config.attention is None else config.attention
        self.attention = SelfAttention(widths[self.attended])
        decoded = [*reversed(widths[:-1]), config.width]
        # All but the first stage of the decoder read a skip connection as wide as what they receive.
        entering = [widths[-1], *(2 * width for width in decoded[:-1])]
        self.decoder = nn.ModuleList(Up(one, two) for one, two in zip(entering, decoded, strict=True))
        self.image = nn.Linear(widths[-1], 1)
        self.pixels = nn.Conv2d(config.width, 1, 1)
        layers = [layer for layer in self.modules() if isinstance(layer, _ConvNd | nn.Linear)]
        for layer in layers:
            nn.init.orthogonal_(layer.weight)
            if layer is not self.pixels:
                spectral_norm(layer)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of pixels and image."""
        pixels, image = self.outputs(x)
        return torch.cat((pixels, image[..., None, None].expand_as(pixels)), dim=1)

    def outputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of pixels [N, 1, H, W] and of images [N, 1]."""
        skips: list[Tensor] = []
        for stage, block in enumerate(self.encoder):
            x = block(x)
            x = self.attention(x) if stage == self.attended else x
            skips.append(x)
        image: Tensor = self.image(F.relu(skips.pop()).sum((2, 3)))
        for stage, block in enumerate(self.decoder):
            x = block(torch.cat((x, skips.pop()), dim=1) if stage else x)
        return self.pixels(x), image


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
