"""Shapes of cars, minibuses, buses and trucks, and the state that each one is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .canvas import Colour, Point

Outline = tuple[tuple[float, float], ...]
"""Corners (metres from the rear, metres above the ground)."""


class Body(NamedTuple):
    """One solid of a vehicle."""

    outline: Outline
    """From the lower rear edge over the roof to the lower front edge."""
    panels: str
    """One letter for each edge of the outline: p paint, g glass, h hood, r grille, c cargo."""
    windows: tuple[Outline, ...] = ()
    belt: float = 9.0
    """Height above which the sides lean inwards."""
    cargo: bool = False
    """Whether it is a cargo box, with a colour and a temperature of its own."""


class Model(NamedTuple):
    """The shape of a vehicle."""

    label: str
    length: float
    width: float
    bodies: tuple[Body, ...]
    wheels: tuple[tuple[float, float], ...]
    """Distance from the rear and radius of each axle's wheels."""
    lamps: float
    """Height of the lamps above the ground."""


def _panes(start: float, stop: float, low: float, high: float, count: int) -> tuple[Outline, ...]:
    pitch = (stop - start) / count
    lefts = [start + pitch * i for i in range(count)]
    return tuple(((a, low), (a, high), (a + 0.9 * pitch, high), (a + 0.9 * pitch, low)) for a in lefts)


# fmt: off
HATCHBACK = Model("car", 4.1, 1.76, (
    Body(((0, .3), (0, .82), (.1, .97), (.5, 1.42), (1., 1.49), (2.1, 1.47), (2.95, 1.), (3.95, .83), (4.1, .68),
          (4.1, .28)), "ppgppghrp",
         (((.45, 1.), (.75, 1.36), (1.55, 1.39), (1.55, .98)), ((1.65, .98), (1.65, 1.39), (2.1, 1.37), (2.75, .98))),
         belt=.95),
), wheels=((.75, .31), (3.3, .31)), lamps=.72)
SALOON = Model("car", 4.6, 1.8, (
    Body(((0, .32), (0, .85), (.1, .98), (.75, 1.02), (1.4, 1.4), (1.8, 1.44), (2.5, 1.43), (3.3, .99), (4.4, .84),
          (4.6, .68), (4.6, .3)), "pppgppghrp",
         (((1.05, 1.02), (1.5, 1.34), (2., 1.36), (2., 1.)), ((2.1, 1.), (2.1, 1.36), (2.5, 1.34), (3.05, 1.))),
         belt=.98),
), wheels=((.95, .32), (3.7, .32)), lamps=.76)
OFFROADER = Model("car", 4.5, 1.9, (
    Body(((0, .4), (0, 1.), (.08, 1.12), (.35, 1.62), (.7, 1.7), (2.5, 1.68), (3.2, 1.16), (4.35, 1.02), (4.5, .85),
          (4.5, .38)), "ppgppghrp",
         (((.45, 1.16), (.6, 1.56), (1.7, 1.58), (1.7, 1.14)), ((1.8, 1.14), (1.8, 1.58), (2.45, 1.56), (3., 1.14))),
         belt=1.1),
), wheels=((.85, .37), (3.6, .37)), lamps=.9)
MINIBUS = Model("minibus", 5.6, 2.02, (
    Body(((0, .38), (0, 1.3), (.06, 2.15), (.2, 2.42), (4.4, 2.42), (5.05, 1.32), (5.5, 1.05), (5.6, .85), (5.6, .36)),
         "pgppghrp", (*_panes(.3, 3.5, 1.32, 2.1, 3), ((3.55, 1.32), (3.55, 2.1), (4.45, 2.1), (4.9, 1.32))),
         belt=1.35),
), wheels=((1.1, .36), (4.5, .36)), lamps=.95)
BUS = Model("bus", 11.5, 2.5, (
    Body(((0, .35), (0, 1.25), (0, 1.55), (0, 2.65), (.1, 3.1), (11.3, 3.1), (11.5, 2.7), (11.5, 1.05), (11.5, .32)),
         "rpgpppgp", (*_panes(.5, 9.9, 1.35, 2.6, 6), ((10.2, .45), (10.2, 2.6), (11.2, 2.6), (11.2, .45)))),
), wheels=((2.6, .5), (8.9, .5)), lamps=.75)
LORRY = Model("truck", 8.4, 2.45, (
    Body(((0, .95), (0, 3.5), (6.1, 3.5), (6.1, .95)), "cpp", cargo=True),
    Body(((6.3, .5), (6.3, 2.75), (6.6, 2.85), (7.9, 2.8), (8.3, 1.6), (8.4, 1.3), (8.4, .4)), "pppgrp",
         (((7., 1.6), (7., 2.55), (7.85, 2.5), (8.1, 1.6)),)),
), wheels=((1.6, .48), (7.3, .48)), lamps=.8)
# fmt: on
MODELS: dict[str, tuple[Model, ...]] = {
    "car": (HATCHBACK, SALOON, OFFROADER),
    "minibus": (MINIBUS,),
    "bus": (BUS,),
    "truck": (LORRY,),
}

PAINTS: tuple[Colour, ...] = (
    (.93, .93, .92), (.72, .74, .76), (.45, .47, .5), (.12, .12, .13), (.2, .21, .24), (.7, .1, .1), (.12, .25, .55),
    (.1, .35, .28), (.85, .68, .15), (.6, .55, .46), (.35, .08, .12), (.3, .5, .7), (.88, .4, .1),
)  # fmt: skip


class Vehicle:
    """A sampled vehicle of a class, and how warm its parts are, which its paint does not show."""

    def __init__(self, rng: np.random.Generator, label: str, *, parked: bool) -> None:
        models = MODELS[label]
        lingering = rng.uniform(0.0, 0.6) * (rng.random() < 0.35)  # a parked one may still be warm from its trip
        warmth = float(lingering if parked else rng.uniform(0.6, 1.0))
        self.model = models[int(rng.integers(len(models)))]
        self.paint, self.second = (PAINTS[int(rng.integers(len(PAINTS)))] for _ in range(2))
        """Colours of the body and of the cargo box."""
        self.running = not parked
        self.engine = warmth * float(rng.uniform(14, 28))
        """Degrees that the hood and grille have above the bodywork."""
        self.tyres = warmth * float(rng.uniform(9, 18))
        """Degrees that the tyres have above the air."""
        self.cabin = warmth * float(rng.uniform(3, 9))
        """Degrees that the glass has gained from the heated cabin."""
        self.cargo = float(rng.choice([0.0, 1.5, -7.0]))
        """Degrees of the cargo box above the bodywork; below zero for a refrigerated one."""


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Position and heading of a vehicle."""

    x: float
    z: float
    """Its middle on the ground."""
    heading: tuple[float, float]
    """Unit vector (x, z) of its nose."""
    length: float

    def place(self, along: float, y: float, across: float) -> Point:
        """Return the point `along` metres from the rear, `y` above the ground, `across` metres right of the middle."""
        forward = along - self.length / 2
        fx, fz = self.heading
        return (self.x + forward * fx + across * fz, y, self.z + forward * fz - across * fx)
