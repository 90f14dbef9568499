"""The discriminators of pix2pix (Isola et al. 2017, section 3.2.2 and appendix 6.1.2), and several of them as in pix2pixHD."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.contracts import Discriminator
from zoo.layers.blur import BlurDown
from zoo.layers.init import initialize
from zoo.layers.norm import conv_bias, norm2d

from .config import MultiScaleConfig, PatchGANConfig, PixelConfig


class PatchGAN(Discriminator):
    """forward(x [N, C, H, W] in [-1, 1]) -> logits [N, 1, H / 2 ** layers - 2, W / 2 ** layers - 2], rounded down."""

    def __init__(self, config: PatchGANConfig) -> None:
        super().__init__()
        widths = [config.width * min(2**layer, 8) for layer in range(config.layers + 1)]
        downsampling = 1 if config.antialias else 2
        stack: list[nn.Module] = [
            nn.Conv2d(config.in_channels, widths[0], 4, stride=downsampling, padding=1),
            nn.LeakyReLU(0.2),
        ]
        for layer in range(1, config.layers + 1):
            if config.antialias:
                stack.append(BlurDown(widths[layer - 1]))
            stride = downsampling if layer < config.layers else 1
            stack += [
                nn.Conv2d(widths[layer - 1], widths[layer], 4, stride=stride, padding=1, bias=conv_bias(config.norm)),
                norm2d(config.norm, widths[layer]),
                nn.LeakyReLU(0.2),
            ]
        self.model = nn.Sequential(*stack, nn.Conv2d(widths[-1], 1, 4, padding=1))
        initialize(self, config.init, config.init_gain)

    def forward(self, x: Tensor) -> Tensor:
        """Return one logit for each patch."""
        logits: Tensor = self.model(x)
        return logits


class MultiScale(Discriminator):
    """A PatchGAN for the image and one for each of its reductions by 2, 4, ... (Wang et al. 2018, section 3.2).

    forward(x [N, C, H, W] in [-1, 1]) -> logits [N, scales, h, w], the finest scale first; h and w are its map's. A coarser map
    is enlarged to it by repeating its logits, so that a mean over all logits gives each scale the same weight, as does the
    paper's sum of one loss a scale (equation 3).
    """

    def __init__(self, config: MultiScaleConfig) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchGAN(config.patchgan()) for _ in range(config.scales))

    def forward(self, x: Tensor) -> Tensor:
        """Return one channel of logits for each scale."""
        maps: list[Tensor] = []
        for discriminator in self.scales:
            if maps:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            maps.append(discriminator(x))
        size = maps[0].shape[-2:]
        # nearest-exact repeats the logits symmetrically, from the middle outwards
        return torch.cat([maps[0], *(F.interpolate(logits, size, mode="nearest-exact") for logits in maps[1:])], dim=1)


class PixelGAN(Discriminator):
    """forward(x [N, C, H, W] in [-1, 1]) -> logits [N, 1, H, W]."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        width, bias = config.width, conv_bias(config.norm)
        self.net = nn.Sequential(
            nn.Conv2d(config.in_channels, width, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 1, bias=bias),
            norm2d(config.norm, 2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 1, bias=bias),
        )
        initialize(self, config.init, config.init_gain)

    def forward(self, x: Tensor) -> Tensor:
        """Return one logit for each pixel."""
        logits: Tensor = self.net(x)
        return logits
