"""Opening and decoding of image files with Pillow; every failure is one line that names the file. Imports no torch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from zoo.errors import DataError

FIX = "Use an intact copy of the file, or leave it out"
_SWAPPED = {"B": "L", "L": "B", "N": "B"}
_GREY_BYTES = "RGBA"
"""Decodes 16-bit grey with alpha as the upper and the lower byte of each."""
_BITS, _PLANES = 258, 284
"""Tags of TIFF: bits of each channel, and how the channels are stored."""
_PILLOW = threading.Lock()
"""Lock around changes of Pillow's global limit of pixels."""


def decode_image(path: Path, *, any_size: bool = False) -> Image.Image | NDArray[np.uint16]:
    """Return an image, upright; colours of 16 bits, of which Pillow keeps the upper byte only, as uint16 [H, W, 3].

    Damaged files make Pillow raise anything, so every error becomes a `DataError`.
    """
    try:
        with open_image(path, any_size=any_size) as image:
            lower_tiles = _lower_bytes(image, path)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
        if not lower_tiles:
            return image
        with open_image(path, any_size=any_size) as lower:
            cast(ImageFile, lower).tile = lower_tiles
            lower.load()
            ImageOps.exif_transpose(lower, in_place=True)
        high, low = (np.asarray(one)[..., :3] for one in (image, lower))
        if lower_tiles[0].args == _GREY_BYTES:
            low = np.repeat(low[..., 1:2], 3, axis=2)
        words: NDArray[np.uint16] = high.astype(np.uint16) << 8 | low
        return words
    except DataError:
        raise
    except Exception as error:
        raise unreadable_image(path, error) from error


@contextmanager
def open_image(path: Path, *, any_size: bool) -> Iterator[Image.Image]:
    """Open an image file and read its header.

    Raises:
        DataError: it has more pixels than Pillow's limit, and `any_size` is false.
    """
    with _PILLOW:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with image:
        if limit and not any_size and image.width * image.height > 2 * limit:  # at which Pillow would raise
            raise DataError(
                f"image `{path}` has {image.width}x{image.height} pixels, more than the {2 * limit // 10**6} million that are "
                "decoded at once",
                "To translate it, use `tile`=1024; for a dataset, save it smaller",
            )
        yield image


def _lower_bytes(image: Image.Image, path: Path) -> list[Any]:
    """Return tiles of a file of several 16-bit channels by which Pillow decodes the lower bytes; none for other files."""
    tags: Any = getattr(image, "tag_v2", {})
    if tags.get(_PLANES) == 2 and max(tags.get(_BITS, (8,))) > 8:
        raise DataError(f"image `{path}` has 16-bit channels in separate planes, which are not read", "Save it as PNG")
    tiles = []
    for tile in cast(ImageFile, image).tile:
        words = (tile.args,) if isinstance(tile.args, str) else tuple(tile.args or ())
        mode = str(words[0]) if words else ""
        if mode == "LA;16B":
            tiles.append(tile._replace(args=_GREY_BYTES))
        elif mode.startswith("RGB") and mode[-4:-1] == ";16":
            swapped = mode[:-1] + _SWAPPED[mode[-1]]
            tiles.append(tile._replace(args=swapped if isinstance(tile.args, str) else (swapped, *words[1:])))
        else:
            return []
    return tiles


def unreadable_image(path: Path, error: BaseException) -> DataError:
    """Return the error of a file that is missing or cannot be decoded."""
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            return DataError(f"image `{path}` is a link to a file that does not exist", FIX)
        return DataError(f"image `{path}` does not exist", "Check the path")
    if isinstance(error, UnidentifiedImageError):
        if path.stat().st_size:
            return DataError(
                f"image `{path}` cannot be decoded: unknown format", "Save it as 8-bit PNG, or leave it out"
            )
        return DataError(f"image `{path}` cannot be decoded: it is empty", FIX)
    what = error_text(error).replace(repr(str(path)), "the file")  # as Pillow quotes it
    return DataError(f"image `{path}` cannot be decoded: {what}", FIX)


def error_text(error: BaseException) -> str:
    """Return an error's text in one line."""
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    return " ".join(str(error).split()) or type(error).__name__
