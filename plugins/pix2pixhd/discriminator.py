"""The multi-scale discriminator of pix2pixHD (Wang et al. 2018, section 3.2), whose features the generator matches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Discriminator
from zoo.layers.norm import norm2d

from .config import ScalesConfig
from .generator import halve, initialize


class MultiScaleFeatures(Discriminator):
    """One stack of convolutions for the image and one for each of its reductions by 2, 4, ...

    forward(x [N, C, H, W] in [-1, 1]) -> logits [N, scales, h, w], the finest scale first, coarser maps enlarged to its size.
    """

    def __init__(self, config: ScalesConfig) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_stack(config) for _ in range(config.scales))
        initialize(self)

    def features(self, x: Tensor) -> list[list[Tensor]]:
        """Return the features of each stage for each scale, the finest scale first; a scale's last entry is its logits."""
        found: list[list[Tensor]] = []
        for scale in self.scales:
            assert isinstance(scale, nn.ModuleList)
            stages: list[Tensor] = []
            for stage in scale:
                stages.append(stage(stages[-1] if stages else x))
            found.append(stages)
            x = halve(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Return one channel of logits for each scale."""
        first, *rest = (stages[-1] for stages in self.features(x))
        enlarged = (F.interpolate(logits, first.shape[-2:], mode="nearest-exact") for logits in rest)
        return torch.cat([first, *enlarged], dim=1)


def _stack(config: ScalesConfig) -> nn.ModuleList:
    """Return the stages of one discriminator: convolutions of 4x4 pixels with a border of 2, the last two with stride 1."""
    widths = [config.width * min(2**stage, 8) for stage in range(config.layers + 1)]
    first = nn.Sequential(nn.Conv2d(config.in_channels, widths[0], 4, stride=2, padding=2), nn.LeakyReLU(0.2))
    stages = [first]
    for stage in range(1, config.layers + 1):
        stride = 2 if stage < config.layers else 1
        conv = nn.Conv2d(widths[stage - 1], widths[stage], 4, stride=stride, padding=2)
        stages.append(nn.Sequential(conv, norm2d(config.norm, widths[stage]), nn.LeakyReLU(0.2)))
    return nn.ModuleList([*stages, nn.Conv2d(widths[-1], 1, 4, padding=2)])
