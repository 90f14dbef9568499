"""Samples a street with its buildings, trees, traffic and people, and paints them from far to near."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from .bodywork import paint_vehicle
from .buildings import Building, paint_building
from .canvas import NEAR, Canvas, Point, Spot
from .greenery import Tree, paint_hills, paint_tree
from .people import Person, paint_person
from .street import JUNCTION_WIDTH, LANE, Street, lantern, paint_ground, paint_lamp, paint_sign, paint_signal
from .vehicles import Pose, Vehicle

DRIVING = {"car": 0.5, "minibus": 0.17, "bus": 0.15, "truck": 0.18}
PARKED = {"car": 0.74, "minibus": 0.16, "truck": 0.1}
"""Shares of the classes of vehicle."""
Standing = list[tuple[float, Callable[[], None]]]
"""Things on the street: depth of their near end, and what paints them."""


class Camera:
    """A sampled pinhole camera on a vehicle in the right lane, level, with a shifted sensor in place of pan and tilt."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.x = LANE * 0.5 + float(rng.normal(0.0, 0.3))
        """Metres right of the street's middle."""
        self.height = float(rng.uniform(1.45, 2.1))
        """Metres above the ground."""
        self.focal = float(rng.uniform(0.85, 1.15))
        """Focal length in picture widths."""
        self.column = 0.5 + float(rng.uniform(-0.1, 0.1))
        """Vanishing point of the street, fraction of the width."""
        self.horizon = float(rng.uniform(0.4, 0.5))
        """Row of the horizon, fraction of the height."""
        self.bend = float(rng.normal(0.0, 0.0007))
        """Sideways curve of the street in metres per square metre of depth."""

    def project(self, points: Sequence[Point]) -> list[Spot]:
        """Return where a polygon's corners fall; parts nearer than `NEAR` are cut off, so the count may change."""
        f, h = self.focal, self.height
        return [
            (self.column + f * (x - self.x + self.bend * z * z) / z, self.horizon - f * (y - h) / z)
            for x, y, z in _clip(points)
        ]


def _clip(points: Sequence[Point]) -> Sequence[Point]:
    if min([z for _, _, z in points]) >= NEAR:
        return points
    kept: list[Point] = []
    before = points[-1]
    for point in points:
        if (point[2] >= NEAR) != (before[2] >= NEAR):
            t = (NEAR - before[2]) / (point[2] - before[2])
            kept.append((before[0] + t * (point[0] - before[0]), before[1] + t * (point[1] - before[1]), NEAR))
        if point[2] >= NEAR:
            kept.append(point)
        before = point
    return kept


def paint_scene(canvas: Canvas, street: Street, rng: np.random.Generator) -> list[Point]:
    """Paint a whole scene and return where its street lamps shine."""
    paint_ground(canvas, street, rng)
    paint_hills(canvas, rng)
    for side in (-1, 1):
        _from_far(_plots(canvas, street, side, rng))
    lamps = _lamps(street, rng)
    _from_far(
        [
            *_traffic(canvas, street, rng),
            *_walkers(canvas, street, rng),
            *_greenery(canvas, street, lamps, rng),
            *_signs(canvas, street, rng),
            *((z, partial(paint_lamp, canvas, x, z, side)) for x, z, side in lamps),
        ]
    )
    return [lantern(x, z, side) for x, z, side in lamps]


def _from_far(things: Standing) -> None:
    for _, paint in sorted(things, key=lambda thing: -thing[0]):
        paint()


def _plots(canvas: Canvas, street: Street, side: int, rng: np.random.Generator) -> Standing:
    """Sample one side's row of buildings and gardens."""
    plots: Standing = []
    setback, z = street.edge + float(rng.choice([0.0, 0.0, 1.5, 4.0])), -8.0
    while z < 110:
        if street.junction is not None and street.junction - 9 < z < street.junction + JUNCTION_WIDTH:
            z = street.junction + JUNCTION_WIDTH + 1.0
        if rng.random() < 0.72:
            building = Building(rng, side, setback, z, canvas.climate)
            plots.append((z, partial(paint_building, canvas, building)))
            z = building.stop + float(rng.choice([0.0, 0.0, 2.5]))
        else:
            stop = z + float(rng.uniform(7, 16))
            for _ in range(4):
                x, at = side * (street.edge + float(rng.uniform(1.5, 9))), max(float(rng.uniform(z, stop)), 3.0)
                plots.append((at, partial(paint_tree, canvas, Tree(rng, canvas.climate, x, at))))
            z = stop
    return plots


def _traffic(canvas: Canvas, street: Street, rng: np.random.Generator) -> Standing:
    """Sample the vehicles: those on the move in each lane, the parked ones, and one that crosses the junction."""
    things: Standing = []

    def put(label: str, x: float, near: float, heading: tuple[float, float], *, parked: bool = False) -> float:
        """Place a vehicle whose near end is at depth `near`, and return the depth of its far end."""
        vehicle = Vehicle(rng, label, parked=parked)
        deep = vehicle.model.length if heading[1] else vehicle.model.width
        pose = Pose(x=x, z=near + deep / 2, heading=heading, length=vehicle.model.length)
        things.append((near, partial(paint_vehicle, canvas, vehicle, pose)))
        return near + deep

    first = 6.0 if street.zebra is None else street.zebra + 3.5
    for lane in range(-street.lanes, street.lanes):
        ahead = lane >= 0
        z = first + float(rng.exponential(6.0)) if ahead else 0.6 * first + float(rng.exponential(7.0))
        while z < 75:
            if not street.in_junction(z):
                label, x = _pick(rng, DRIVING), (lane + 0.5) * LANE + float(rng.normal(0, 0.15))
                z = put(label, x, z, (0.0, 1.0 if ahead else -1.0))
            z += 4.0 + float(rng.exponential(16.0))
    for side in (-1, 1) if street.parking else ():
        z = 3.0 + float(rng.exponential(4.0))
        while z < 60:
            at_zebra = street.zebra is not None and street.zebra - 6.0 < z < street.zebra + 3.5
            if not street.in_junction(z) and not at_zebra:
                z = put(_pick(rng, PARKED), side * (street.half - 1.05), z, (0.0, float(side)), parked=True)
            z += 0.9 + float(rng.exponential(4.0))
    if street.junction is not None and rng.random() < 0.6:
        direction = float(rng.choice([-1.0, 1.0]))
        near = street.junction + (1.0 if direction > 0 else 4.5)
        put(_pick(rng, DRIVING), float(rng.uniform(-6, 6)), near, (direction, 0.0))
    return things


def _walkers(canvas: Canvas, street: Street, rng: np.random.Generator) -> Standing:
    """Sample the people on the pavements, on the zebra crossing, and those who cross without one."""
    spots: list[tuple[float, float]] = []
    for side in (-1, 1):
        for _ in range(int(rng.poisson(3.0))):
            x = side * (street.half + float(rng.uniform(0.3, street.pavement - 0.4)))
            nearest = 2.0 * abs(x - LANE / 2)  # nearer than this they are out of the picture
            spots.append((x, nearest + float(rng.exponential(6.0))))
    if rng.random() < (0.75 if street.zebra is not None else 0.35):
        near, far = (4.8, 5.8) if street.zebra is None else (street.zebra + 0.5, street.zebra + 2.5)
        for _ in range(int(rng.integers(1, 4))):
            x = float(rng.uniform(-0.9, 0.9)) * (LANE if street.zebra is None else street.half)
            spots.append((x, float(rng.uniform(near, far))))
    return [(z, partial(paint_person, canvas, Person(rng, x, z))) for x, z in spots]


def _lamps(street: Street, rng: np.random.Generator) -> list[tuple[float, float, int]]:
    """Sample where the street lamps stand: x, z and side."""
    lamps: list[tuple[float, float, int]] = []
    for side in (-1, 1):
        start, pitch = float(rng.uniform(6, 18)), float(rng.uniform(20, 28))
        lamps += [(side * (street.half + 0.5), start + i * pitch, side) for i in range(4)]
    return lamps


def _greenery(
    canvas: Canvas, street: Street, lamps: list[tuple[float, float, int]], rng: np.random.Generator
) -> Standing:
    """Sample the trees of an avenue, one behind each lamp; some streets have none."""
    if rng.random() < 0.45:
        return []
    spots = [(x + 0.4 * side, z + 8.0) for x, z, side in lamps if not street.in_junction(z + 8.0)]
    return [(z, partial(paint_tree, canvas, Tree(rng, canvas.climate, x, z))) for x, z in spots]


def _signs(canvas: Canvas, street: Street, rng: np.random.Generator) -> Standing:
    """Sample the junction's traffic light and perhaps a traffic sign."""
    things: Standing = []
    if street.junction is not None:
        x, z = street.half + 0.45, street.junction - 0.4
        things.append((z, partial(paint_signal, canvas, x, z, int(rng.integers(3)))))
    if rng.random() < 0.6:
        x, z = street.half + 0.4, float(rng.uniform(5, 14))
        things.append((z, partial(paint_sign, canvas, x, z, int(rng.integers(3)))))
    return things


def _pick(rng: np.random.Generator, shares: dict[str, float]) -> str:
    return str(rng.choice(list(shares), p=list(shares.values())))
