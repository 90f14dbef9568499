"""Normal noise that is a function of a seed and each pixel's coordinates, so that batches, orders and tiles agree."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ODD = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio: the step between the counters of SplitMix64."""
LOW = 2**32 - 1
"""The lower half of 64 bits."""


def pixel_noise(
    shape: tuple[int, int, int, int], *, seed: int, draw: int = 0, origin: Tensor | None, device: torch.device
) -> Tensor:
    """Return standard normal noise [N, C, H, W], float32, the same on every device up to rounding.

    A pixel's value depends on the seed, the draw, its channel, and its row and column in the whole image alone: the images of a
    batch have the same noise, and a tile has that of its place. Bits are those of SplitMix64 (Steele et al., OOPSLA 2014) over
    counters, and two of their halves make a normal number (Box and Muller, 1958).

    Args:
        shape: N, C, H, W.
        seed: any whole number.
        draw: number of the sample or step, so that one seed has independent noise for each.
        origin: int64 [N, 2], row and column of each image's first pixel in the image that it is a tile of; None: 0, 0.
        device: of the result.
    """
    count, channels, height, width = shape
    key = torch.tensor(
        _signed(_mixed(_mixed(seed) + draw)), device=device
    )  # one number: draws of one seed are unrelated
    start = torch.zeros(1, 2, dtype=torch.int64, device=device) if origin is None else origin.to(device)
    rows = start[:, :1] + torch.arange(height, device=device)
    columns = start[:, 1:] + torch.arange(width, device=device)
    bits = _mix(key + _signed(ODD) * torch.arange(1, channels + 1, device=device))[None, :, None, None]
    bits = _mix(bits + _signed(ODD) * rows[:, None, :, None])
    bits = _mix(bits + _signed(ODD) * columns[:, None, None, :])
    radius = torch.sqrt(-2 * torch.log(_unit(_shifted(bits, 32))))
    noise: Tensor = radius * torch.cos(2 * math.pi * _unit(bits & LOW))
    return noise.expand(count, -1, -1, -1).clone()  # a view of one image would fix the batch size of an exported model


def _unit(bits: Tensor) -> Tensor:
    """Return 32-bit integers as float32 above 0 and at most 1."""
    return (bits.float() + 0.5) / 2**32


def _mix(x: Tensor) -> Tensor:
    """Return the output function of SplitMix64 of int64 tensors, whose products overflow as those of unsigned integers."""
    x = (x ^ _shifted(x, 30)) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ _shifted(x, 27)) * _signed(0x94D049BB133111EB)
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """Return the logical shift of int64 tensors to the right."""
    shifted: Tensor = (x >> bits) & (2 ** (64 - bits) - 1)
    return shifted


def _mixed(x: int) -> int:
    """Return `_mix` of one Python integer, after a step of the counter."""
    x = (x + ODD) % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


def _signed(x: int) -> int:
    """Return the int64 with the same bits as an unsigned number."""
    return x - 2**64 if x >= 2**63 else x
