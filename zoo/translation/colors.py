"""Thermal images in the color maps of thermal cameras, with a bar in degrees where these are known. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from zoo.errors import DataError, UsageError

Pixels = NDArray[np.uint8]
ColormapName = Literal["white-hot", "black-hot", "inferno", "magma", "plasma", "viridis", "turbo"]
COLORMAPS: Mapping[ColormapName, str] = {
    "white-hot": "gray",
    "black-hot": "gray_r",
    "inferno": "inferno",
    "magma": "magma",
    "plasma": "plasma",
    "viridis": "viridis",
    "turbo": "turbo",
}
"""Color maps of matplotlib by the names that users of thermal cameras know."""
_SMALLEST_FONT, _LARGEST_FONT = 9, 48
"""Pixels; between them the font is a twentieth of the image's height."""


def colored(thermal: Pixels, name: ColormapName, thermal_range: tuple[float, float] | None = None) -> Pixels:
    """Return a thermal image [H, W] in colors, uint8 [H, W, 3]; with a range, a bar in degrees stands right of it.

    Args:
        thermal: levels of 8 bits.
        name: of the color map.
        thermal_range: degrees Celsius of levels 0 and 255; None: no bar, and the size stays.

    Raises:
        UsageError: there is no such color map.
        DataError: the image is no array [H, W] of uint8.
    """
    if name not in tuple(COLORMAPS):
        raise UsageError(
            f"there is no color map {name!r}", f"Use {', '.join(list(COLORMAPS)[:-1])} or {list(COLORMAPS)[-1]}"
        )
    _require_levels(thermal)
    colors = color_table(name)
    image: Pixels = colors[thermal]
    if thermal_range is None:
        return image
    return np.concatenate([image, _bar(len(image), colors, thermal_range)], axis=1)


@cache
def color_table(name: ColormapName) -> Pixels:
    """Return the color of each level, uint8 [256, 3]."""
    import matplotlib

    shares = matplotlib.colormaps[COLORMAPS[name]](np.arange(256))[:, :3]
    return np.round(shares * 255).astype(np.uint8)  # matplotlib's own bytes are cut off: its grey 2 is 1


def _require_levels(thermal: object) -> None:
    """Refuse what is no array [H, W] of uint8."""
    if not isinstance(thermal, np.ndarray):
        fix = "Use `numpy.asarray(...)` of the picture that `translate` returns"
        raise DataError(f"a thermal image to color is an array [H, W] of uint8; this is {type(thermal).__name__}", fix)
    if thermal.dtype != np.uint8 or thermal.ndim != 2 or not thermal.size:
        found = f"{thermal.dtype} {list(thermal.shape)}"
        fix = "Use the array that `translate(array)` returns, of 8 bits"
        raise DataError(f"a thermal image to color is uint8 [H, W]; this is {found}", fix)


def _bar(height: int, colors: Pixels, thermal_range: tuple[float, float]) -> Pixels:
    """Return a strip of this height: a gap, the colors from the highest level down, and degrees beside them."""
    size = int(np.clip(height // 20, _SMALLEST_FONT, _LARGEST_FONT))
    font = ImageFont.load_default(size=size)
    places = np.linspace(0, 1, _labels(height, size))
    low, high = thermal_range
    texts = [f"{low + place * (high - low):.4g} °C" for place in places]
    wide = max((int(np.ceil(font.getlength(text))) for text in texts), default=0)
    gap, bar = size // 2, size
    strip = Image.new("RGB", (gap + bar + (gap + wide + gap if texts else 0), height), "white")
    levels = np.round(np.linspace(255, 0, height)).astype(int)
    strip.paste(Image.fromarray(np.repeat(colors[levels][:, None], bar, axis=1)), (gap, 0))
    draw = ImageDraw.Draw(strip)
    for place, text in zip(places, texts, strict=True):
        y = np.clip((1 - place) * height, size / 2, height - size / 2)
        draw.text((gap + bar + gap, y), text, fill="black", font=font, anchor="lm")
    return np.asarray(strip)


def _labels(height: int, size: int) -> int:
    """Return how many labels of this size stand beside a bar without touching."""
    return next((count for count in (5, 3, 2) if height >= 2 * count * size), 0)
