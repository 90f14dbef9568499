"""Decoding of single images into numpy arrays; every failure is one line that names the file. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from zoo.errors import DataError

Array = NDArray[Any]

# Chroma noise of a grey picture that was saved as a colour JPEG stays below this; false-colour palettes are far above.
MAX_MEAN_CHROMA = 6.0

MAX_PIXELS = 178_956_970
"""Largest number of values in an array file, the same as Pillow's limit for images; a damaged header may claim any number."""

_NPY = b"\x93NUMPY"  # how an array file begins
_FIX = "Replace the file by a whole copy, or move it and its partner out of the folder"


def read_visible(path: Path) -> NDArray[np.uint8]:
    """Return an image as RGB, uint8 [H, W, 3], upright by its EXIF orientation; grey, palette and RGBA are converted.

    Raises:
        DataError: the file is missing, truncated or no image.
    """
    with _decoding(path):
        return to_rgb(_open(path), f"`{path}`")


def to_rgb(image: Image.Image, name: str = "the picture") -> NDArray[np.uint8]:
    """Return a picture as RGB, uint8 [H, W, 3], upright by its EXIF orientation; 16-bit grey is scaled to 8 bits.

    Raises:
        DataError: its pixels are floats or 32-bit integers, whose range nothing tells.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):  # pillow would clip, not scale
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise DataError(f"{name} has pixels of type {image.mode}, whose range is not known", "Save it as 8-bit RGB")
    return np.asarray(image.convert("RGB"))


def read_thermal(path: Path) -> Array:
    """Return a thermal image, [H, W], as uint8, uint16 or float32, with every bit that the file holds.

    A colour file is accepted if it is grey in fact (thermal JPEGs often have three equal channels).

    Raises:
        DataError: the file is missing, truncated, of an unsupported type, or painted in false colours.
    """
    if path.suffix.lower() == ".npy":
        return _read_npy(path)
    with _decoding(path):
        image = _open(path)
        if image.mode.startswith("I;16"):
            return np.asarray(image).astype(np.uint16)
        if image.mode == "F":
            return _finite(np.asarray(image, dtype=np.float32), path)
        if image.mode in ("L", "1", "LA"):
            return np.asarray(image.convert("L"))
        if image.mode in ("RGB", "RGBA", "P", "YCbCr"):
            return grey(np.asarray(image.convert("RGB")), path)
    raise DataError(f"thermal image `{path}` has pixels of type {image.mode}", "Save it as 8-bit or 16-bit grey PNG")


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Return class indices, uint8 [H, W]; a palette image gives its indices, not its colours.

    Raises:
        DataError: the file is missing, truncated, or not an 8-bit image of one channel.
    """
    with _decoding(path):
        image = _open(path)
        if image.mode not in ("L", "P"):
            raise DataError(f"labels `{path}` have pixels of type {image.mode}", "Save class indices as 8-bit grey PNG")
        return np.asarray(image)


def read_celsius(path: Path) -> NDArray[np.float32]:
    """Return degrees Celsius of every pixel, float32 [H, W], from a float NPY file.

    Raises:
        DataError: the file is missing, truncated, not a finite float array of two dimensions.
    """
    array = _read_npy(path)
    if array.dtype != np.float32:
        raise DataError(f"`{path}` holds {array.dtype}, not float degrees", "Save it as float16 or float32")
    return array


def grey(rgb: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    """Return the one channel of a grey image stored in colour, [H, W, 3] -> [H, W]; `path` is for the error.

    Raises:
        DataError: the image has colours.
    """
    chroma = rgb.max(axis=2).astype(np.int16) - rgb.min(axis=2)
    if chroma.mean(dtype=np.float64) > MAX_MEAN_CHROMA:
        raise DataError(f"thermal image `{path}` is in false colours", "Use the grey or radiometric original")
    return np.asarray(Image.fromarray(rgb).convert("L"))


def header_size(path: Path) -> tuple[int, int]:
    """Return height and width as `read_*` will give them, from the file's header alone.

    Raises:
        DataError: the file is missing or its header is damaged.
    """
    with _decoding(path):
        if path.suffix.lower() == ".npy":
            height, width = np.load(path, mmap_mode="r", allow_pickle=False).shape
            return height, width
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def stored_bits(path: Path) -> int:
    """Return the bits of a value that `read_thermal` will give, from the file's header alone: 8, 16 or 32.

    Raises:
        DataError: the file is missing or its header is damaged.
    """
    with _decoding(path):
        if path.suffix.lower() == ".npy":
            dtype = np.load(path, mmap_mode="r", allow_pickle=False).dtype
            return 32 if dtype.kind == "f" else 8 * dtype.itemsize
        with Image.open(path) as image:
            return 16 if image.mode.startswith("I;16") else 32 if image.mode == "F" else 8


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file makes a decoder stumble over into one line; memory that does not suffice too."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise _unreadable(path, error) from error


def _open(path: Path) -> Image.Image:
    """Return a decoded image, upright."""
    with Image.open(path) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def _read_npy(path: Path) -> Array:
    with _decoding(path):
        with path.open("rb") as file:
            if file.read(len(_NPY)) != _NPY:  # NumPy would take it for a pickle, and advise to execute it
                raise DataError(f"image `{path}` cannot be decoded: it is no NPY file", _FIX)
        # Mapping reserves no memory for what a header claims, and refuses a claim that the file does not hold.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.ndim != 2 or array.size == 0:
            raise DataError(f"`{path}` has shape {getattr(array, 'shape', ())}, not height x width", _FIX)
        if array.size > MAX_PIXELS:
            raise DataError(f"`{path}` has {array.size} values, and the limit is {MAX_PIXELS}", "Cut it into tiles")
        if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
            return np.array(array, array.dtype.newbyteorder("="))
        if array.dtype.kind != "f":
            raise DataError(f"`{path}` holds {array.dtype}", "Save it as uint8, uint16 or float32")
        return _finite(np.array(array, np.float32), path)


def _finite(array: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    if not np.isfinite(array).all():
        raise DataError(f"`{path}` holds values that are not finite", _FIX)
    return array


def _unreadable(path: Path, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        found = "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
        return DataError(f"image `{path}` {found}", _FIX)
    if isinstance(error, MemoryError):
        return DataError(f"image `{path}` cannot be decoded: it needs more memory than there is", _FIX)
    reason = " ".join(str(error).replace(f"'{path}'", "the file").split()) or type(error).__name__
    return DataError(f"image `{path}` cannot be decoded: {reason}", _FIX)
