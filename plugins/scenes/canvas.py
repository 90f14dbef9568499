"""Materials and the weather that heats them, and a canvas that stores which surface each pixel shows.

The street runs along +z away from the camera, x points right, y up, the ground is y = 0. A bend shifts x by bend * z^2.
One call paints a polygon in every modality at once: the canvas stores the polygon's number, and a table its colour,
temperature, class and object. Light and heat are computed after painting.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from .layout import Camera

Point = tuple[float, float, float]
"""x, y, z in metres."""
Spot = tuple[float, float]
"""Column and row as fractions of the picture's width and height, (0, 0) top left."""

NEAR = 0.4
"""Nothing nearer than this (metres) is painted."""
Floats = NDArray[np.floating]
"""An array of light or degrees, float32 in practice."""
Colour = tuple[float, float, float]
"""Red, green, blue as on a screen, 0 to 1."""

BLACK: Colour = (0.0, 0.0, 0.0)
SKY, ROAD = 0, 1
"""The first two objects of every canvas."""


class Surface(NamedTuple):
    """What a polygon is made of; the material decides both its colour and its temperature."""

    colour: Colour
    celsius: float
    """Temperature where no sun falls."""
    heating: float = 0.0
    """Degrees that the sun adds where it falls at a right angle."""
    glow: Colour = BLACK
    """Light that the surface gives off itself (lamps, lit windows)."""
    grain: float = 0.0
    """Strength of the texture, as a fraction of the colour and in units of 5 degrees."""


def tinted(surface: Surface, shade: float, warmer: float = 0.0) -> Surface:
    """Return the surface with its colour times `shade`, `warmer` degrees warmer."""
    r, g, b = (min(shade * part, 1.0) for part in surface.colour)
    return surface._replace(colour=(r, g, b), celsius=surface.celsius + warmer)


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


class PaintedPolygon(NamedTuple):
    """One entry of the canvas's table."""

    surface: Surface
    thing: int
    lit: float
    """Cosine between the surface's normal and the sun, 0 to 1."""
    open: float
    """How far the surface faces up: 0 down, 0.5 a wall, 1 the ground."""
    depth: float
    """Metres from the camera; 0 for the ground, whose depth follows from the row of the picture."""


class Canvas:
    """Square canvas of `pixels` a side, painted from far to near."""

    def __init__(self, camera: Camera, climate: Climate, pixels: int) -> None:
        self.camera, self.climate, self.sun, self.pixels = camera, climate, climate.sun, pixels
        self.labels: list[str] = ["sky", "road"]
        """Class name of each object, by its number."""
        self.rows = [PaintedPolygon(Surface(BLACK, climate.zenith), SKY, 0.0, 1.0, 1e4)]
        self._seen = Image.new("I", (pixels, pixels), 0)
        self._shade, self._cool = (Image.new("L", (pixels, pixels), 0) for _ in range(2))
        self._pen, self._shade_pen, self._cool_pen = (
            ImageDraw.Draw(image) for image in (self._seen, self._shade, self._cool)
        )

    def add(self, label: str) -> int:
        """Start a new object of class `label` and return its number."""
        self.labels.append(label)
        return len(self.labels) - 1

    def face(self, points: Sequence[Point], surface: Surface, thing: int) -> None:
        """Paint a flat polygon, lit by the sun according to its normal."""
        self._paint(points, PaintedPolygon(surface, thing, *self._exposure(points), _depth(points)))

    def sprite(self, points: Sequence[Point], surface: Surface, thing: int, lit: float) -> None:
        """Paint a polygon that represents something round (leaves, clothes), with a given share of sunlight."""
        self._paint(points, PaintedPolygon(surface, thing, lit, 0.6, _depth(points)))

    def ground(self, points: Sequence[Point], surface: Surface) -> None:
        """Paint a polygon that lies on the ground, where shadows fall."""
        self._paint(points, PaintedPolygon(surface, ROAD, max(self.sun[1], 0.0), 1.0, 0.0))

    def cast(self, points: Sequence[Point], *, standing: bool) -> None:
        """Cast the shadow of a solid onto the ground; a standing one has cooled the ground too."""
        if self.sun[1] <= 0:
            return
        slope_x, slope_z = self.sun[0] / self.sun[1], self.sun[2] / self.sun[1]
        fallen = _hull([(x - y * slope_x, z - y * slope_z) for x, y, z in points])
        if spots := self._spots([(x, 0.0, z) for x, z in fallen]):
            self._shade_pen.polygon(spots, fill=255)
            if standing:
                self._cool_pen.polygon(spots, fill=255)

    def seen(self) -> NDArray[np.int32]:
        """Return the number of the row seen at each pixel, [pixels, pixels]."""
        return np.asarray(self._seen, dtype=np.int32)

    def shadows(self) -> tuple[Floats, Floats]:
        """Return where the ground lies in shadow and where the shadow has cooled it, 0 to 1."""
        return np.asarray(self._shade, np.float32) / 255, np.asarray(self._cool, np.float32) / 255

    def _spots(self, points: Sequence[Point]) -> list[Spot]:
        size = self.pixels
        spots = [(column * size, row * size) for column, row in self.camera.project(points)]
        if len(spots) < 3:
            return []
        columns, rows = zip(*spots, strict=True)
        outside = max(columns) < 0 or min(columns) > size or max(rows) < 0 or min(rows) > size
        return [] if outside else spots

    def _paint(self, points: Sequence[Point], row: PaintedPolygon) -> None:
        if spots := self._spots(points):
            self._pen.polygon(spots, fill=len(self.rows))
            self.rows.append(row)

    def _exposure(self, points: Sequence[Point]) -> tuple[float, float]:
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = points[:3]
        ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        length = (nx * nx + ny * ny + nz * nz) ** 0.5 or 1.0
        if nx * (self.camera.x - ax) + ny * (self.camera.height - ay) - nz * az < 0:
            length = -length
        cosine = (nx * self.sun[0] + ny * self.sun[1] + nz * self.sun[2]) / length
        return max(cosine, 0.0), 0.5 + 0.5 * ny / length


def _depth(points: Sequence[Point]) -> float:
    return sum([z for _, _, z in points]) / len(points)


def _hull(points: list[Spot]) -> list[Spot]:
    """Return the convex hull, counter-clockwise (Andrew's monotone chain)."""

    def chain(ordered: list[Spot]) -> list[Spot]:
        kept: list[Spot] = []
        for x, y in ordered:
            while len(kept) > 1 and (kept[-1][0] - kept[-2][0]) * (y - kept[-2][1]) <= (kept[-1][1] - kept[-2][1]) * (
                x - kept[-2][0]
            ):
                kept.pop()
            kept.append((x, y))
        return kept[:-1]

    ordered = sorted(set(points))
    return chain(ordered) + chain(ordered[::-1])
