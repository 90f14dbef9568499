"""The encoder that all layers share: a ResNet-18 whose blocks feed the decoder's noise inputs (He et al. 2016)."""

from __future__ import annotations

from typing import Any, Literal

import timm
import torch.nn.functional as F
from timm.layers.norm import GroupNorm
from torch import Tensor, nn

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
