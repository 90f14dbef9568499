"""The bridge in closed form: how much noise it has added up to a time, and what lies between two of its points."""

from __future__ import annotations

import torch
from torch import Tensor


def variance(time: Tensor, low: float, high: float) -> Tensor:
    """Return the noise's variance from 0 to a time in [0, 1], the integral of its rate.

    The root of the rate rises linearly from sqrt(low) at 0 to sqrt(high) at 1/2, and falls to sqrt(low) at 1.
    """
    whole = 2 * _rising(torch.full_like(time, 0.5), low, high)
    return torch.where(time <= 0.5, _rising(time, low, high), whole - _rising(1 - time, low, high))


def between(start: Tensor, end: Tensor, before: Tensor, behind: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of a point between `start` and `end` (Eq. 11), which broadcast.

    Args:
        start, end: what the point is known to lie between.
        before, behind: the noise's variance from `start` to the point and from the point to `end`.
    """
    whole = before + behind
    return (behind * start + before * end) / whole, before * behind / whole


def _rising(time: Tensor, low: float, high: float) -> Tensor:
    """Return the integral from 0 to a time in [0, 1/2]."""
    start, slope = low**0.5, 2 * (high**0.5 - low**0.5)
    return start**2 * time + start * slope * time**2 + slope**2 * time**3 / 3
