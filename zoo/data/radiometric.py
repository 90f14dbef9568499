"""Degrees Celsius out of what thermal cameras write. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from zoo.data.geometry import View
from zoo.data.names import plain
from zoo.errors import DataError, UsageError

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class CountScale:
    """The line from a camera's counts to degrees Celsius, as its maker or a calibration states it."""

    per_count: float
    """Degrees a count; 0.04 or 0.01 in the T-linear modes of FLIR's cameras."""
    at_zero: float = -273.15
    """Degrees Celsius of count 0; -273.15 where counts are proportional to kelvin."""

    def celsius(self, counts: Array) -> NDArray[np.float32]:
        """Return degrees Celsius, float32, of counts of any shape."""
        return (counts.astype(np.float64) * self.per_count + self.at_zero).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Thermogram:
    """What a FLIR radiometric JPEG holds."""

    celsius: NDArray[np.float32]
    """Degrees [H, W], by the camera's own calibration, emissivity and distance."""
    visible: NDArray[np.uint8] | None
    """The photo of the camera's second lens, [H, W, 3]; None where it has none."""
    view: View | None
    """The part of `visible` that `celsius` shows by the file's `OffsetX` and `OffsetY`; None where it states none."""
    central: View | None
    """That part where the offsets are left out: some cameras write them for photos that they have moved already."""


def camera_of(path: Path) -> str:
    """Return the camera's model as an image's EXIF data state it; empty where they state none or cannot be read."""
    try:
        with Image.open(path) as image:
            exif = image.getexif()
            words = (exif.get(tag) for tag in (ExifTags.Base.Model, ExifTags.Base.Make))
            return next((name for word in words if (name := plain(str(word or "").strip(" \0")))), "")
    except Exception:  # whatever a damaged file makes Pillow stumble over
        return ""


def read_flir_jpeg(path: Path) -> Thermogram:
    """Return the degrees and the photo of a FLIR radiometric JPEG, through `flyr` (extra `radiometric`).

    Raises:
        UsageError: flyr is not installed.
        DataError: the file is missing or holds no radiometric data; the message names the file and its camera.
    """
    try:
        import flyr
    except ImportError as error:
        raise UsageError(
            "FLIR radiometric JPEGs are read by flyr, which is not installed",
            "Run: pip install 'thermal-zoo[radiometric]'",
        ) from error
    if not path.is_file():
        raise DataError(f"image `{path}` does not exist", "Check the path")
    try:
        found = flyr.unpack(str(path))
        celsius = np.asarray(found.celsius, np.float32)
        visible = None if found.optical is None else np.asarray(found.optical, np.uint8)
        aligned = found.pip_info
    except Exception as error:  # flyr raises whatever a damaged file makes it stumble over
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
        raise DataError(
            f"`{path}` of {camera_of(path) or 'a camera that it does not name'} holds no radiometric data that flyr can read "
            f"({reason})",
            "Use the original file of the camera",
        ) from error
    if celsius.ndim != 2 or celsius.size == 0 or not np.isfinite(celsius).all():
        raise DataError(
            f"the degrees in `{path}` of {camera_of(path) or 'a camera that it does not name'} are not a finite image",
            "Use the original file of the camera",
        )
    if visible is not None and visible.ndim == 2:
        visible = np.repeat(visible[..., None], 3, axis=2)
    if visible is None or aligned is None:
        return Thermogram(celsius=celsius, visible=visible, view=None, central=None)
    central = _view(aligned.real_to_ir, 0.0, 0.0)
    view = _view(aligned.real_to_ir, aligned.offset_x / visible.shape[1], aligned.offset_y / visible.shape[0])
    return Thermogram(celsius=celsius, visible=visible, view=view or central, central=central)


def _view(real_to_ir: float, right: float, down: float) -> View | None:
    """Return the crop that FLIR's tags describe: 1/`Real2IR` of each side, moved by shares of the sides; None for none."""
    if not real_to_ir >= 1:
        return None
    half = 0.5 / real_to_ir
    x, y = 0.5 + right, 0.5 + down
    left, top, right, bottom = (max(0.0, x - half), max(0.0, y - half), min(1.0, x + half), min(1.0, y + half))
    return View(left=left, top=top, right=right, bottom=bottom) if left < right and top < bottom else None
