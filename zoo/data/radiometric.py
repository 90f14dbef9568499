"""Degrees Celsius out of what thermal cameras write. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.geometry import View
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
    """The picture of the camera's second eye, [H, W, 3]; None where it has none."""
    view: View | None
    """The part of `visible` that `celsius` shows, by the camera's own alignment; None where it states none."""


def read_flir_jpeg(path: Path) -> Thermogram:
    """Return the degrees and the visible picture of a FLIR radiometric JPEG, through `flyr` (extra `radiometric`).

    Raises:
        UsageError: flyr is not installed.
        DataError: the file is missing or holds no radiometric data.
    """
    try:
        import flyr
    except ImportError as error:
        raise UsageError(
            "FLIR radiometric JPEGs are read by flyr, which is not installed",
            "Type: pip install 'thermal-zoo[radiometric]'",
        ) from error
    if not path.is_file():
        raise DataError(f"image `{path}` does not exist", "Check the path")
    try:
        found = flyr.unpack(str(path))
        celsius = np.asarray(found.celsius, np.float32)
    except Exception as error:  # flyr raises whatever a damaged file makes it stumble over
        reason = f": {error}" if str(error) else ""
        raise DataError(
            f"`{path}` holds no radiometric data that flyr can read{reason}", "Use the original file"
        ) from error
    if celsius.ndim != 2 or celsius.size == 0 or not np.isfinite(celsius).all():
        raise DataError(f"the degrees in `{path}` are not a finite image", "Use the original file of the camera")
    visible = None if found.optical is None else np.asarray(found.optical, np.uint8)
    if visible is not None and visible.ndim == 2:
        visible = np.repeat(visible[..., None], 3, axis=2)
    aligned = found.pip_info
    view = None if visible is None or aligned is None else _view(aligned, visible.shape)
    return Thermogram(celsius=celsius, visible=visible, view=view)


def _view(aligned: Any, shape: tuple[int, ...]) -> View | None:
    """Return the crop that FLIR's tags `Real2IR`, `OffsetX` and `OffsetY` describe: 1/Real2IR of each side, moved."""
    if not aligned.real_to_ir >= 1:
        return None
    half = 0.5 / aligned.real_to_ir
    x, y = 0.5 + aligned.offset_x / shape[1], 0.5 + aligned.offset_y / shape[0]
    sides = (max(0.0, x - half), max(0.0, y - half), min(1.0, x + half), min(1.0, y + half))
    return View(left=sides[0], top=sides[1], right=sides[2], bottom=sides[3])
