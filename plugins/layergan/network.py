"""A shared encoder, a ResNet-18 whose blocks feed the decoders' noise inputs (He et al. 2016), and one decoder per layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import timm
import torch
import torch.nn.functional as F
from timm.layers.norm import GroupNorm
from torch import Tensor, nn

from zoo.layers.stylegan2 import width_at

from .config import LayerGANConfig
from .decoder import Head, Trunk

WIDTHS = (64, 64, 128, 128, 256, 256, 512, 512)
"""Channels after each of the eight residual blocks."""


class Encoder(nn.Module):
    """forward(x [N, in, H, W]) -> (latents [N, L], maps), the maps one [N, 1, h, w] for each decoder resolution.

    The first residual block makes the map of the finest resolution, and so on; with fewer than eight resolutions the
    last blocks make none. Maps have the size of their block, a quarter of the image and less.

    Args:
        in_channels: channels of the input.
        latent: L.
        maps: number of maps, at most 8.
        norm: normalization after each convolution.
    """

    def __init__(self, *, in_channels: int, latent: int, maps: int, norm: Literal["group", "batch"]) -> None:
        super().__init__()
        layers = {"group": GroupNorm, "batch": nn.BatchNorm2d}
        self.resnet: Any = timm.create_model(
            "resnet18", pretrained=False, in_chans=in_channels, num_classes=0, norm_layer=layers[norm]
        )
        self.resnet.maxpool = MaxPool()
        self.latent = nn.Linear(WIDTHS[-1], latent)
        self.pointwise = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in WIDTHS[:maps])

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return latents and maps, the finest map first."""
        net = self.resnet
        x = net.maxpool(net.act1(net.bn1(net.conv1(x))))
        features = []
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            for block in stage:
                x = block(x)
                features.append(x)
        maps = [pointwise(feature) for pointwise, feature in zip(self.pointwise, features, strict=False)]
        return self.latent(x.mean((2, 3))), maps


class MaxPool(nn.Module):
    """The largest of each 3x3 pixels at stride 2, for features of 0 and more; its gradient is deterministic everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, C, ceil(h / 2), ceil(w / 2)]."""
        return F.pad(x, (1, 1, 1, 1)).unfold(2, 3, 2).unfold(3, 3, 2).amax((-2, -1))


class LayeredGenerator(nn.Module):
    """forward(x [N, K, in, size, size], layers, K indices) -> drawings [N, K, out, size, size], before tanh.

    Args:
        config: widths and what is shared.
        in_channels, out_channels: channels of a layer's input and of thermal images.
        layers: number of layers in all.
        size: height and width in pixels, a power of two from 32 to 512.
    """

    def __init__(self, config: LayerGANConfig, *, in_channels: int, out_channels: int, layers: int, size: int) -> None:
        super().__init__()
        self.resolutions = [4 << doublings for doublings in range(size.bit_length() - 2)]  # 4, 8, ..., size
        widths = [width_at(side, config.channel_multiplier, config.max_channels) for side in self.resolutions]
        self.encoder = Encoder(
            in_channels=in_channels, latent=config.latent, maps=len(widths), norm=config.encoder_norm
        )
        trunks = 1 if config.share_trunk else layers
        self.trunks = nn.ModuleList(Trunk(widths, config.latent) for _ in range(trunks))
        self.heads = nn.ModuleList(Head(widths, out_channels, config.latent) for _ in range(layers))

    def forward(self, x: Tensor, layers: Sequence[int]) -> Tensor:
        """Return what the numbered layers draw; the others are not run."""
        count = x.shape[0]  # not len(x), which an exported graph would hold for a constant
        latents, fine_to_coarse = self.encoder(x.flatten(0, 1))
        maps = [
            F.interpolate(image_map, size=(side, side), mode="nearest").view(count, len(layers), 1, side, side)
            for side, image_map in zip(self.resolutions, reversed(fine_to_coarse), strict=True)
        ]
        latents = latents.view(count, len(layers), -1)
        drawn = [
            self._draw(layer, latents[:, place], [image_map[:, place] for image_map in maps])
            for place, layer in enumerate(layers)
        ]
        return torch.stack(drawn, 1)

    def _draw(self, layer: int, latent: Tensor, maps: Sequence[Tensor]) -> Tensor:
        trunk = self.trunks[layer if len(self.trunks) > 1 else 0]
        drawing: Tensor = self.heads[layer](latent, trunk(latent, maps))
        return drawing
