"""Trees, hedges and the wooded hills at the end of the street."""

from __future__ import annotations

import numpy as np

from .canvas import BARK, LEAVES, Canvas, Climate, Colour, Point, tinted

GREENS: tuple[Colour, ...] = ((0.22, 0.4, 0.14), (0.3, 0.45, 0.16), (0.16, 0.33, 0.14), (0.36, 0.45, 0.2))
AUTUMN: tuple[Colour, ...] = ((0.75, 0.5, 0.12), (0.65, 0.28, 0.1), (0.6, 0.45, 0.15))
CLUMPS, CORNERS = 16, 11
"""Clumps of leaves in a crown, corners of a clump."""


class Tree:
    """A tree at (x, z), of one of three shapes."""

    def __init__(self, rng: np.random.Generator, climate: Climate, x: float, z: float) -> None:
        palette = AUTUMN if rng.random() < climate.autumn else GREENS
        self.x, self.z, self.height = x, z, float(rng.uniform(4.5, 9.5))
        self.shape = str(rng.choice(["round", "round", "round", "tall", "fir"]))
        self.leaves = palette[int(rng.integers(len(palette)))]
        self.warmer = float(rng.normal(0.0, 0.7))
        """Degrees above what the weather makes of leaves."""
        self.seed = int(rng.integers(2**31))


def paint_tree(canvas: Canvas, tree: Tree) -> None:
    """Paint trunk, crown and shadow."""
    rng, thing, climate = np.random.default_rng(tree.seed), canvas.add("tree"), canvas.climate
    h, wide = tree.height, 0.035 * tree.height
    bark = climate.surface(BARK, (0.3, 0.23, 0.17), warmer=tree.warmer)
    trunk: list[Point] = [(tree.x - wide, 0, tree.z), (tree.x - 0.6 * wide, 0.6 * h, tree.z),
                          (tree.x + 0.6 * wide, 0.6 * h, tree.z), (tree.x + wide, 0, tree.z)]  # fmt: skip
    canvas.face(trunk, bark, thing)
    canvas.cast(trunk, standing=True)
    radius = {"round": 0.3, "tall": 0.14, "fir": 0.22}[tree.shape] * h
    ring = [(c * radius, 0.34 * h * s) for c, s in ((-1, 0), (-0.7, 0.7), (0, 1), (0.7, 0.7), (1, 0), (0, -1))]
    crown = [(tree.x + a, 0.62 * h + up, tree.z) for a, up in ring] + [
        (tree.x, 0.62 * h + up, tree.z + a) for a, up in ring
    ]
    canvas.cast(crown, standing=True)
    if tree.shape == "fir":
        _paint_fir(canvas, tree, thing, radius)
    else:
        _paint_crown(canvas, tree, thing, radius, rng)


def _paint_crown(canvas: Canvas, tree: Tree, thing: int, radius: float, rng: np.random.Generator) -> None:
    """Paint ragged clumps of leaves; where in the crown a clump sits decides how the sun meets it."""
    climate, slim = canvas.climate, tree.shape == "tall"
    high, fat = (0.4 if slim else 0.34) * tree.height, radius * (1.5 if slim else 1.0)
    angle, far = rng.uniform(0, 6.28, CLUMPS), np.sqrt(rng.uniform(0.0, 0.62, CLUMPS))
    size, tone, heat = rng.uniform(0.32, 0.5, CLUMPS), rng.uniform(-0.08, 0.08, CLUMPS), rng.normal(0, 0.3, CLUMPS)
    lean_x, lean_y = far * np.cos(angle), far * np.sin(angle)
    lean_x[0], lean_y[0], size[0] = 0.0, -1.0, 0.78  # a large clump behind all others
    normal = np.stack([lean_x, lean_y + 0.15, np.full(CLUMPS, -0.6)])
    normal /= np.linalg.norm(normal, axis=0)
    lit = 0.9 * np.maximum(np.array(climate.sun) @ normal, 0.0) * (not climate.night)
    lean_y[0] = -0.1
    turn = rng.uniform(0, 6.28, (CLUMPS, 1)) + np.arange(CORNERS) * (2 * np.pi / CORNERS)
    ragged = rng.uniform(0.78, 1.12, turn.shape) * size[:, None] * fat
    x = (tree.x + lean_x[:, None] * radius + ragged * np.cos(turn)).tolist()
    y = (0.62 * tree.height + lean_y[:, None] * high + ragged * np.sin(turn)).tolist()
    leaves = climate.surface(LEAVES, tree.leaves, warmer=tree.warmer)
    shade = 0.72 + 0.28 * normal[1] + tone
    for i in [0, *(np.argsort(lean_y[1:]) + 1).tolist()]:
        points = [(u, v, tree.z) for u, v in zip(x[i], y[i], strict=True)]
        canvas.sprite(points, tinted(leaves, float(shade[i]), float(heat[i])), thing, float(lit[i]))


def paint_hills(canvas: Canvas, rng: np.random.Generator) -> None:
    """Paint the wooded ridge that closes the view."""
    climate, thing = canvas.climate, canvas.add("tree")
    for depth, height, tone in ((420.0, 26.0, 0.8), (260.0, 11.0, 1.0)):
        steps = np.linspace(-1.3 * depth, 1.3 * depth, 60)
        rise = height * (0.55 + 0.3 * np.sin(steps * 0.012 + rng.uniform(0, 6)) + rng.uniform(0, 0.25, steps.size))
        ridge = [(float(x), float(max(y, 1.0)), depth) for x, y in zip(steps, rise, strict=True)]
        leaves = climate.surface(LEAVES, (0.22 * tone, 0.33 * tone, 0.17 * tone))
        base = [(1.3 * depth, -1.0, depth), (-1.3 * depth, -1.0, depth)]
        canvas.sprite([*ridge, *base], leaves, thing, 0.35 * (not climate.night))


def _paint_fir(canvas: Canvas, tree: Tree, thing: int, radius: float) -> None:
    climate = canvas.climate
    lit = (0.35 + 0.4 * max(-climate.sun[2], 0.0)) * (not climate.night)
    for tier in range(5):
        low = tree.height * (0.14 + 0.16 * tier)
        high, half = low + 0.3 * tree.height, radius * (1.0 - 0.17 * tier)
        for left, right, side in ((-half, 0.0, -1), (0.0, half, 1)):
            tone = 0.62 + 0.05 * tier + 0.1 * (side * climate.sun[0] > 0)
            leaves = climate.surface(LEAVES, (tone * 0.2, tone * 0.36, tone * 0.2), warmer=tree.warmer)
            corners = [(left, low), (0.0, high), (right, low)] if side < 0 else [(0.0, high), (right, low), (left, low)]
            canvas.sprite([(tree.x + a, y, tree.z) for a, y in corners], leaves, thing, lit)
