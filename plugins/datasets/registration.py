"""Registration of unregistered pairs: a crop or a homography maps a visible image onto the pixels of its thermal partner."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data.images import open_array
from zoo.errors import DataError

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class CropBox:
    """The crop of a visible image that the thermal camera sees, in shares of its width and height, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            sides = f"{self.left:g} {self.top:g} {self.right:g} {self.bottom:g}"
            raise DataError(f"the crop {sides} (left, top, right, bottom) exceeds the image", "Choose 0 to 1")


def central_box(visible: tuple[int, ...], thermal: tuple[int, ...], width: float) -> CropBox:
    """Return the crop in the middle of a visible image that is `width` of its width wide and has the aspect of the thermal image.

    Both cameras have square pixels. A crop that would be taller than the visible image gets its height and becomes narrower.

    Args:
        visible: height and width of the visible image.
        thermal: height and width of the thermal image.
        width: share of the visible width, 0 to 1.
    """
    height = width * visible[1] * thermal[0] / thermal[1] / visible[0]
    if height > 1:
        width, height = width / height, 1.0
    return CropBox(left=(1 - width) / 2, top=(1 - height) / 2, right=(1 + width) / 2, bottom=(1 + height) / 2)


def visible_share(thermal_degrees: float, visible_degrees: float) -> float:
    """Return the share of a visible image's width that a thermal camera sees, from both horizontal fields of box."""
    return math.tan(math.radians(thermal_degrees / 2)) / math.tan(math.radians(visible_degrees / 2))


def crop_to_box(visible: NDArray[np.uint8], box: CropBox, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a crop of a visible image [H, W, 3], resized bicubically with antialiasing to `shape` (height, width)."""
    height, width = visible.shape[:2]
    sides = (box.left * width, box.top * height, box.right * width, box.bottom * height)
    picture = Image.fromarray(visible)
    return np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=sides))


def read_homography(path: Path) -> NDArray[np.float64]:
    """Return the 3 x 3 matrix that takes visible pixels (x, y, 1) to thermal pixels, from a text or NPY file.

    A text file holds nine numbers in rows, separated by blanks or commas; lines that begin with `#` are ignored.

    Raises:
        DataError: the file is missing, holds something else, or the matrix cannot be inverted.
    """
    fix = "Give nine numbers in three rows: visible pixels (x, y, 1) to thermal pixels"
    try:
        if path.suffix.lower() == ".npy":
            matrix = np.array(open_array(path))
        else:
            lines = path.read_text(encoding="utf-8").splitlines()
            words = " ".join(line for line in lines if not line.lstrip().startswith("#")).replace(",", " ").split()
            matrix = np.array([float(word) for word in words])
        matrix = np.asarray(matrix, np.float64).reshape(3, 3)
    except (OSError, ValueError) as error:
        raise DataError(f"the homography `{path}` cannot be read: {error}", fix) from error
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
        raise DataError(f"the homography `{path}` cannot be inverted", fix)
    return matrix


def warp(visible: NDArray[np.uint8], homography: Array, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a visible image [H, W, 3] as the thermal camera of `shape` (height, width) would show it.

    Pixel (x, y) is the centre of the pixel in column x and row y. The image is first reduced where the homography shrinks it,
    so that no detail turns into false pattern.

    Raises:
        DataError: a part of the thermal image lies outside the visible one.
    """
    inverse = np.linalg.inv(homography)
    corners = np.array([[x, y, 1.0] for y in (0, shape[0] - 1) for x in (0, shape[1] - 1)]) @ inverse.T
    points = corners[:, :2] / corners[:, 2:]
    limits = np.array([visible.shape[1], visible.shape[0]]) - 0.5
    if (corners[:, 2] * corners[0, 2] <= 0).any() or (points < -0.5).any() or (points > limits).any():
        raise DataError(
            "the homography puts a part of the thermal image outside the visible one",
            "Check that it takes visible pixels to thermal pixels, not the other way round",
        )
    spans = np.linalg.norm(points[[1, 3, 2, 3]] - points[[0, 2, 0, 1]], axis=1)
    shrink = max(1.0, float(min(spans / (np.array([shape[1], shape[1], shape[0], shape[0]]) - 1).clip(1))))
    reduced = Image.fromarray(visible)
    if shrink > 1.5:  # bicubic interpolation sees details down to about this
        size = round(visible.shape[1] / shrink), round(visible.shape[0] / shrink)
        reduced = reduced.resize(size, Image.Resampling.BICUBIC)
    # Pillow counts from the corner of the first pixel, homographies from its centre.
    to_corner = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    scale = np.diag([reduced.width / visible.shape[1], reduced.height / visible.shape[0], 1.0])
    back = scale @ to_corner @ inverse @ np.linalg.inv(to_corner)
    return np.asarray(
        reduced.transform(
            (shape[1], shape[0]),
            Image.Transform.PERSPECTIVE,
            tuple((back / back[2, 2]).ravel()[:8]),
            Image.Resampling.BICUBIC,
        )
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Registration:
    """A homography that the user measured, else a crop that depends on both shapes."""

    box: Callable[[Shape, Shape], CropBox | None]
    """Returns the crop of a visible image of one shape that a thermal image of the other shape shows; None: all of it."""
    homography: NDArray[np.float64] | None = None

    @classmethod
    def from_file(cls, homography: str, box: Callable[[Shape, Shape], CropBox | None]) -> Registration:
        """Return the registration by the matrix in a file, or by `box` if the file's name is empty.

        Raises:
            DataError: the file holds no homography.
        """
        return cls(box=box, homography=read_homography(Path(homography)) if homography else None)

    def apply(self, visible: NDArray[np.uint8], thermal: Array) -> NDArray[np.uint8]:
        """Return the visible image [H, W, 3] in the thermal image's size and field of view.

        Raises:
            DataError: the thermal camera sees more than the visible image holds.
        """
        if self.homography is not None:
            return warp(visible, self.homography, thermal.shape)
        box = self.box(visible.shape, thermal.shape)
        return visible if box is None else crop_to_box(visible, box, thermal.shape)
