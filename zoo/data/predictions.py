"""Images that another program translated: what their files hold, and on which scale. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data.images import read_thermal
from zoo.data.layout import DatasetInfo
from zoo.data.opening import FIX, decode_image, open_image, unreadable_image
from zoo.errors import DataError, UsageError

Array = NDArray[Any]
Range = tuple[float, float]

WIDE = (0.0, 65535.0)
"""Levels of a 16-bit file, from the darkest to the brightest."""
SLACK = 1e-4
"""By which floats in [-1, 1] may lie beyond it."""


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What the predictions of a folder hold."""

    sizes: dict[str, tuple[int, int]]
    """Height and width of each readable prediction, by stem."""
    unreadable: dict[str, str]
    """Why a prediction cannot be read, by stem."""
    constant: tuple[str, ...]
    """Stems of images without contrast."""
    colours: int
    """Number of images in colour."""
    ends: dict[str, Range]
    """Lowest and highest value of all images of a type: `uint8`, `uint16`, `float32`."""
    sha256: str
    """Over the names and contents of the readable files."""


def inspect_predictions(files: Mapping[str, Path]) -> Inspected:
    """Read every prediction once."""
    sizes: dict[str, tuple[int, int]] = {}
    unreadable: dict[str, str] = {}
    ends: dict[str, Range] = {}
    contents: dict[str, str] = {}
    constant, colours = [], 0
    for stem, path in files.items():
        try:
            pixels = read_prediction(path)
            contents[f"{stem} {path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        except (DataError, OSError) as error:
            unreadable[stem] = error.message if isinstance(error, DataError) else f"`{path}`: {error.strerror}"
            continue
        low, high = float(pixels.min()), float(pixels.max())
        before = ends.get(pixels.dtype.name, (low, high))
        ends[pixels.dtype.name] = min(low, before[0]), max(high, before[1])
        sizes[stem] = pixels.shape[0], pixels.shape[1]
        colours += pixels.ndim == 3
        if low == high:
            constant.append(stem)
    sha256 = hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()
    return Inspected(
        sizes=sizes, unreadable=unreadable, constant=tuple(constant), colours=colours, ends=ends, sha256=sha256
    )


def read_prediction(path: Path) -> Array:
    """Return an image of another program, uint8, uint16 or float32 [H, W], or uint8 or uint16 [H, W, 3] where it has colours.

    Raises:
        DataError: it is missing, damaged, transparent, or of an unsupported type.
    """
    if path.suffix.lower() == ".npy":
        return read_thermal(path)
    _require_opaque(path)
    image = decode_image(path)
    if isinstance(image, Image.Image):
        if image.mode.startswith("I;16") or image.mode == "F":
            return read_thermal(path)
        if image.mode in ("I", "LAB", "HSV", "CMYK"):
            raise DataError(f"image `{path}` has pixels of type {image.mode}", "Save it as 8-bit or 16-bit PNG")
        image = np.asarray(image.convert("L" if image.mode in ("L", "LA", "1") else "RGB"))
    pixels: Array = np.asarray(image)
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        return pixels[..., 0]
    return pixels


def _require_opaque(path: Path) -> None:
    try:
        with open_image(path, any_size=False) as image:
            clear = "transparency" in image.info or "A" in image.getbands()
            alpha = image.convert("RGBA").getchannel("A").getextrema() if clear else (255, 255)
    except DataError:
        raise
    except Exception as error:  # Pillow raises anything for damaged files
        raise unreadable_image(path, error) from error
    if alpha != (255, 255):
        raise DataError(f"image `{path}` has transparent pixels, whose grey is not defined", f"{FIX}, without alpha")


def value_ranges(inspected: Inspected, info: DatasetInfo, given: Range | None) -> dict[str, Range]:
    """Return the values that stand for the darkest and the brightest level, by the type of the files.

    8-bit levels are 0 to 255, and 16-bit levels 0 to 65535, over the dataset's range; floats are -1 to 1, or degrees Celsius
    where the dataset is calibrated, as `zoo translate` writes them. What could be several of these is refused.

    Args:
        inspected: the files.
        info: of the dataset.
        given: the user's values for 16-bit and float files.

    Raises:
        UsageError: the scale is not clear, or the given values are in the wrong order.
    """
    if given and not given[0] < given[1]:
        raise UsageError(f"`value_range` is {given[0]:g},{given[1]:g}, and the first is not below the second")
    ranges: dict[str, Range] = {"uint8": (0.0, 255.0)}
    for kind, (low, high) in inspected.ends.items():
        if kind != "uint8":
            ranges[kind] = given or (_range_of_floats if kind == "float32" else _range_of_words)(low, high, info)
    return ranges


def _range_of_words(low: float, high: float, info: DatasetInfo) -> Range:
    found = f"the predictions are 16-bit, with values from {low:g} to {high:g}"
    if info.thermal_bits == 16 and info.stored_range != WIDE:
        first, last = info.stored_range
        raise UsageError(
            f"{found}, and the dataset's range is {first:g} to {last:g}; they may be on that scale or from 0 to 65535",
            f"Use `value_range`={first:g},{last:g} or `value_range`=0,65535",
        )
    if high < 4096:
        raise UsageError(
            f"{found}; they may be counts of fewer bits, or nearly black",
            "Use `value_range`=LOW,HIGH, e.g. 0,4095 or 0,65535",
        )
    return WIDE


def _range_of_floats(low: float, high: float, info: DatasetInfo) -> Range:
    if -1 - SLACK <= low < 0 and high <= 1 + SLACK:
        return -1.0, 1.0
    if info.thermal_range and (low < -1 - SLACK or high > 1 + SLACK):
        return info.thermal_range  # degrees Celsius
    raise UsageError(
        f"the predictions are floats from {low:g} to {high:g}, whose range is not known",
        "Use `value_range`=LOW,HIGH, the values of the darkest and the brightest level, e.g. 0,1",
    )
