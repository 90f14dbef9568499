"""Pedestrians, painted as flat figures that face the camera or walk past it."""

from __future__ import annotations

from math import copysign, cos, sin, tau

import numpy as np

from .canvas import Canvas, Colour, Point, Surface, tinted

SKIN: tuple[Colour, ...] = ((0.92, 0.75, 0.62), (0.78, 0.58, 0.44), (0.55, 0.38, 0.28), (0.36, 0.24, 0.18))
HAIR: tuple[Colour, ...] = ((0.08, 0.06, 0.05), (0.28, 0.18, 0.1), (0.6, 0.45, 0.22), (0.65, 0.65, 0.65))
CLOTHES: tuple[Colour, ...] = (
    (0.75, 0.15, 0.15), (0.15, 0.25, 0.6), (0.1, 0.1, 0.12), (0.9, 0.9, 0.88), (0.2, 0.45, 0.3), (0.85, 0.7, 0.2),
    (0.4, 0.4, 0.42), (0.5, 0.3, 0.5), (0.85, 0.5, 0.3), (0.18, 0.2, 0.3), (0.45, 0.35, 0.25), (0.5, 0.7, 0.85),
)  # fmt: skip
ROUND = tuple((cos(tau * i / 12), sin(tau * i / 12)) for i in range(12))


class Person:
    """A pedestrian at (x, z), with a sampled figure, clothes and temperatures."""

    def __init__(self, rng: np.random.Generator, x: float, z: float) -> None:
        def pick(colours: tuple[Colour, ...]) -> Colour:
            return colours[int(rng.integers(len(colours)))]

        self.x, self.z = x, z
        self.height = float(rng.uniform(1.15, 1.3) if rng.random() < 0.12 else rng.normal(1.73, 0.08))
        # Half the distance between the feet, as a share of the height; signed by the direction of walking.
        self.stride = float(rng.uniform(0.04, 0.16) * rng.choice([-1, 1]))
        self.girth = float(rng.uniform(0.9, 1.25))
        self.skin, self.hair, self.coat, self.trousers = pick(SKIN), pick(HAIR), pick(CLOTHES), pick(CLOTHES)
        self.skin_celsius = float(rng.uniform(31.5, 34.5))
        # How far the temperature of coat and trousers lies from the air's to the skin's.
        self.coat_share, self.legs_share = float(rng.uniform(0.68, 0.9)), float(rng.uniform(0.6, 0.8))


def paint_person(canvas: Canvas, person: Person) -> None:
    """Paint the figure and its shadow."""
    climate, thing, h = canvas.climate, canvas.add("person"), person.height
    w = h * person.girth
    lit = (max(-climate.sun[2], 0.0) * 0.7 + 0.25) * (not climate.night)
    canvas.cast([(person.x + s, y * h, person.z) for s in (-0.14 * h, 0.14 * h) for y in (0.0, 0.95)], standing=False)

    def cloth(colour: Colour, share: float) -> Surface:
        return Surface(colour, climate.air + share * (person.skin_celsius - climate.air), 3.0 * climate.sunshine)

    def limb(top: tuple[float, float], foot: tuple[float, float], wide: float, surface: Surface) -> None:
        shape(((top[0] - wide, top[1]), (top[0] + wide, top[1]), (foot[0] + 0.7 * wide, foot[1]),
               (foot[0] - 0.7 * wide, foot[1])), surface)  # fmt: skip

    def shape(corners: tuple[tuple[float, float], ...], surface: Surface) -> None:
        points: list[Point] = [(person.x + a * w, y * h, person.z) for a, y in corners]
        canvas.sprite(points, surface, thing, lit)

    def disc(at: tuple[float, float], wide: float, high: float, surface: Surface) -> None:
        shape(tuple((at[0] + wide * a, at[1] + high * b) for a, b in ROUND), surface)

    skin = Surface(person.skin, person.skin_celsius, 1.5 * climate.sunshine)
    coat, legs = cloth(person.coat, person.coat_share), cloth(person.trousers, person.legs_share)
    sleeve = tinted(coat, 0.8)
    shoe = Surface((0.1, 0.09, 0.08), climate.air + 3.0, 2.0 * climate.sunshine)
    s, toe = person.stride, copysign(0.02, person.stride)
    for side in (-1, 1):
        limb((0.035 * side, 0.5), (side * s + 0.01 * side, 0.03), 0.055, legs)
        limb((side * s + toe, 0.045), (side * s + toe, 0.0), 0.05, shoe)
    for side in (-1, 1):
        hand = (side * (0.13 + 0.3 * abs(s)), 0.46)
        limb((side * 0.115, 0.79), hand, 0.035, sleeve)
        disc(hand, 0.025, 0.03, skin)
    shape(
        ((-0.13, 0.8), (-0.06, 0.84), (0.06, 0.84), (0.13, 0.8), (0.1, 0.6), (0.11, 0.46), (-0.11, 0.46), (-0.1, 0.6)),
        coat,
    )
    limb((0.0, 0.87), (0.0, 0.83), 0.03, skin)
    disc((0.0, 0.935), 0.058, 0.07, Surface(person.hair, person.skin_celsius - 4.0, 3.0 * climate.sunshine))
    disc((0.6 * toe, 0.92), 0.048, 0.055, skin)
