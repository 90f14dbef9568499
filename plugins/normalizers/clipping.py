"""Weight clipping (Arjovsky et al. 2017, algorithm 1)."""

from __future__ import annotations

import torch
from torch import nn

from zoo.contracts import Normalizer

from .config import ClippingConfig


class WeightClipping(Normalizer):
    """Moves every parameter of the discriminator into [-c, c] after each of its optimizer steps."""

    def __init__(self, config: ClippingConfig) -> None:
        self.config = config

    @torch.no_grad()
    def after_step(self, discriminator: nn.Module) -> None:
        """Clip in place."""
        for parameter in discriminator.parameters():
            parameter.clamp_(-self.config.c, self.config.c)
