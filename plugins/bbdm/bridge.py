"""The Brownian bridge from visible y to thermal x_0: its marginals, its targets, and one step of its reverse."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor

from .config import TIMESTEPS

Number = TypeVar("Number", float, Tensor)


def share(t: Number) -> Number:
    """Return m_t, the part of y in the mean of x_t = (1 - m_t) x_0 + m_t y + sqrt(d_t) eps: .001 at t = 0 to .999 at t = 999."""
    return 0.001 + t * (0.998 / (TIMESTEPS - 1))


def variance(m: Number, max_variance: float) -> Number:
    """Return d_t = 2 `max_variance` (m_t - m_t^2)."""
    return 2 * max_variance * (m - m * m)


def target(kind: str, x0: Tensor, y: Tensor, noise: Tensor, m: Tensor, d: Tensor) -> Tensor:
    """Return what the network learns; for `grad` it is x_t - x_0."""
    if kind == "grad":
        return m * (y - x0) + d.sqrt() * noise
    return noise if kind == "noise" else y - x0


def recovered(kind: str, output: Tensor, x: Tensor, y: Tensor, m: float, d: float) -> Tensor:
    """Return the thermal image x_0 that a network's output means at x_t."""
    if kind == "grad":
        return x - output
    return (x - m * y - d**0.5 * output) / (1 - m) if kind == "noise" else y - output


def reverse(
    x: Tensor, x0: Tensor, y: Tensor, noise: Tensor | float, *, t: int, to: int, eta: float, max_variance: float
) -> Tensor:
    """Return x at the earlier step `to`, given x at t and an estimate of x_0, with the bridge's marginals for every `eta`.

    With v the variance of x_to given x_t, x_0 and y, the noise of x_t keeps the variance d_to - eta^2 v, and new noise has
    eta^2 v. `noise` is read where `eta` is above 0.
    """
    m, n = share(float(t)), share(float(to))
    d, e = variance(m, max_variance), variance(n, max_variance)
    v = eta**2 * max(0.0, (d - e * (1 - m) ** 2 / (1 - n) ** 2) * e / d)
    kept = ((e - v) / d) ** 0.5
    earlier: Tensor = (1 - n) * x0 + n * y + kept * (x - (1 - m) * x0 - m * y) + v**0.5 * noise
    return earlier


def timesteps(count: int) -> tuple[int, ...]:
    """Return the steps of the sampler, from 999 to 0: all, or equal distances down to 1, then 1 and 0.

    >>> timesteps(4), timesteps(200)[:4], timesteps(200)[-4:], len(timesteps(200))
    ((999, 499, 1, 0), (999, 993, 988, 983), (10, 5, 1, 0), 200)
    """
    last = TIMESTEPS - 1
    if count >= TIMESTEPS:
        return tuple(range(last, -1, -1))
    if count <= 2:
        return (last, 0)[:count]
    distances = (
        -(-number * last // (count - 2)) for number in range(count - 2)
    )  # rounded up, so that steps round down
    return tuple(dict.fromkeys((*(last - distance for distance in distances), 1, 0)))
