"""Data-parallel batches for networks and methods; in a single process every function here is the identity.

Each process holds the same number of a step's images, in the order of the processes, and the same `parts.rng`. Random
numbers for single images are therefore drawn for the whole batch and cut to the process's own part, so that they do not depend
on the number of processes.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> tuple[int, int]:
    """Return this process's rank and the number of processes (the world size)."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def gather(images: Tensor) -> Tensor:
    """Return the whole batch [P N, ...] of which each of P processes holds [N, ...]; without a graph."""
    _, world_size = processes()
    if world_size == 1:
        return images
    parts = [torch.empty_like(images, memory_format=torch.contiguous_format) for _ in range(world_size)]
    dist.all_gather(parts, images.detach().contiguous())
    return torch.cat(parts)


def own(whole: Tensor) -> Tensor:
    """Return this process's images [N, ...] of a whole batch [P N, ...]."""
    rank, world_size = processes()
    return whole if world_size == 1 else whole.chunk(world_size)[rank]


def normal_like(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return standard normal numbers of the shape of `images` [N, ...], its part of those drawn for the whole batch."""
    shape = (len(images) * processes()[1], *images.shape[1:])
    return own(torch.randn(shape, generator=rng, device=images.device, dtype=images.dtype))
