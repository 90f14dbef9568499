"""CBAM attention (Woo et al. 2018, section 3) in the residual blocks of the translation ResNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.layers.residual import ResNetTrunk

from .config import CBAMResNetConfig


class ChannelAttention(nn.Module):
    """x * sigmoid(MLP(mean x) + MLP(max x)), one weight a channel, over [N, C, h, w] (equation 2)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return x with its channels weighted."""
        weight = torch.sigmoid(self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3))))
        return x * weight[:, :, None, None]


class SpatialAttention(nn.Module):
    """x * sigmoid(conv7x7[max x, mean x]), one weight a pixel, over [N, C, h, w] (equation 3)."""

    def __init__(self, *, batch_norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(1, momentum=0.01) if batch_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return x with its pixels weighted."""
        pooled = torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), dim=1)
        return x * torch.sigmoid(self.norm(self.conv(pooled)))


class CBAM(nn.Sequential):
    """Channel attention, then spatial attention (equation 1): forward(x [N, C, h, w]) -> [N, C, h, w]."""

    def __init__(self, channels: int, *, reduction: int = 16, spatial_bn: bool = False) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, reduction)
        self.spatial = SpatialAttention(batch_norm=spatial_bn)


class CBAMResNet(ResNetTrunk):
    """forward(x [N, in, H, W]) -> [N, out, H, W], both in [-1, 1]; H and W multiples of 4, at least 8."""

    def __init__(self, config: CBAMResNetConfig) -> None:
        first = 0 if config.placement == "every" else config.blocks - 1

        def attention(block: int) -> nn.Module:
            if block < first:
                return nn.Identity()
            return CBAM(4 * config.width, reduction=config.reduction, spatial_bn=config.spatial_bn)

        super().__init__(**config.trunk_options(), attention=attention)
