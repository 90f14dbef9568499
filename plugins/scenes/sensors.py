"""Lenses and detectors: the exposure of the visible camera, the blur, noise and 8-bit range of the thermal one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .canvas import Floats

THERMAL_RANGE = (-10.0, 40.0)
"""Degrees Celsius at the 8-bit values 0 and 255; colder and warmer ones are clipped."""
NETD = 0.25
"""Standard deviation of the thermal detector's noise, degrees."""
FIXED_PATTERN = 0.2
"""Standard deviation of the difference between the detector's columns, degrees; the same in every picture."""
BLUR = 0.0045
"""Standard deviation of the thermal lens's point spread, as a share of the picture's width."""


def expose(light: Floats, night: bool, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the visible picture [H, W, 3] of linear light [H, W, 3]: shot and read noise, then the display's curve."""
    spread = np.sqrt((0.0006 if night else 0.0001) * np.maximum(light, 0) + (4e-6 if night else 1e-6))
    exposed = np.clip(light + spread * rng.standard_normal(light.shape, dtype=np.float32), 0, 1)
    return np.round(255 * exposed ** (1 / 2.2)).astype(np.uint8)


def measure(celsius: Floats, seed: int, rng: np.random.Generator) -> tuple[Floats, NDArray[np.uint8]]:
    """Return degrees [H, W] behind the lens, and the thermal picture [H, W] that the detector makes of them."""
    size = celsius.shape[0]
    seen = blur(celsius, max(BLUR * size, 0.45))
    pattern = np.random.default_rng([seed, 2, size])
    columns, pixels = pattern.standard_normal((1, size)), pattern.standard_normal((size, size))
    noise = NETD * rng.standard_normal(seen.shape) + FIXED_PATTERN * (columns + 0.5 * pixels)
    low, high = THERMAL_RANGE
    return seen, np.round(np.clip((seen + noise - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def blur(image: Floats, sigma: float) -> Floats:
    """Return [H, W] or [H, W, C] under a Gaussian, with the edges repeated."""
    reach = max(int(3 * sigma + 0.5), 1)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        padding = [(reach, reach) if a == axis else (0, 0) for a in range(image.ndim)]
        padded = np.pad(image, padding, mode="edge")
        length = image.shape[axis]
        image = sum(
            tap * np.take(padded, range(i, i + length), axis=axis) for i, tap in enumerate(taps.astype(np.float32))
        )
    return image
