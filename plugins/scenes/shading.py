"""From the painted canvas to light and to heat (sun, sky, shadows, lamps, haze, texture), and through lenses and detectors.

Each polygon is lit once, in the canvas's table; pixels then look their polygon up and get shadow, texture and haze.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .canvas import ROAD, SKY, Canvas, Climate, Floats, Point

HAZE = 450.0
"""Depth in metres at which haze hides two thirds of a thing in visible light; in thermal 2.5 times that."""
TILE = 128
"""Side of a texture."""
THERMAL_RANGE = (-10.0, 40.0)
"""Degrees Celsius at the 8-bit values 0 and 255; colder and warmer ones are clipped."""
NETD = 0.25
"""Standard deviation of the thermal detector's noise, degrees."""
FIXED_PATTERN = 0.2
"""Standard deviation of the difference between the detector's columns, degrees; the same in every picture."""
BLUR = 0.0045
"""Standard deviation of the thermal lens's point spread, as a share of the picture's width."""


class CanvasArrays:
    """The canvas as arrays; `samples` canvas pixels make one side of a picture's pixel."""

    def __init__(self, canvas: Canvas, samples: int, rng: np.random.Generator) -> None:
        self.camera, self.samples, rows = canvas.camera, samples, canvas.rows
        self.seen = canvas.seen()
        self.lit, self.open, depth, self.celsius, self.heating, grain = np.array(
            [(r.lit, r.open, r.depth, r.surface.celsius, r.surface.heating, r.surface.grain) for r in rows], np.float32
        ).T
        self.colour = np.array([r.surface.colour for r in rows], np.float32) ** 2.2
        self.glow = np.array([r.surface.glow for r in rows], np.float32)
        things = np.array([r.thing for r in rows])
        self.ground, self.sky = (things == ROAD)[self.seen], (things == SKY)[self.seen]
        self.shade, self.cool = (mask * self.ground for mask in canvas.shadows())
        size = canvas.pixels
        row = (np.arange(size, dtype=np.float32) + 0.5) / size
        flat = np.minimum(self.camera.focal * self.camera.height / np.maximum(row - self.camera.horizon, 1e-4), 300.0)
        self.depth = np.where(self.ground, flat[:, None], depth[self.seen])
        self.texture = grain[self.seen] * self._texture(flat, rng)
        self._tile = noise(rng, (2, 4, 8, 16))

    def coarse(self) -> tuple[Floats, Floats, Floats]:
        """Return row, column (fractions) and depth of the picture's pixels, for fields that vary slowly."""
        middle = slice(self.samples // 2, None, self.samples)
        size = self.seen.shape[0] // self.samples
        at = (np.arange(size, dtype=np.float32) + 0.5) / size
        return at[:, None], at[None, :], self.depth[middle, middle]

    def clouds(self) -> Floats:
        """Return clouds [H, W] of zero mean and unit variance on a ceiling that recedes towards the horizon."""
        row, column, _ = self.coarse()
        up = np.maximum(self.camera.horizon - row, 0.0) + 0.07
        cover = _lookup(self._tile, (column - 0.5) / up * 12, 10 / up)
        return np.asarray(cover * np.minimum(up * 5, 1), np.float32)

    def across(self, column: Floats, depth: Floats) -> Floats:
        """Return how far right of the street's middle a surface at this column and depth lies, metres."""
        return (column - self.camera.column) * depth / self.camera.focal + self.camera.x - self.camera.bend * depth**2

    def _texture(self, flat: Floats, rng: np.random.Generator) -> Floats:
        """Return noise that lies on the ground in perspective, and faces the camera elsewhere."""
        tile, size = noise(rng, (4, 16, 64, 128)), len(flat)
        at = (np.arange(size, dtype=np.float32) + 0.5) / size
        z = flat[:, None]
        x = self.across(at[None, :], z)
        ground = tile[(z * 11).astype(np.int32) % TILE, (x * 11).astype(np.int32) % TILE] / (1 + z / 25)
        step = (at * 300).astype(int) % TILE
        return np.where(self.ground, ground, tile[step[:, None], step[None, :]])


def noise(rng: np.random.Generator, cells: tuple[int, ...]) -> Floats:
    """Return fractal noise [TILE, TILE] of zero mean and unit variance that repeats at its edges."""
    total = np.zeros((TILE, TILE), np.float32)
    for count in cells:
        grid = rng.standard_normal((count, count), dtype=np.float32)
        at = np.arange(TILE) * count / TILE
        i, t = at.astype(int), (at % 1).astype(np.float32)
        t = t * t * (3 - 2 * t)
        after = (i + 1) % count
        rows = grid[i] * (1 - t)[:, None] + grid[after] * t[:, None]
        total += (rows[:, i] * (1 - t) + rows[:, after] * t) / count**0.5
    return np.asarray((total - total.mean()) / total.std(), np.float32)


def _lookup(tile: Floats, x: Floats, y: Floats) -> Floats:
    """Return the tile, repeated without end, between its pixels at columns `x` and rows `y`."""
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    s, t = x - left, y - top
    (x0, x1), (y0, y1) = (left % TILE, (left + 1) % TILE), (top % TILE, (top + 1) % TILE)
    upper, lower = (tile[y0, x0] * (1 - s) + tile[y0, x1] * s), (tile[y1, x0] * (1 - s) + tile[y1, x1] * s)
    return np.asarray(upper * (1 - t) + lower * t, np.float32)


def shade(view: CanvasArrays, climate: Climate, lanterns: list[Point]) -> Floats:
    """Return linear light [H, W, 3]."""
    return _night(view, lanterns) if climate.night else _day(view, climate)


def warm(view: CanvasArrays, climate: Climate) -> Floats:
    """Return scene temperatures [H, W] in degrees Celsius, without the lens."""
    sunny = view.heating * view.lit
    celsius = (view.celsius + sunny)[view.seen] - sunny[view.seen] * view.cool + 5 * view.texture
    celsius += (climate.air - celsius) * (1 - np.exp(-view.depth / (2.5 * HAZE)))
    up = _elevation(view)
    # A clear sky is cold overhead; towards the horizon the path through the air is long and looks nearly as warm.
    horizon = climate.air - 4
    clear = horizon + (climate.zenith - horizon) * np.clip(1.6 * up, 0, 1) ** 0.6
    sky = clear + 0.5 * _cover(view, climate) * (climate.air - 6 - clear)
    return average(np.where(view.sky, _enlarge(sky, view.samples), celsius), view.samples)


def average(image: Floats, samples: int) -> Floats:
    """Return the mean over cells of `samples` x `samples` pixels."""
    size = image.shape[0] // samples
    cells = image.reshape(size, samples, size, samples, *image.shape[2:])
    return np.asarray(cells.mean(axis=(1, 3)), np.float32)


def _day(view: CanvasArrays, climate: Climate) -> Floats:
    ambient = np.array([0.42, 0.46, 0.53], np.float32) * (1.45 - 0.55 * climate.clear)
    direct = np.array([1.25, 1.17, 1.0], np.float32) * climate.sunshine
    diffuse = view.colour * ambient * (0.5 + 0.5 * view.open)[:, None]
    sunny = view.colour * direct * view.lit[:, None]
    light = (diffuse + sunny + view.glow)[view.seen]
    light -= sunny[view.seen] * view.shade[..., None]
    light *= (1 + np.clip(view.texture, -0.6, 0.8))[..., None]
    horizon, sky = _day_sky(view, climate)
    light += (horizon - light) * (1 - np.exp(-view.depth / HAZE))[..., None]
    light = np.where(view.sky[..., None], _enlarge(sky, view.samples), light)
    return average(np.minimum(light, 1.3), view.samples)


def _night(view: CanvasArrays, lanterns: list[Point]) -> Floats:
    moon = np.array([0.016, 0.019, 0.03], np.float32) * (0.5 + 0.5 * view.open)[:, None]
    light = view.colour[view.seen] * _enlarge(_lamplight(view, lanterns), view.samples)
    light *= (1 + np.clip(view.texture, -0.6, 0.8))[..., None]
    light += (view.colour * moon + view.glow)[view.seen]
    up = _elevation(view)[..., None]
    town = np.array([0.05, 0.04, 0.045], np.float32) * (1 - up) ** 2 + np.array([0.006, 0.008, 0.018], np.float32)
    sky = _enlarge(town + 0.006 * np.clip(view.clouds(), 0, 2)[..., None], view.samples)
    light = np.where(view.sky[..., None], sky, light)
    halo = average(view.glow[view.seen], view.samples)  # what scatters in the lens around lamps and lit windows
    near, wide = blur(halo, 0.012 * len(halo)), blur(halo, 0.04 * len(halo))
    return np.asarray(average(light, view.samples) + 0.35 * near + 0.25 * wide, np.float32)


def _day_sky(view: CanvasArrays, climate: Climate) -> tuple[Floats, Floats]:
    """Return the colour at the horizon [3], which haze takes on, and the sky [H, W, 3]."""
    row, column, _ = view.coarse()
    clear, camera = climate.clear, view.camera
    blue, grey = np.array([[0.12, 0.3, 0.72], [0.5, 0.53, 0.57]], np.float32)
    pale, dull = np.array([[0.62, 0.74, 0.86], [0.66, 0.68, 0.7]], np.float32)
    zenith, horizon = blue * clear + grey * (1 - clear), pale * clear + dull * (1 - clear)
    sky = horizon + (zenith - horizon) * _elevation(view)[..., None] ** 0.8
    sky = sky + 0.85 * _cover(view, climate)[..., None] * (0.66 + 0.3 * clear - sky)
    if climate.sun[2] > 0:  # the sun is in front of the camera
        x = camera.column + camera.focal * climate.sun[0] / climate.sun[2]
        y = camera.horizon - camera.focal * climate.sun[1] / climate.sun[2]
        near = np.exp(-((column - x) ** 2 + (row - y) ** 2) / 0.05)[..., None]
        sky = sky + clear * near * np.array([0.9, 0.8, 0.55], np.float32)
    return horizon, sky


def _cover(view: CanvasArrays, climate: Climate) -> Floats:
    """Return cloud cover [H, W], 0 to 1."""
    return np.asarray(np.clip(0.6 * view.clouds() + 0.75 - 0.95 * climate.clear, 0, 1), np.float32)


def _elevation(view: CanvasArrays) -> Floats:
    """Return height above the horizon [H, W]: 0 there and below, 1 at the picture's upper edge."""
    row, column, _ = view.coarse()
    up = np.clip((view.camera.horizon - row) / view.camera.horizon, 0, 1)
    return np.asarray(np.broadcast_to(up, (up.size, column.size)), np.float32)


def _lamplight(view: CanvasArrays, lanterns: list[Point]) -> Floats:
    """Return the light [H, W, 3] of street lamps and of the camera vehicle's own headlights."""
    _, column, z = view.coarse()
    x = view.across(column, z)
    street = np.zeros_like(z)
    for lamp_x, lamp_y, lamp_z in lanterns:
        street += 0.6 / (1 + ((x - lamp_x) ** 2 + (z - lamp_z) ** 2) / (0.35 * lamp_y**2)) ** 1.5
    own = 0.6 * np.exp(-(((x - view.camera.x) / (1.2 + 0.16 * z)) ** 2) - z / 14)
    colours: Floats = np.array([[1.0, 0.8, 0.5], [1.0, 0.97, 0.9]], np.float32)
    return np.asarray(street[..., None] * colours[0] + own[..., None] * colours[1], np.float32)


def _enlarge(image: Floats, samples: int) -> Floats:
    return np.asarray(image, np.float32).repeat(samples, 0).repeat(samples, 1)


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
