"""The U-Net of ADM with a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.contracts import Generator

from .blocks import Attention, Norm, Resample, ResBlock, Stage, sinusoids, zero
from .config import ADMUNetConfig

TIMESCALE = 1000.0
"""The sinusoids are of 1000 t: for t in [0, 1] itself most of them hardly change."""


class ADMUNet(Generator):
    """forward(x [N, in, H, W], time [N] in [0, 1]) -> [N, out, H, W], not bounded; H and W multiples of 2^(levels - 1).

    The last convolution, the last one of each residual block and each attention's projection start at zero, so that the
    output of a new network is zero.
    """

    def __init__(self, config: ADMUNetConfig) -> None:
        super().__init__()
        self.width = config.width
        code = 4 * config.width
        self.embed = nn.Sequential(nn.Linear(config.width, code), nn.SiLU(), nn.Linear(code, code))
        self.first = nn.Conv2d(config.in_channels, config.width, 3, padding=1)

        def block(wide: int, channels: int, resample: int = 0) -> ResBlock:
            return ResBlock(wide, channels, code, dropout=config.dropout, film=config.film, resample=resample)

        def attend(rate: int, channels: int) -> list[nn.Module]:
            return [Attention(channels, config.head_channels)] if rate in config.attention else []

        def resampled(channels: int, resample: int) -> nn.Module:
            return block(channels, channels, resample) if config.resblock_updown else Resample(channels, resample)

        channels, skips = config.width, [config.width]
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for level, mult in enumerate(config.mult):
            for _ in range(config.blocks):
                self.encoder.append(Stage(block(channels, config.width * mult), *attend(2**level, config.width * mult)))
                channels = config.width * mult
                skips.append(channels)
            if level < len(config.mult) - 1:
                self.encoder.append(Stage(resampled(channels, -1)))
                skips.append(channels)
        attention = Attention(channels, config.head_channels)
        self.middle = Stage(block(channels, channels), attention, block(channels, channels))
        for level, mult in reversed(list(enumerate(config.mult))):
            for index in range(config.blocks + 1):
                wide, channels = channels + skips.pop(), config.width * mult
                enlarge = [resampled(channels, 1)] if level > 0 and index == config.blocks else []
                self.decoder.append(Stage(block(wide, channels), *attend(2**level, channels), *enlarge))
        self.last = nn.Sequential(
            Norm(channels), nn.SiLU(), zero(nn.Conv2d(channels, config.out_channels, 3, padding=1))
        )

    def forward(self, x: Tensor, *, time: Tensor) -> Tensor:
        """Return what the method trains the network for, e.g. a velocity, [N, out, H, W]."""
        code = self.embed(sinusoids(TIMESCALE * time, self.width).to(x.dtype))
        h = self.first(x)
        skips = [h]
        for stage in self.encoder:
            h = stage(h, code)
            skips.append(h)
        h = self.middle(h, code)
        for stage in self.decoder:
            h = stage(torch.cat((h, skips.pop()), dim=1), code)
        y: Tensor = self.last(h)
        return y
