"""Image sizes: a square's side in pixels, or (height, width) of another rectangle; in text 512 or 512x640. Imports no torch."""

from __future__ import annotations

import re

from zoo.errors import UsageError

Size = int | tuple[int, int]
"""A square's side in pixels, or height and width."""


def height_width(size: Size) -> tuple[int, int]:
    """Return height and width in pixels.

    >>> height_width(64), height_width((512, 640))
    ((64, 64), (512, 640))
    """
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def size_of(height: int, width: int) -> Size:
    """Return the size of this height and width in pixels, which is the side of a square."""
    return height if height == width else (height, width)


def size_text(size: Size) -> str:
    """Return a size as the command line writes it.

    >>> size_text(64), size_text((512, 640))
    ('64', '512x640')
    """
    return "x".join(str(side) for side in dict.fromkeys(height_width(size)))


def pixels_text(size: Size) -> str:
    """Return a size with its unit; 0 is the size of images that are scored at sizes of their own.

    >>> pixels_text(64), pixels_text(0)
    ('64 px', 'original sizes')
    """
    return f"{size_text(size)} px" if size else "original sizes"


def read_size(value: Size | str | list[int], *, what: str = "`size`") -> Size:
    """Return the size that a number, its text or a pair of numbers states; `what` is its name in messages.

    >>> read_size("512x640"), read_size([64, 64])
    ((512, 640), 64)

    Raises:
        UsageError: it is no size, or below 1 pixel.
    """
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(-?\d{1,9})(?:\s*[xX]\s*(-?\d{1,9}))?\s*", value, re.ASCII)
        sides = [int(side) for side in found.groups() if side is not None] if found else []
    else:
        sides = list(value) if isinstance(value, list | tuple) else [value]
    if len(sides) not in (1, 2) or any(not isinstance(side, int) or isinstance(side, bool) for side in sides):
        raise UsageError(
            f"{what} is {value!r}", "Give a number of pixels such as 256, or height x width such as 512x640"
        )
    if min(sides) < 1:
        raise UsageError(f"{what} is {'x'.join(map(str, sides))}; it must be 1 or more")
    return size_of(sides[0], sides[-1])
