"""The history pool of translated images for a discriminator (Shrivastava et al. 2017, section 2.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.layers.parallel import gather, own


class HistoryPool(nn.Module):
    """Store translated images on their device and return stored ones in place of half of the new ones.

    Until `size` images are stored each is stored and returned. From then on an image is, with probability one half,
    exchanged for a stored one at a random index; otherwise it is returned and not stored. Nothing waits for the
    device, and the contents are buffers: they are saved, loaded and moved with the module that owns the pool.

    Several processes hold the same pool: each stores the new images of all, and receives its own part of the result.

    Args:
        size: number of images stored; 0 returns every image.
        channels, height, width: shape of one image.
        rng: random stream on the images' device; two draws per image.
    """

    images: Tensor
    """[size, C, H, W]; the first `filled` are stored images."""
    filled: Tensor
    """[1] int64."""

    def __init__(self, size: int, *, channels: int, height: int, width: int, rng: torch.Generator) -> None:
        super().__init__()
        self.size, self.rng = size, rng
        self.register_buffer("images", torch.zeros(size, channels, height, width))
        self.register_buffer("filled", torch.zeros(1, dtype=torch.int64))

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return [N, C, H, W] for the new images [N, C, H, W], without their graph; image by image, in order."""
        if self.size == 0:
            return images.detach()
        images = gather(images)
        count, device = len(images), images.device
        chance = torch.rand(count, generator=self.rng, device=device)
        places = torch.randint(self.size, (count,), generator=self.rng, device=device)
        result = [self._exchange(images[i : i + 1], chance[i], places[i : i + 1]) for i in range(count)]
        return own(torch.cat(result))

    def _exchange(self, image: Tensor, chance: Tensor, place: Tensor) -> Tensor:
        # One-element index tensors, not numbers: an index read back to the host would stall the device every step.
        filling = self.filled < self.size
        place = torch.where(filling, self.filled, place)
        stored = self.images.index_select(0, place).to(image.dtype)
        swap = ~filling & (chance > 0.5)
        keep = (filling | swap).view(1, 1, 1, 1)
        self.images.index_copy_(0, place, torch.where(keep, image, stored).to(self.images.dtype))
        self.filled.add_(filling)
        return torch.where(swap.view(1, 1, 1, 1), stored, image)
