"""The ResNet generators of CycleGAN (Zhu et al. 2017, appendix 7.2)."""

from __future__ import annotations

from zoo.layers.kinds import ResNetConfig
from zoo.layers.residual import ResNetTrunk


class ResNetGenerator(ResNetTrunk):
    """forward(x [N, in, H, W]) -> [N, out, H, W], both in [-1, 1]; H and W multiples of 4, at least 8."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(**config.trunk_options())
