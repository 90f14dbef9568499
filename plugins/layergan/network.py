"""One encoder and a decoder for each layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.layers.stylegan2 import width_at

from .config import LayerGANConfig
from .decoder import Head, Trunk
from .encoder import Encoder


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
