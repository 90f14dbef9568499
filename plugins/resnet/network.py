"""The ResNet generators of CycleGAN (Zhu et al. 2017, appendix 7.2)."""

from __future__ import annotations

from zoo.layers.residual import ResNetTrunk

from .config import ResNetConfig


class ResNetGenerator(ResNetTrunk):
    """forward(x [N, in, H, W]) -> [N, out, H, W], both in [-1, 1]; H and W multiples of 4, at least 8."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(
            in_channels=config.in_channels,
            out_channels=config.out_channels,
            width=config.width,
            blocks=config.blocks,
            norm=config.norm,
            dropout=config.dropout,
            init=config.init,
            init_gain=config.init_gain,
            antialias=config.antialias,
        )
