"""What the processes of one data-parallel training share, as networks and methods see it; a lone process notices nothing.

Each process holds the same number of a step's images, in the order of the processes, and the same `parts.rng`. What is drawn
for single images is therefore drawn for the whole batch and cut to the process's own part, so that the same images meet the
same numbers however many processes there are.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> tuple[int, int]:
    """Return this process's place, from 0, and the number of processes."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def gather(images: Tensor) -> Tensor:
    """Return the whole batch [P N, ...] of which each of P processes holds [N, ...]; without a graph."""
    _, count = processes()
    if count == 1:
        return images
    parts = [torch.empty_like(images, memory_format=torch.contiguous_format) for _ in range(count)]
    dist.all_gather(parts, images.detach().contiguous())
    return torch.cat(parts)


def own(whole: Tensor) -> Tensor:
    """Return this process's images [N, ...] of a whole batch [P N, ...]."""
    place, count = processes()
    return whole if count == 1 else whole.chunk(count)[place]


def normal_like(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return standard normal numbers of the shape of `images` [N, ...], its part of those drawn for the whole batch."""
    shape = (len(images) * processes()[1], *images.shape[1:])
    return own(torch.randn(shape, generator=rng, device=images.device, dtype=images.dtype))
