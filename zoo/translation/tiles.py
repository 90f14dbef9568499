"""Images that are too large for one pass, in overlapping tiles that are blended without seams."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from zoo.contracts import Batch

OVERLAP = 0.25
"""Smallest fraction of a tile that its neighbour translates too."""
MARGIN = 0.25
"""Fraction of the overlap, at a tile's edge, with weight zero: networks see the padding there, not the image."""

Progress = Callable[[int, int], None]
"""Called with the number of finished tiles and of all tiles."""


def in_tiles(
    translate: Callable[[Batch], Tensor],
    batch: Batch,
    *,
    tile: tuple[int, int],
    multiple: int = 1,
    on_tile: Progress | None = None,
) -> Tensor:
    """Return the translation [N, C, H, W] of a batch, blended from tiles.

    Every pixel is a weighted mean over the tiles that contain it, and the weights fall smoothly to zero before a tile's edge,
    so that no seam is visible. If the network's output depends on at most `MARGIN * OVERLAP` of a tile around a pixel, the
    result equals the translation of the whole image. The statistics of instance norm differ from tile to tile.

    Args:
        translate: a batch to thermal images of its size; the batch has each tile's `origin` too.
        batch: `visible` [N, 3, H, W], and maps of its size; entries without pixels ([N, K]) go to every tile unchanged.
        tile: height and width of the tiles, at most those of the images.
        multiple: of which the networks' sizes are multiples; tiles start at multiples of it if possible.
        on_tile: called after each tile.
    """
    height, width = batch["visible"].shape[-2:]
    corners = list(product(starts(height, tile[0], multiple), starts(width, tile[1], multiple)))
    total = weights = torch.zeros(())
    for number, (top, left) in enumerate(corners):
        rows, columns = slice(top, top + tile[0]), slice(left, left + tile[1])
        part = {name: entry[..., rows, columns] if entry.dim() > 2 else entry for name, entry in batch.items()}
        part["origin"] = torch.tensor([[top, left]]).expand(len(batch["visible"]), 2)
        thermal = translate(part)
        window = (ramp(height, tile[0], top)[:, None] * ramp(width, tile[1], left)).to(thermal.device)
        if number == 0:
            total, weights = thermal.new_zeros(*thermal.shape[:2], height, width), window.new_zeros(height, width)
        total[..., rows, columns] += window * thermal
        weights[rows, columns] += window
        if on_tile:
            on_tile(number + 1, len(corners))
    return total.div_(weights)


def starts(length: int, tile: int, multiple: int) -> list[int]:
    """Return where tiles begin along a side; each overlaps the previous one by at least `OVERLAP`, the last ends at the edge."""
    step = multiple if tile > multiple else 1
    overlap = math.ceil(tile * OVERLAP / step) * step
    return [*range(0, length - tile, tile - overlap), length - tile]


def ramp(length: int, tile: int, start: int) -> Tensor:
    """Return the weights [tile] of a tile's pixels along a side: a raised cosine up from zero at each edge inside the image."""
    overlap = math.ceil(tile * OVERLAP)
    margin = overlap * MARGIN
    position = (torch.arange(tile) + 0.5 - margin) / (overlap - 2 * margin)
    rise = (1 - torch.cos(math.pi * position.clamp(0, 1))) / 2
    weights = torch.ones(tile)
    if start > 0:
        weights = weights * rise
    if start + tile < length:
        weights = weights * rise.flip(0)
    return weights
