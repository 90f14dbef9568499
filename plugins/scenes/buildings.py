"""Houses, blocks of flats and offices with windows, storeys, shops and roofs."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from .canvas import CONCRETE, GLASS, MASONRY, METAL, NEAR, Canvas, Climate, Colour, Point, Surface, tinted

WALLS: tuple[Colour, ...] = (
    (.82, .76, .64), (.72, .42, .32), (.6, .34, .27), (.78, .7, .55), (.66, .66, .64), (.85, .82, .78), (.7, .56, .44),
    (.52, .5, .48), (.75, .62, .6), (.6, .66, .68),
)  # fmt: skip
ROOFS: tuple[Colour, ...] = ((.45, .2, .15), (.3, .28, .28), (.36, .26, .2), (.5, .32, .25))  # fmt: skip
AWNINGS: tuple[Colour, ...] = ((0.7, 0.12, 0.12), (0.12, 0.35, 0.2), (0.15, 0.25, 0.5), (0.8, 0.65, 0.2))
Rooms = NDArray[np.float64]
"""Two random numbers for each room behind a window: whether it is in use, and how warm it is."""
FLOOR = 3.1
"""Metres from floor to floor."""
FINE = 32.0
"""Beyond this depth (metres) window frames and slab edges are left out."""


class Building:
    """A sampled box along the street, from depth `start` on, with its facade at distance `setback` from the middle."""

    def __init__(self, rng: np.random.Generator, side: int, setback: float, start: float, climate: Climate) -> None:
        house = bool(rng.random() < 0.35)
        glassy = not house and bool(rng.random() < 0.2)
        self.side, self.setback, self.start = side, setback, start
        """-1 left of the street, 1 right; metres from the middle; depth of the near end."""
        self.stop = start + float(rng.uniform(8, 13) if house else rng.uniform(11, 24))
        """Depth of the far end in metres."""
        self.deep = float(rng.uniform(8, 14))
        self.floors = int(rng.integers(1, 4) if house else rng.integers(3, 9))
        self.gable = house
        self.shop = not house and bool(rng.random() < 0.6)
        self.glazing = 0.86 if glassy else float(rng.uniform(0.4, 0.62))
        """Width of a window as a share of its bay."""
        self.bay = float(rng.uniform(2.4, 3.6))
        self.wall: Colour = (0.35, 0.4, 0.45) if glassy else WALLS[int(rng.integers(len(WALLS)))]
        self.roof = ROOFS[int(rng.integers(len(ROOFS)))]
        self.leak = max(20.0 - climate.air, 0.0) * float(rng.uniform(0.02, 0.22))
        """Degrees that the wall has gained from the rooms behind it."""
        self.seed = int(rng.integers(2**31))
        """Which windows are lit, and how warm they are."""
        self.height = self.floors * FLOOR + 0.8
        """Metres from the ground to the eaves."""


def paint_building(canvas: Canvas, building: Building) -> None:
    """Paint the end that faces the camera, the roof, and the facade along the street."""
    b, thing, climate = building, canvas.add("building"), canvas.climate
    rng = np.random.default_rng(b.seed)
    wall = climate.surface(MASONRY, b.wall, warmer=b.leak)
    x, far = b.side * b.setback, b.side * (b.setback + b.deep)
    middle, ridge = (x + far) / 2, b.height + 0.42 * b.deep
    tops = [(x, b.height), (middle, ridge), (far, b.height)] if b.gable else [(x, b.height), (far, b.height)]
    canvas.cast([(a, y, z) for z in (b.start, b.stop) for a, y in (*tops, (x, 0.0), (far, 0.0))], standing=True)
    if b.start > NEAR:
        canvas.face([(x, 0.0, b.start), *((a, y, b.start) for a, y in tops), (far, 0.0, b.start)], wall, thing)
        _paint_end_windows(canvas, b, thing, rng)
    if b.gable:
        tiles = climate.surface(MASONRY, b.roof, warmer=0.4 * b.leak - 1.0)
        eave = x - 0.4 * b.side
        roof: list[Point] = [(eave, b.height - 0.2, b.start), (middle, ridge, b.start), (middle, ridge, b.stop),
                             (eave, b.height - 0.2, b.stop)]  # fmt: skip
        canvas.face(roof, tiles, thing)
    if b.stop > NEAR:
        _Facade(canvas, b, thing, wall).paint(rng)


class _Facade:
    """The wall along the street, painted from the ground up."""

    def __init__(self, canvas: Canvas, building: Building, thing: int, wall: Surface) -> None:
        self.canvas, self.building, self.thing, self.wall = canvas, building, thing, wall
        self.x, self.fine = building.side * building.setback, building.start < FINE
        self.bays = max(int((building.stop - building.start) / building.bay), 1)
        self.frame = canvas.climate.surface(CONCRETE, (0.86, 0.85, 0.82), warmer=building.leak)

    def paint(self, rng: np.random.Generator) -> None:
        """Paint plinth, eaves and storeys."""
        b = self.building
        self._quad(0.0, b.height, b.start, b.stop, self.wall)
        self._quad(0.0, 0.6, b.start, b.stop, tinted(self.wall, 0.75, 0.8))
        if not b.gable:
            self._quad(b.height - 0.5, b.height, b.start, b.stop, tinted(self.wall, 1.12, -0.8))
        rooms = rng.random((b.floors, self.bays, 2))
        for floor in range(b.floors):
            if floor == 0 and b.shop:
                self._shop(rooms[floor])
            else:
                self._storey(floor * FLOOR, rooms[floor])
        if not b.shop and self.fine:
            door = b.start + (b.stop - b.start) * (int(rooms[0, 0, 0] * self.bays) + 0.5) / self.bays
            leaf = self.canvas.climate.surface(METAL, b.roof, warmer=1.5 + b.leak)
            self._quad(0.0, 2.3, door - 0.65, door + 0.65, leaf)

    def _storey(self, low: float, rooms: Rooms) -> None:
        b, bottom, top = self.building, low + 0.95, low + 2.55
        if low and self.fine:  # the edge of the floor slab leads heat out
            self._quad(low + 0.1, low + 0.32, b.start, b.stop, tinted(self.wall, 0.88, 0.6 + 0.5 * b.leak))
        for (start, stop), room in zip(self._openings(b.glazing), rooms, strict=True):
            if stop < NEAR:
                continue
            if self.fine:
                self._quad(bottom - 0.14, top + 0.12, start - 0.12, stop + 0.12, self.frame)
            self._quad(bottom, top, start, stop, _pane(self.canvas.climate, b, room, False))
            if self.fine:
                middle = (start + stop) / 2
                self._quad(bottom, top, middle - 0.05, middle + 0.05, self.frame)

    def _shop(self, rooms: Rooms) -> None:
        b = self.building
        for (start, stop), room in zip(self._openings(0.86), rooms, strict=True):
            self._quad(0.5, 2.5, start, stop, _pane(self.canvas.climate, b, room, True))
        awning, out = self.canvas.climate.surface(METAL, AWNINGS[b.seed % len(AWNINGS)]), self.x - 1.1 * b.side
        for (top_x, top), (low_x, low) in (((self.x, 3.0), (out, 2.6)), ((out, 2.6), (out, 2.35))):
            corners = [(top_x, top, b.start), (low_x, low, b.start), (low_x, low, b.stop), (top_x, top, b.stop)]
            self.canvas.face(corners, awning, self.thing)

    def _openings(self, share: float) -> list[tuple[float, float]]:
        """Return where openings that take this share of each bay start and stop."""
        pitch = (self.building.stop - self.building.start) / self.bays
        middles, half = [self.building.start + pitch * (bay + 0.5) for bay in range(self.bays)], pitch * share / 2
        return [(middle - half, middle + half) for middle in middles]

    def _quad(self, low: float, high: float, start: float, stop: float, surface: Surface) -> None:
        corners = [(self.x, y, z) for y, z in ((low, start), (high, start), (high, stop), (low, stop))]
        self.canvas.face(corners, surface, self.thing)


def _paint_end_windows(canvas: Canvas, b: Building, thing: int, rng: np.random.Generator) -> None:
    columns = 2 if b.gable else 3
    for floor, column in product(range(b.floors), range(columns)):
        room = rng.random(2)
        if room[0] >= 0.25:
            left = b.setback + b.deep * (column + 0.32) / columns
            right, low = left + 0.36 * b.deep / columns, floor * FLOOR + 0.95
            corners = [(left, low), (left, low + 1.6), (right, low + 1.6), (right, low)]
            pane = _pane(canvas.climate, b, room, False)
            canvas.face([(b.side * a, y, b.start) for a, y in corners], pane, thing)


def _pane(climate: Climate, b: Building, room: Rooms, shop: bool) -> Surface:
    """Return a window: lit or dark, curtained or clear, warm where the room behind it is heated."""
    inhabited = room[0] < (0.75 if shop else 0.45)
    warm = b.leak * 1.5 + (2.0 + 6.0 * float(room[1])) * (1.0 if inhabited else 0.25)
    if climate.night and inhabited:
        tone = 0.55 + 0.45 * float(room[1])
        return climate.surface(GLASS, (0.7, 0.6, 0.4), warmer=warm, glow=(1.1 * tone, 0.78 * tone, 0.36 * tone))
    grey = 0.16 + 0.22 * float(room[1])
    colour = (0.7, 0.68, 0.62) if room[1] > 0.85 else (0.8 * grey, 0.95 * grey, 1.15 * grey)
    return climate.surface(GLASS, colour, warmer=warm)
