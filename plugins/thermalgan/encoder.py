"""The encoder of latent codes (Zhu et al. 2017, "Toward Multimodal Image-to-Image Translation", section 4)."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.layers.init import initialize
from zoo.layers.norm import norm2d


class DownBlock(nn.Module):
    """A residual block with downsampling by 2: forward(x [N, c, h, w]) -> [N, out, h / 2, w / 2]."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            norm2d("instance", channels),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, channels, 3, padding=1),
            norm2d("instance", channels),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, out, 3, padding=1),
        )
        self.shortcut = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both branches at half the size."""
        y: Tensor = F.avg_pool2d(self.residual(x), 2) + self.shortcut(F.avg_pool2d(x, 2))
        return y


class Encoder(nn.Module):
    """A thermal segmentation [N, 1, H, W] to the mean and log variance of its code, each [N, length]; H and W at least 32.

    Args:
        width: channels after the first convolution; they grow to four times as many.
        length: numbers in a code.
    """

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        widths = [width * scale for scale in (1, 2, 3, 4, 4)]
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 4, stride=2, padding=1),
            *(DownBlock(channels, out) for channels, out in pairwise(widths)),
            nn.LeakyReLU(0.2),
        )
        self.mean = nn.Linear(widths[-1], length)
        self.log_variance = nn.Linear(widths[-1], length)
        initialize(self, "xavier")

    def forward(self, segmentation: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the code."""
        features = self.features(segmentation).mean(dim=(2, 3))
        return self.mean(features), self.log_variance(features)
