"""The ground (road, markings, pavements, junction) and what lines it: lamps, signs, traffic lights."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np

from .canvas import ASPHALT, BLACK, CONCRETE, GRASS, METAL, PAINT_LINE, Canvas, Colour, Point, Surface, tinted

Span = tuple[float, float]
"""Left and right height, or near and far depth, in metres."""
CUTS = (0.4, 4.0, 7.0, 11.0, 16.0, 23.0, 32.0, 45.0, 62.0, 85.0, 120.0, 180.0, 300.0)
"""Depths at which long strips are cut, so that they follow the bend."""
WHOLE: Span = (CUTS[0], CUTS[-1])
KERB, LANE, JUNCTION_WIDTH = 0.14, 3.2, 8.0
"""Height of the kerb and widths, in metres."""


class Street:
    """The sampled plan of the street."""

    def __init__(self, rng: np.random.Generator) -> None:
        grey = float(rng.uniform(0.33, 0.48))
        self.junction = float(rng.uniform(10, 22)) if rng.random() < 0.5 else None
        """Depth of the near edge of a crossing street."""
        alone = float(rng.uniform(6, 11)) if rng.random() < 0.4 else None
        self.lanes = 2 if rng.random() < 0.3 else 1
        """Lanes each way."""
        self.parking = bool(rng.random() < 0.65)
        """Whether a parking lane runs along each kerb."""
        self.pavement = float(rng.uniform(2.2, 3.8))
        """Width of each pavement in metres."""
        self.zebra = self.junction - 4.0 if self.junction is not None and rng.random() < 0.6 else alone
        """Depth of the near edge of a zebra crossing."""
        self.asphalt: Colour = (grey, grey, grey * float(rng.uniform(0.98, 1.06)))
        self.yellow = bool(rng.random() < 0.4)
        """Whether the middle line is double and yellow."""
        self.half = self.lanes * LANE + (2.1 if self.parking else 0.4)
        """Metres from the middle to the kerb."""
        self.edge = self.half + self.pavement
        """Metres from the middle to the outer edge of the pavement."""

    def in_junction(self, z: float) -> bool:
        """Whether this depth lies in the junction or just before it."""
        return self.junction is not None and self.junction - 9.0 < z < self.junction + JUNCTION_WIDTH + 0.5


def paint_ground(canvas: Canvas, street: Street, rng: np.random.Generator) -> None:
    """Paint verge, road, wheel tracks, pavements, junction, markings and manhole covers."""
    climate = canvas.climate
    grassy = rng.random() < 0.5
    verge = climate.surface(GRASS, (0.34, 0.4, 0.2)) if grassy else climate.surface(CONCRETE, (0.5, 0.48, 0.44))
    asphalt = climate.surface(ASPHALT, street.asphalt)
    flags = climate.surface(CONCRETE, (0.6, 0.57, 0.53))
    kerb = climate.surface(CONCRETE, (0.7, 0.69, 0.66), warmer=-0.5)
    canvas.ground([(-400, 0, CUTS[0]), (400, 0, CUTS[0]), (400, 0, 300), (-400, 0, 300)], verge)
    strip(canvas, -street.half, street.half, asphalt)
    worn = tinted(asphalt, 0.9, 1.6)  # the bands that wheels polish dark and keep warm
    for lane, wheel in product(range(-street.lanes, street.lanes), (-0.75, 0.75)):
        middle = (lane + 0.5) * LANE + wheel
        strip(canvas, middle - 0.22, middle + 0.22, worn)
    for side in (-1, 1):
        strip(canvas, side * street.half, side * street.edge, flags, (KERB, KERB))
        strip(canvas, side * street.half, side * (street.half + 0.18), kerb, (KERB, KERB))
        strip(canvas, side * street.half, side * street.half, tinted(kerb, 0.7), (0.0, KERB))
    line = climate.surface(PAINT_LINE, (0.9, 0.9, 0.88))
    _paint_lines(canvas, street, line)
    if street.junction is not None:
        near, far = street.junction, street.junction + JUNCTION_WIDTH
        canvas.ground([(-90, 0.02, near), (90, 0.02, near), (90, 0.02, far), (-90, 0.02, far)], asphalt)
        strip(canvas, 0.2, street.lanes * LANE, line, reach=(near - 0.9, near - 0.45))
    if street.zebra is not None:
        for x in np.arange(-street.half + 0.3, street.half - 0.4, 1.0):
            strip(canvas, float(x), float(x) + 0.5, line, reach=(street.zebra, street.zebra + 3.0))
    for _ in range(int(rng.integers(0, 3))):
        x, z = float(rng.uniform(-0.8, 0.8)) * street.half, float(rng.uniform(3.5, 16))
        iron = climate.surface(METAL, (0.27, 0.26, 0.25), warmer=float(rng.uniform(1.0, 7.0)))
        canvas.ground([(a, 0.0, b) for a, b in _circle(x, z, 0.3, 14)], iron)


def strip(
    canvas: Canvas, left: float, right: float, surface: Surface, heights: Span = (0.0, 0.0), reach: Span = WHOLE
) -> None:
    """Paint a ground strip between two distances from the middle, of these heights there, cut so that it follows the bend."""
    (low, high), (start, stop) = heights, reach
    for near, far in pairwise([start, *(cut for cut in CUTS if start < cut < stop), stop]):
        canvas.ground([(left, low, near), (right, high, near), (right, high, far), (left, low, far)], surface)


def lantern(x: float, z: float, side: int) -> Point:
    """Return the position of the lantern of a street lamp at (x, z)."""
    return (x - 1.8 * side, 6.5, z)


def paint_lamp(canvas: Canvas, x: float, z: float, side: int) -> None:
    """Paint a street lamp on the pavement; its lantern hangs over the road."""
    climate, thing = canvas.climate, canvas.add("building")
    over, tall, _ = lantern(x, z, side)
    pole = climate.surface(METAL, (0.32, 0.34, 0.35), warmer=0.5)
    head = climate.surface(METAL, (0.5, 0.5, 0.5), warmer=14.0 if climate.night else 0.0,
                           glow=(5.0, 4.2, 2.8) if climate.night else BLACK)  # fmt: skip
    canvas.face([(x - 0.09, 0, z), (x - 0.06, tall, z), (x + 0.06, tall, z), (x + 0.09, 0, z)], pole, thing)
    canvas.face([(x, tall - 0.12, z), (x, tall, z), (over, tall + 0.2, z), (over, tall + 0.1, z)], pole, thing)
    lamp = [(over - 0.4, tall, z), (over - 0.4, tall + 0.25, z), (over + 0.4, tall + 0.25, z),
            (over + 0.4, tall, z)]  # fmt: skip
    canvas.face(lamp, head, thing)
    canvas.cast([(x - 0.08, 0, z), (x + 0.08, 0, z), (x, tall, z)], standing=False)


def paint_signal(canvas: Canvas, x: float, z: float, state: int) -> None:
    """Paint a traffic light that shows red, amber or green (`state` 0, 1, 2)."""
    climate, thing = canvas.climate, canvas.add("building")
    pole = climate.surface(METAL, (0.2, 0.21, 0.22))
    canvas.face(_upright(x, 0.07, 0.0, 2.4, z), pole, thing)
    canvas.face(_upright(x, 0.22, 2.3, 3.4, z), climate.surface(METAL, (0.06, 0.07, 0.06), warmer=2.0), thing)
    for i, colour in enumerate(((1.0, 0.1, 0.06), (1.0, 0.65, 0.1), (0.1, 0.95, 0.45))):
        on = i == state
        dim = (0.25 * colour[0], 0.25 * colour[1], 0.25 * colour[2])
        lamp = climate.surface(METAL, dim, warmer=9.0 if on else 2.0, glow=colour if on else BLACK)
        canvas.face(_upright(x, 0.13, 3.06 - 0.34 * i, 3.32 - 0.34 * i, z), lamp, thing)


def paint_sign(canvas: Canvas, x: float, z: float, kind: int) -> None:
    """Paint a round, square or triangular traffic sign."""
    climate, thing = canvas.climate, canvas.add("building")
    canvas.face(_upright(x, 0.05, 0.0, 2.2, z), climate.surface(METAL, (0.55, 0.56, 0.57)), thing)
    sides, colour = ((12, (0.85, 0.1, 0.1)), (4, (0.1, 0.25, 0.7)), (3, (0.9, 0.75, 0.1)))[kind]
    for radius, tint in ((0.42, colour), (0.26, (0.95, 0.95, 0.93))):
        corners = _circle(x, 2.5, radius, sides, np.pi / 4 if sides == 4 else np.pi / 2)
        canvas.face([(a, b, z) for a, b in corners], climate.surface(METAL, tint), thing)


def _paint_lines(canvas: Canvas, street: Street, white: Surface) -> None:
    if street.yellow:
        yellow = canvas.climate.surface(PAINT_LINE, (0.85, 0.68, 0.2))
        for x in (-0.17, 0.08):
            strip(canvas, x, x + 0.11, yellow)
    dashed = [lane * LANE for lane in range(1 - street.lanes, street.lanes) if lane or not street.yellow]
    for x, start in product(dashed, range(1, 90, 6)):
        strip(canvas, x - 0.08, x + 0.08, white, reach=(start, start + 3.0))
    if street.parking:
        for side in (-1, 1):
            edge = side * street.lanes * LANE
            strip(canvas, edge - 0.06, edge + 0.06, white)


def _circle(x: float, y: float, radius: float, sides: int, turn: float = 0.0) -> list[tuple[float, float]]:
    """Return the corners of a regular polygon."""
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False) + turn
    return [(x + radius * float(np.cos(t)), y + radius * float(np.sin(t))) for t in angles]


def _upright(x: float, half: float, low: float, high: float, z: float) -> list[Point]:
    return [(x - half, low, z), (x - half, high, z), (x + half, high, z), (x + half, low, z)]
