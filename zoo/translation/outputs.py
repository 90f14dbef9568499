"""Thermal images for users: one channel of 8-bit or 16-bit levels or floats, and degrees Celsius."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from zoo.data.images import one_channel, read_thermal, thermal_levels
from zoo.errors import DataError, UsageError
from zoo.files import write_atomically
from zoo.layers.pixels import TOP, Bits, from_levels, to_celsius, to_levels
from zoo.translation.inputs import RANGE_SLACK, Picture, require_path

Depth = Literal[8, 16, "float"]
"""Values of a thermal image: 0 to 255, 0 to 65535, or floats in [-1, 1]; the ends of all three are the same temperatures."""

_BITS: dict[torch.dtype, Bits] = {torch.uint8: 8, torch.uint16: 16}


def levels(thermal: Tensor, depth: Depth) -> Tensor:
    """Return float images in [-1, 1] as uint8, uint16 or float32 of the same shape.

    Raises:
        UsageError: there is no such depth.
    """
    if depth == "float":
        return thermal
    if depth not in TOP:
        raise UsageError(f"thermal images have a depth of 8, 16 or 'float', not {depth!r}")
    return to_levels(thermal, depth)


def like_input(thermal: Tensor, image: Picture, depth: Depth | None) -> Image.Image | NDArray[Any] | Tensor:
    """Return thermal images [N, 1, H, W] in [-1, 1] as the type of the visible ones: picture, array or tensor.

    Args:
        thermal: float; N is 1 unless `image` is a tensor.
        image: the input of the user; for a file a picture is returned.
        depth: None: floats for a tensor, else 8 bits.

    Raises:
        UsageError: there is no such depth.
    """
    if isinstance(image, Tensor):
        tensor = levels(thermal, depth or "float")
        return tensor if image.dim() == 4 else tensor[0]
    pixels: NDArray[Any] = levels(thermal[0, 0], depth or 8).cpu().numpy()
    return pixels if isinstance(image, np.ndarray) else Image.fromarray(pixels)


def celsius(thermal: Picture, thermal_range: tuple[float, float]) -> NDArray[np.float32] | Tensor:
    """Return the degrees Celsius of every pixel of a thermal image of any depth, linear over the thermal range.

    Args:
        thermal: a file, a PIL image (`L`, `I;16` or `F`) or an array [H, W] or [H, W, 1], for a float32 array [H, W]; or a tensor
            of any shape, for a float32 tensor. The range is 0 to 255 for uint8, 0 to 65535 for uint16, -1 to 1 for floats.
        thermal_range: degrees at the lowest and the highest level.

    Raises:
        DataError: the file is not a readable thermal image, or the values are of another type or range.
    """
    if isinstance(thermal, Tensor):
        return to_celsius(_signed(thermal), thermal_range).float()
    if isinstance(thermal, str | Path):
        pixels = read_thermal(require_path(thermal, "the thermal image"))
    elif isinstance(thermal, Image.Image):
        pixels = thermal_levels(thermal)
    else:
        pixels = _thermal_array(thermal)
    degrees = to_celsius(_signed(torch.from_numpy(np.array(pixels))), thermal_range)
    return degrees.float().numpy()


def _thermal_array(thermal: object) -> NDArray[Any]:
    """Return a thermal image [H, W] or [H, W, 1] as [H, W]."""
    if not isinstance(thermal, np.ndarray):
        found = type(thermal).__name__
        raise DataError(f"a thermal image is a file, a PIL image, an array or a tensor; this is {found}")
    pixels = one_channel(thermal)
    if pixels.ndim != 2:
        found = f"{thermal.dtype} {list(thermal.shape)}"
        raise DataError(
            f"an array of a thermal image is [H, W] or [H, W, 1]; this is {found}", "Use what `translate` returns"
        )
    return pixels


def write_pixels(pixels: NDArray[Any], path: Path) -> None:
    """Write a thermal image [H, W] or [H, W, 1], or one in colors [H, W, 3], atomically as PNG, TIFF or NPY, by the ending.

    Raises:
        ZooError: the folder cannot be written or the disk is full.
    """
    buffer = io.BytesIO()
    ending = path.suffix.lower()
    pixels = pixels if pixels.ndim == 3 and pixels.shape[2] == 3 else one_channel(pixels)
    if ending == ".npy":
        np.save(buffer, pixels)
    else:
        Image.fromarray(pixels).save(buffer, "PNG" if ending == ".png" else "TIFF")
    write_atomically(path, buffer.getvalue())


def _signed(thermal: Tensor) -> Tensor:
    """Return thermal levels of any depth in [-1, 1]: float64 of levels, float32 of float32, as scores compute degrees."""
    if thermal.dtype in _BITS:
        return from_levels(thermal, _BITS[thermal.dtype])
    if not thermal.is_floating_point():
        raise DataError(f"thermal images are uint8, uint16 or float; this one is {str(thermal.dtype).split('.')[-1]}")
    if not bool((thermal.abs() <= 1 + RANGE_SLACK).all()):
        raise DataError("thermal images of floats have values in [-1, 1]; this one has not: is it in degrees already?")
    return thermal if thermal.dtype == torch.float64 else thermal.float()
