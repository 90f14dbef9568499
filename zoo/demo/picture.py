"""A thermal image on the page: its colors, their scale, and the value of a pixel. Imports no gradio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from zoo.layers.pixels import level_of

if TYPE_CHECKING:
    from zoo.translation.translator import Translator

Thermal = NDArray[np.float32]
"""A thermal image [H, W] in [-1, 1]."""
Mark = tuple[int, int]
"""A pixel of it, (x, y)."""
Scale = tuple[float, float]
"""Thermal values of the first and the last color."""

MAPS = {"Inferno": "inferno", "Grey": "gray", "Grey, hot is black": "gray_r", "Turbo": "turbo", "Viridis": "viridis"}
"""Color maps of matplotlib by their name on the page."""
WHOLE: Scale = (-1.0, 1.0)
SHOWN = 1024
"""Pixels to which smaller images are enlarged, because gradio does not enlarge them."""


def scale_of(thermal: Thermal, *, stretched: bool) -> Scale:
    """Return the thermal values of the first and last color: of the whole range, or of this image."""
    low, high = float(thermal.min()), float(thermal.max())
    return (low, high) if stretched and high > low else WHOLE


def enlargement(thermal: Thermal) -> float:
    """Return the factor by which the page's picture is larger than the thermal image."""
    longest: int = max(thermal.shape)
    return max(1.0, SHOWN / longest)


def coloured(thermal: Thermal, colours: str, scale: Scale, mark: Mark | None = None) -> NDArray[np.uint8]:
    """Return a thermal image in the colors of `MAPS`, uint8 RGB, enlarged, with a cross around the pixel (x, y) `mark`."""
    import matplotlib

    share = (thermal - scale[0]) / (scale[1] - scale[0])
    painted = matplotlib.colormaps[MAPS[colours]](share, bytes=True)[..., :3]
    times = enlargement(thermal)
    rows, columns = (np.minimum(np.arange(round(side * times)) / times, side - 1).astype(int) for side in thermal.shape)
    pixels: NDArray[np.uint8] = painted[rows[:, None], columns]
    return pixels if mark is None else _with_cross(pixels, *(int((place + 0.5) * times) for place in mark))


def legend(translator: Translator, colours: str, scale: Scale) -> str:
    """Return the color scale as HTML: a bar with the values of its ends."""
    import matplotlib

    stops = (matplotlib.colormaps[MAPS[colours]](np.linspace(0, 1, 13), bytes=True)[:, :3]).tolist()
    bar = ", ".join(f"rgb({red},{green},{blue})" for red, green, blue in stops)
    low, high = (value_text(translator, value) for value in scale)
    return (
        f'<div class="zoo-scale"><span>{low}</span>'
        f'<div style="background: linear-gradient(to right, {bar})"></div><span>{high}</span></div>'
    )


def reading(translator: Translator, thermal: Thermal | None, mark: Mark | None) -> str:
    """Return, as HTML, the temperature or the grey level of a pixel (x, y), or a hint."""
    if thermal is None:
        return '<div class="zoo-reading">Choose an image first.</div>'
    if mark is None:
        return '<div class="zoo-reading">Click a pixel of the thermal image to read it.</div>'
    x, y = mark
    value = value_text(translator, float(thermal[y, x]))
    why = "" if translator.thermal_range else "; these weights were trained on uncalibrated data"
    return f'<div class="zoo-reading"><b>{value}</b> at x {x}, y {y}{why}</div>'


def value_text(translator: Translator, value: float) -> str:
    """Return a thermal value as text: degrees if the training data were calibrated, else an 8-bit grey level."""
    if translator.thermal_range:
        degrees = float(translator.to_celsius(torch.tensor(value)))
        return f"{degrees:.1f} °C".replace("-", "\N{MINUS SIGN}")
    return f"grey level {level_of(value)}"


def _with_cross(pixels: NDArray[np.uint8], x: int, y: int) -> NDArray[np.uint8]:
    """Return a picture with four white strokes with black rims around a pixel, which does not change."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    unit = max(1, round(max(pixels.shape[:2]) / 200))
    for color, rim in (("black", 1), ("white", 0)):
        near, far, half = unit + 1 - rim, 4 * unit + 2 + rim, unit // 2 + rim
        for first, last in ((-far, -near), (near, far)):
            draw.rectangle((x + first, y - half, x + last, y + half), fill=color)
            draw.rectangle((x - half, y + first, x + half, y + last), fill=color)
    return np.asarray(image)
