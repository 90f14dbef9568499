"""Images that are too large for one pass, in overlapping tiles that are blended without seams."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.contracts import Batch

OVERLAP = 0.25
"""Least share of a tile that its neighbour translates too."""
MARGIN = 0.25
"""Share of the overlap, at a tile's edge, that counts nothing: there the networks see the padding, not the image."""


def in_tiles(translate: Callable[[Batch], Tensor], batch: Batch, *, tile: tuple[int, int], multiple: int = 1) -> Tensor:
    """Return the translation [N, C, H, W] of a batch, put together from tiles.

    Every pixel is a weighted mean over the tiles that hold it, and the weights fall smoothly to zero before a tile's edge, so
    that no seam shows. Where the network's output depends on `MARGIN * OVERLAP` of a tile around a pixel at most, it is what
    the whole image would give. Networks with statistics over the image (instance norm) have other statistics in each tile.

    Args:
        translate: a batch to thermal images of its size.
        batch: `visible` [N, 3, H, W], and maps of its size; entries without pixels ([N, K]) go to every tile as they are.
        tile: height and width of the tiles, at most those of the images.
        multiple: what the networks' strides ask of sizes; tiles start at multiples of it, where they can.
    """
    height, width = batch["visible"].shape[-2:]
    total = weights = torch.zeros(())
    for top in starts(height, tile[0], multiple):
        down = ramp(height, tile[0], top)
        for left in starts(width, tile[1], multiple):
            rows, columns = slice(top, top + tile[0]), slice(left, left + tile[1])
            drawn = translate(
                {name: entry[..., rows, columns] if entry.dim() > 2 else entry for name, entry in batch.items()}
            )
            window = (down[:, None] * ramp(width, tile[1], left)).to(drawn.device)
            if total.dim() == 0:
                total, weights = drawn.new_zeros(*drawn.shape[:2], height, width), window.new_zeros(height, width)
            total[..., rows, columns] += window * drawn
            weights[rows, columns] += window
    return total.div_(weights)


def starts(length: int, tile: int, multiple: int) -> list[int]:
    """Return where tiles begin along a side; each overlaps the one before by `OVERLAP` at least, the last ends at the end."""
    step = multiple if tile > multiple else 1
    overlap = math.ceil(tile * OVERLAP / step) * step
    return [*range(0, length - tile, tile - overlap), length - tile]


def ramp(length: int, tile: int, start: int) -> Tensor:
    """Return the weights [tile] of a tile's pixels along a side: a raised cosine up from zero at each edge inside the image."""
    overlap = math.ceil(tile * OVERLAP)
    margin = overlap * MARGIN
    place = (torch.arange(tile) + 0.5 - margin) / (overlap - 2 * margin)
    rise = (1 - torch.cos(math.pi * place.clamp(0, 1))) / 2
    weights = torch.ones(tile)
    if start > 0:
        weights = weights * rise
    if start + tile < length:
        weights = weights * rise.flip(0)
    return weights
