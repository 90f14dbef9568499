"""Time of day, weather, and what they make of each material's temperature."""

from __future__ import annotations

from math import cos, pi, sin
from typing import NamedTuple

import numpy as np

from .canvas import BLACK, Colour, Point, Surface


class Matter(NamedTuple):
    """How a material follows the air, in degrees Celsius above it."""

    day: float
    """By day in the shade."""
    night: float
    """At night, from stored heat (positive) or radiation to the sky (negative)."""
    heating: float
    """Gain in full sun at a right angle."""
    grain: float = 0.0


ASPHALT = Matter(3.0, 5.0, 18.0, 0.09)
CONCRETE = Matter(1.0, 2.0, 12.0, 0.07)
PAINT_LINE = Matter(1.5, 3.5, 11.0, 0.05)
MASONRY = Matter(1.0, 3.0, 13.0, 0.04)
GRASS = Matter(-0.5, -2.0, 6.0, 0.25)
LEAVES = Matter(-0.5, -0.8, 5.0, 0.22)
BARK = Matter(0.5, 0.8, 7.0, 0.10)
METAL = Matter(0.0, -3.0, 14.0)
RUBBER = Matter(1.0, 0.0, 12.0)
GLASS = Matter(-5.0, -3.5, 3.0)
"""Glass mirrors part of the cold sky."""


class Climate:
    """The sampled conditions of one picture."""

    def __init__(self, rng: np.random.Generator, night_share: float) -> None:
        self.night = bool(rng.random() < night_share)
        self.clear, season = float(rng.beta(1.2, 0.8)), float(rng.random())
        """0 overcast, 1 cloudless."""
        self.air = 21.0 - 13.0 * season - 8.0 * self.night + float(np.clip(rng.normal(0.0, 2.0), -4, 4))
        """Air temperature in degrees Celsius."""
        height, side = float(rng.uniform(0.6, 1.1)) - 0.3 * season, float(rng.uniform(0, 2 * pi))
        sun = (cos(height) * sin(side), sin(height), cos(height) * cos(side))
        self.sun: Point = (0.0, -1.0, 0.0) if self.night else sun
        """Unit vector to the sun; below the horizon at night."""
        self.zenith = self.air - 10.0 - 16.0 * self.clear
        """Apparent temperature of the sky overhead, degrees Celsius."""
        self.autumn = season**1.5
        """0 green leaves, 1 yellow and red ones."""
        self.sunshine = 0.0 if self.night else self.clear
        """Direct sunlight, 0 to 1."""

    def surface(self, matter: Matter, colour: Colour, *, warmer: float = 0.0, glow: Colour = BLACK) -> Surface:
        """Return a surface of this matter and colour, `warmer` degrees above what the weather makes it."""
        offset = matter.night if self.night else matter.day
        return Surface(colour, self.air + offset + warmer, matter.heating * self.sunshine, glow, matter.grain)
