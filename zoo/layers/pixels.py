"""Pixel values: [-1, 1] as networks see them, levels as files hold them, grey, and degrees Celsius. Imports torch in functions.

The one place for these conversions, so that what is scored, saved and translated is the same image. A thermal image of three
channels is its grey: each channel clipped to [-1, 1], weighted by `LUMA`. Grey is taken before anything is rounded, and levels
and degrees follow from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from zoo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

Bits = Literal[8, 16]

TOP: dict[Bits, int] = {8: 255, 16: 65535}
"""The highest level by the bits of a file; it stands for 1, and level 0 for -1."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey, ITU-R BT.601: those of MATLAB's rgb2gray and of Pillow's mode L."""


def from_bytes(levels: Tensor) -> Tensor:
    """Return 8-bit levels of any shape as float32 in [-1, 1]."""
    return levels.float().div(TOP[8] / 2).sub(1)


def to_levels(images: Tensor, bits: Bits = 8) -> Tensor:
    """Return images of any shape in [-1, 1] as the nearest uint8 or uint16 levels; what lies beyond is clipped."""
    import torch

    levels = ((images.float().clamp(-1, 1) + 1) * (TOP[bits] / 2)).round()
    return levels.to(torch.uint8) if bits == 8 else levels.to(torch.int32).to(torch.uint16)  # torch casts int32 exactly


def from_levels(levels: Tensor, bits: Bits) -> Tensor:
    """Return levels of any shape as float64 in [-1, 1]: a 16-bit level over a wide range is finer than float32 keeps."""
    return levels.double() / (TOP[bits] / 2) - 1


def to_unit(levels: Tensor) -> Tensor:
    """Return 8-bit levels of any shape as float64 in [0, 1], as metrics compare them."""
    return levels.double() / TOP[8]


def level_of(value: float) -> int:
    """Return the 8-bit level of one value in [-1, 1].

    >>> level_of(-1), level_of(0.5), level_of(1)
    (0, 191, 255)
    """
    return round((value + 1) * (TOP[8] / 2))


def luma(images: Tensor) -> Tensor:
    """Return the weighted mean [N, 1, H, W] of the channels of [N, 3, H, W], unclipped and in the same type."""
    red, green, blue = (images[:, channel : channel + 1] for channel in range(3))
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue  # a sum over the channels could add in another order


def grey(images: Tensor) -> Tensor:
    """Return thermal images [N, 1 or 3, H, W] as grey ones, float32 [N, 1, H, W], clipped to [-1, 1].

    Raises:
        UsageError: they have neither 1 nor 3 channels.
    """
    if images.shape[1] not in (1, 3):
        raise UsageError(
            f"Thermal images are scored in grey, from 1 or 3 channels, and these have {images.shape[1]}",
            "Train with 1 or 3 thermal channels",
        )
    clipped = images.float().clamp(-1, 1)
    return clipped if images.shape[1] == 1 else luma(clipped).clamp(-1, 1)


def as_saved(images: Tensor, bits: Bits = 8) -> Tensor:
    """Return thermal images [N, 1 or 3, H, W] in [-1, 1] as a grey file holds them, uint8 or uint16 [N, 1, H, W].

    The levels span the dataset's fixed linear range, so that 16-bit and Celsius sets are scored in units of their range, not of
    one image's extremes.

    Raises:
        UsageError: they have neither 1 nor 3 channels.
    """
    return to_levels(grey(images), bits)


def to_range(celsius: Tensor, thermal_range: tuple[float, float]) -> Tensor:
    """Return degrees Celsius as networks see them: the thermal range at -1 to 1, clipped.

    >>> import torch
    >>> to_range(torch.tensor([-20.0, 10.0, 70.0]), (-20, 60)).tolist()
    [-1.0, -0.25, 1.0]
    """
    low, high = thermal_range
    return ((celsius - low) / (high - low) * 2 - 1).clamp(-1, 1)


def to_celsius(thermal: Tensor, thermal_range: tuple[float, float]) -> Tensor:
    """Return the degrees Celsius of what networks see: -1 to 1 over the thermal range.

    >>> import torch
    >>> to_celsius(torch.tensor([-1.0, -0.25, 1.0]), (-20, 60)).tolist()
    [-20.0, 10.0, 60.0]
    """
    low, high = thermal_range
    return low + (thermal + 1) / 2 * (high - low)


def shown_degrees(thermal: Tensor, thermal_range: tuple[float, float]) -> Tensor:
    """Return the degrees Celsius [N, 1, H, W] that thermal images [N, 1 or 3, H, W] in [-1, 1] show: those of their grey.

    Raises:
        UsageError: they have neither 1 nor 3 channels.
    """
    return to_celsius(grey(thermal), thermal_range)
