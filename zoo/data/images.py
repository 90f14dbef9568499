"""Decoding of single images into numpy arrays; every failure is one line that names the file. Imports no torch."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from zoo.data.opening import FIX, decode_image, error_text, open_image, unreadable_image
from zoo.errors import DataError
from zoo.layers.pixels import LUMA

Array = NDArray[Any]

# Chroma noise of a grey picture that was saved as a colour JPEG stays below this; false-colour palettes are far above.
MAX_MEAN_CHROMA = 6.0
COUNTS = (8, 10, 12, 14, 16)
"""Bits of the numbers that cameras write into 16-bit files."""

ORIENTATION = 0x0112
"""EXIF's tag of how a camera was held."""

MAX_PIXELS = 178_956_970
"""Largest number of values in an array file, the same as Pillow's limit for images; a damaged header may claim any number."""

_NPY = b"\x93NUMPY"  # how an array file begins
_HEADERS = threading.Lock()
_logged: set[int] = set()

log = logging.getLogger(__name__)


def read_visible(path: Path, *, any_size: bool = False) -> NDArray[np.uint8]:
    """Return an image as RGB, uint8 [H, W, 3], upright by its EXIF orientation; grey, palette and RGBA are converted.

    Args:
        path: the file; of several frames or pages the first is read.
        any_size: also decode what is above Pillow's limit of pixels.

    Raises:
        DataError: the file is missing, truncated, no image, or too large.
    """
    image = decode_image(path, any_size=any_size)
    return to_rgb(image, f"`{path}`") if isinstance(image, Image.Image) else to_bytes(image)


def to_rgb(image: Image.Image, name: str = "the picture") -> NDArray[np.uint8]:
    """Return a picture as RGB, uint8 [H, W, 3], upright by its EXIF orientation; 16-bit grey is scaled by `to_bytes`.

    Raises:
        DataError: it cannot be decoded, or its pixels are floats or 32-bit integers of unknown range.
    """
    try:
        if image.getexif().get(ORIENTATION, 1) != 1:
            image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16"):  # pillow would clip, not scale
            return np.repeat(to_bytes(np.asarray(image))[..., None], 3, axis=2)
        if image.mode not in ("I", "F"):
            if image.mode == "P" and "transparency" in image.info:  # of which Pillow warns on the direct way
                image = image.convert("RGBA")
            return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    except Exception as error:  # a file that was opened and not yet decoded
        raise DataError(f"{name} cannot be decoded: {error_text(error)}", FIX) from error
    raise DataError(f"{name} has pixels of type {image.mode}, whose range is not known", "Save it as 8-bit RGB")


def to_bytes(counts: Array) -> NDArray[np.uint8]:
    """Return 16-bit numbers of any shape as 8 bits, by the range that their largest suggests: 8, 10, 12, 14 or 16 bits.

    Cameras of 12 bits write 0 to 4095 into files of 16 bits, which would be black over the whole range. A range below 16 bits
    is logged once.
    """
    high = int(counts.max())
    bits = next(bits for bits in COUNTS if high < 2**bits)
    if bits < COUNTS[-1] and high and bits not in _logged:
        _logged.add(bits)
        log.warning(
            "16-bit visible images with all values below %d are read as %d-bit: %d becomes white",
            2**bits, bits, 2**bits - 1,
        )  # fmt: skip
    return (counts >> (bits - 8)).astype(np.uint8)


def read_thermal(path: Path) -> Array:
    """Return a thermal image, [H, W], as uint8, uint16 or float32, in the depth of the file.

    A colour file is accepted if it is grey (thermal JPEGs often have three equal channels). NPY files may be [H, W, 1].

    Raises:
        DataError: the file is missing, truncated, of an unsupported type, or in false colours.
    """
    if path.suffix.lower() == ".npy":
        return _read_npy(path)
    image = decode_image(path)
    try:
        return thermal_levels(image, f"thermal image `{path}`")
    except DataError:
        raise
    except Exception as error:
        raise unreadable_image(path, error) from error


def thermal_levels(image: Image.Image | NDArray[np.uint16], name: str = "the thermal picture") -> Array:
    """Return a decoded thermal image, [H, W], as uint8, uint16 or float32; colors are accepted if they are grey.

    Raises:
        DataError: its pixels are of an unsupported type, not finite, or in false colours.
    """
    if not isinstance(image, Image.Image):
        return grey(image, name)
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "F":
        return _finite(np.asarray(image, dtype=np.float32), name)
    if image.mode in ("L", "1", "LA"):
        return np.asarray(image.convert("L"))
    if image.mode in ("RGB", "RGBA", "P", "YCbCr"):
        return grey(np.asarray(image.convert("RGB")), name)
    raise DataError(f"{name} has pixels of type {image.mode}", "Save it as 8-bit or 16-bit grey PNG")


def read_labels(path: Path, *, any_size: bool = False) -> NDArray[np.uint8]:
    """Return class indices, uint8 [H, W]; a palette image gives its indices, not its colours.

    Args:
        path: the file.
        any_size: also decode what is above Pillow's limit of pixels.

    Raises:
        DataError: the file is missing, truncated, too large, or not an 8-bit image of one channel.
    """
    image = decode_image(path, any_size=any_size)
    if not isinstance(image, Image.Image):
        raise DataError(f"labels `{path}` have colours of 16 bits", "Save class indices as 8-bit grey PNG")
    return label_indices(image, f"`{path}`")


def label_indices(image: Image.Image, name: str = "of the picture") -> NDArray[np.uint8]:
    """Return the class indices of a picture, uint8 [H, W]; of a palette picture its indices, not its colours.

    Raises:
        DataError: it cannot be decoded, or is not an 8-bit image of one channel.
    """
    if image.mode not in ("L", "P"):
        raise DataError(f"labels {name} have pixels of type {image.mode}", "Save class indices as 8-bit grey PNG")
    try:
        return np.asarray(image)
    except Exception as error:  # a file that was opened and not yet decoded
        raise DataError(f"labels {name} cannot be decoded: {error_text(error)}", FIX) from error


def read_celsius(path: Path) -> NDArray[np.float32]:
    """Return degrees Celsius of every pixel, float32 [H, W], from a float NPY file.

    Raises:
        DataError: the file is missing, truncated, not a finite float array of two dimensions.
    """
    array = _read_npy(path)
    if array.dtype != np.float32:
        raise DataError(f"`{path}` holds {array.dtype}, not float degrees", "Save it as float16 or float32")
    return array


def grey(rgb: Array, name: str) -> Array:
    """Return the one channel of a grey image stored in colour, uint8 or uint16 [H, W, 3] -> [H, W]; `name` is for the error.

    Raises:
        DataError: the image has colours.
    """
    chroma = rgb.max(axis=2).astype(np.int32) - rgb.min(axis=2)
    share = 1 if rgb.dtype == np.uint8 else int(rgb.max()) / 255
    if chroma.mean(dtype=np.float64) > MAX_MEAN_CHROMA * share:
        raise DataError(f"{name} is in false colours", "Use the grey or radiometric original")
    if rgb.dtype == np.uint8:
        return np.asarray(Image.fromarray(rgb).convert("L"))
    return (rgb.astype(np.float64) @ LUMA).round().astype(np.uint16)


def header_size(path: Path) -> tuple[int, int]:
    """Return height and width as `read_*` will give them, from the file's header alone.

    Raises:
        DataError: the file is missing or its header is damaged.
    """
    try:
        if path.suffix.lower() == ".npy":
            height, width = one_channel(open_array(path)).shape
            return height, width
        with open_image(path, any_size=True) as image:
            width, height = image.size
            turned = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
    except Exception as error:
        raise unreadable_image(path, error) from error
    return (width, height) if turned else (height, width)


def stored_bits(path: Path) -> int:
    """Return the bits of a value that `read_thermal` will give, from the file's header alone: 8, 16 or 32.

    Raises:
        DataError: the file is missing or its header is damaged.
    """
    try:
        if path.suffix.lower() == ".npy":
            dtype = open_array(path).dtype
            return 32 if dtype.kind == "f" else 8 * dtype.itemsize
        with open_image(path, any_size=True) as image:
            return 16 if image.mode.startswith("I;16") else 32 if image.mode == "F" else 8
    except Exception as error:
        raise unreadable_image(path, error) from error


def open_array(path: Path) -> Array:
    """Return the array of an NPY file, read-only and mapped into memory; safe in several threads.

    NumPy parses the header as a Python literal, which CPython 3.11 cannot do in two threads at once: now and then it raises
    `SystemError: AST constructor recursion depth mismatch`.

    Raises:
        OSError, ValueError: the file is missing, damaged, or holds pickled objects.
    """
    with _HEADERS:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def one_channel(array: Array) -> Array:
    """Return an array [H, W, 1] as [H, W], any other as it is."""
    return array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array


def _read_npy(path: Path) -> Array:
    try:
        with path.open("rb") as file:
            if file.read(len(_NPY)) != _NPY:  # NumPy would read it as a pickle, and advise to execute it
                raise DataError(f"image `{path}` cannot be decoded: it is not an NPY file", FIX)
        # Mapping allocates no memory by the header's claim, and fails if the file is shorter.
        array = open_array(path)
        array = one_channel(array) if isinstance(array, np.ndarray) else array
        if not isinstance(array, np.ndarray) or array.ndim != 2 or array.size == 0:
            raise DataError(f"`{path}` has shape {getattr(array, 'shape', ())}, not height x width", FIX)
        if array.size > MAX_PIXELS:
            raise DataError(f"`{path}` has {array.size} values, and the limit is {MAX_PIXELS}", "Cut it into tiles")
        if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
            return np.array(array, array.dtype.newbyteorder("="))
        if array.dtype.kind != "f":
            raise DataError(f"`{path}` holds {array.dtype}", "Save it as uint8, uint16 or float32")
        return _finite(np.array(array, np.float32), f"`{path}`")
    except DataError:
        raise
    except Exception as error:
        raise unreadable_image(path, error) from error


def _finite(array: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    if not np.isfinite(array).all():
        raise DataError(f"{name} holds values that are not finite", FIX)
    return array
