"""FLIR radiometric JPEGs: their degrees, their photo, and whether the photo is cropped by the offsets in the file.

`OffsetX` and `OffsetY` state where the thermal image lies in the photo. Some cameras (FLIR ONE Edge Pro) write them although
the stored photo is aligned already, and nothing in the file distinguishes the two, so the edges of both images decide.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from zoo.data.importing import aligned_shift_limit, by_digest, edge_agreement
from zoo.data.layout import printable
from zoo.errors import DataError, UsageError

from .registration import CropBox, crop_to_box

COMPARED_FILES = 24
"""Files of a camera that are compared; more make the import slower and the decision no better."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Thermogram:
    """The content of a FLIR radiometric JPEG."""

    celsius: NDArray[np.float32]
    """Degrees [H, W], by the camera's calibration, emissivity and distance."""
    visible: NDArray[np.uint8] | None
    """The photo of the camera's second lens, [H, W, 3]; None where it has none."""
    stated: CropBox | None
    """The crop of `visible` that `celsius` shows by the file's `OffsetX` and `OffsetY`; None where it states none."""
    central: CropBox | None
    """That crop without the offsets."""


def camera_of(path: Path) -> str:
    """Return the camera's model in an image's EXIF data; empty without one, or if they cannot be read."""
    try:
        with Image.open(path) as image:
            exif = image.getexif()
            words = (exif.get(tag) for tag in (ExifTags.Base.Model, ExifTags.Base.Make))
            return next((name for word in words if (name := printable(str(word or "").strip(" \0")))), "")
    except Exception:  # damaged files raise anything
        return ""


def _camera_name(path: Path) -> str:
    return camera_of(path) or "an unnamed camera"


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
    except Exception as error:  # damaged files make flyr raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
        found = f"holds no radiometric data that flyr can read ({reason})"
        raise DataError(f"`{path}` of {_camera_name(path)} {found}", "Use the original file of the camera") from error
    if celsius.ndim != 2 or celsius.size == 0 or not np.isfinite(celsius).all():
        found = f"the degrees in `{path}` of {_camera_name(path)} are not a finite image"
        raise DataError(found, "Use the original file of the camera")
    if visible is not None and visible.ndim == 2:
        visible = np.repeat(visible[..., None], 3, axis=2)
    if visible is None or aligned is None:
        return Thermogram(celsius=celsius, visible=visible, stated=None, central=None)
    central = _box(aligned.real_to_ir, 0.0, 0.0)
    stated = _box(aligned.real_to_ir, aligned.offset_x / visible.shape[1], aligned.offset_y / visible.shape[0])
    return Thermogram(celsius=celsius, visible=visible, stated=stated or central, central=central)


def _box(real_to_ir: float, right: float, down: float) -> CropBox | None:
    """Return the crop that FLIR's tags describe: 1/`Real2IR` of each side, moved by shares of the sides; None without one."""
    if not real_to_ir >= 1:
        return None
    half = 0.5 / real_to_ir
    x, y = 0.5 + right, 0.5 + down
    left, top, right, bottom = (max(0.0, x - half), max(0.0, y - half), min(1.0, x + half), min(1.0, y + half))
    return CropBox(left=left, top=top, right=right, bottom=bottom) if left < right and top < bottom else None


class OffsetChooser:
    """Decides once per camera model, from its first files by digest, whether its offsets apply; per file without a model."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._files: defaultdict[str, list[str]] = defaultdict(list)
        for path in paths:
            self._files[_camera_key(path)].append(str(path))
        self._applied: dict[str, bool] = {}
        self.notes: list[str] = []
        """The decisions, one sentence per camera."""

    def box(self, path: Path, found: Thermogram) -> CropBox | None:
        """Return the crop of a file's photo that its degrees show."""
        if found.stated == found.central:
            return found.stated
        key = _camera_key(path)
        if key not in self._applied:
            self._applied[key] = self._decide(key)
        return found.stated if self._applied[key] else found.central

    def _decide(self, key: str) -> bool:
        chosen = by_digest(self._files[key])[:COMPARED_FILES]
        compared = [pair for name in chosen if (pair := _agreements(Path(name)))]
        stated, central = (sum(pair[side] for pair in compared) / max(1, len(compared)) for side in (0, 1))
        if not compared:
            why = "as stated, since no file has edges to compare"
        else:
            files = f"{len(compared)} file{'s' * (len(compared) > 1)}"
            why = f"since edges agree {stated:.1f} with them and {central:.1f} without (standard deviations, {files})"
        apply = stated >= central
        self.notes.append(f"{key}: the photo's offsets are {'applied' if apply else 'left out'}, {why}")
        return apply


def _camera_key(path: Path) -> str:
    return camera_of(path) or printable(path.name)


def _agreements(path: Path) -> tuple[float, float] | None:
    """Return the agreement of edges with and without the offsets; None where they cannot be compared."""
    try:
        found = read_flir_jpeg(path)
    except DataError:
        return None  # the file is skipped when it is imported
    stated, central, photo, shape = found.stated, found.central, found.visible, found.celsius.shape
    if photo is None or stated is None or central is None or stated == central:
        return None
    across = (stated.left - central.left) / (central.right - central.left) * shape[1]
    down = (stated.top - central.top) / (central.bottom - central.top) * shape[0]
    within = min(aligned_shift_limit(shape), math.hypot(across, down) / 2)  # so that no shift counts for both
    with_offsets, without = (
        edge_agreement(crop_to_box(photo, box, shape), found.celsius, within) for box in (stated, central)
    )
    return None if with_offsets is None or without is None else (with_offsets, without)
