"""A split decoded into arrays of one square size, in memory or wherever else the arrays lie. Imports no torch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from zoo.data.check import require_usable
from zoo.data.images import read_celsius, read_labels, read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split, read_info
from zoo.data.temperatures import mean_by_object
from zoo.errors import DataError

Array = NDArray[Any]
Make = Callable[[str, tuple[int, ...], DTypeLike], Array]
"""Makes an array of a name, shape and type, to be filled."""

AHEAD = 64
"""Images in the hands of the decoding threads at once: what bounds their memory."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The files of one array and how they are read."""

    paths: tuple[Path, ...]
    read: Callable[[Path], Array]
    method: Image.Resampling
    shape: tuple[int, ...]
    """Of the whole array."""
    dtype: DTypeLike

    @property
    def bytes(self) -> int:
        """Size of the array."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, kw_only=True)
class SplitFiles:
    """A split before it is decoded."""

    info: DatasetInfo
    stems: tuple[str, ...]
    """Stems of the visible images, in order."""
    size: int
    kinds: Mapping[str, Kind]
    """`visible` and `thermal`, and where the split has them `labels` and `celsius`."""

    @classmethod
    def find(cls, root: Path, split: str, size: int) -> SplitFiles:
        """List a split's files after a quick look at each.

        Raises:
            DataError: the folder is no dataset, or a file of the split cannot be used.
        """
        info = read_info(root)
        require_usable(root, (split,))
        entries = list_split(root, split)
        visible = [entry for entry in entries if entry.visible is not None]
        bicubic, nearest = Image.Resampling.BICUBIC, Image.Resampling.NEAREST
        thermal = np.uint8 if info.thermal_bits == 8 else np.float32
        found = {
            "visible": _kind((e.visible for e in visible), read_visible, bicubic, size, np.uint8, 3),
            "thermal": _kind(
                (e.thermal for e in entries if e.thermal), partial(_thermal, info), bicubic, size, thermal
            ),
            "labels": _kind((e.labels for e in visible), read_labels, nearest, size, np.uint8),
            "celsius": _kind((e.celsius for e in visible), read_celsius, bicubic, size, np.float32),
        }
        kinds = {name: kind for name, kind in found.items() if kind}
        return cls(info=info, stems=tuple(entry.stem for entry in visible), size=size, kinds=kinds)

    @property
    def bytes(self) -> int:
        """Size of all arrays that `decode` makes."""
        made = self.kinds["thermal"].bytes // np.dtype(self.kinds["thermal"].dtype).itemsize * 4
        return sum(kind.bytes for kind in self.kinds.values()) + made * (self._reads_degrees + self._segments)

    def decode(self, make: Make) -> dict[str, Array]:
        """Decode and resize every file into the arrays that `make` gives, aspect ignored, as the papers' code does.

        Returns:
            `visible` uint8 [n, size, size, 3]; `thermal` uint8 or float32 [n, size, size], as stored in the files; where the
            split has them `labels` uint8, `celsius` float32 degrees, and `object_celsius` float32, every object at its mean.

        Raises:
            DataError: a file cannot be used.
        """
        arrays = {}
        for name, kind in self.kinds.items():
            array = arrays[name] = make(name, kind.shape, kind.dtype)
            for number, pixels in enumerate(_decoded(kind, self.size)):
                array[number] = pixels
        if self._reads_degrees:
            thermal = arrays["thermal"]
            celsius = arrays["celsius"] = make("celsius", thermal.shape, np.float32)
            for number, pixels in enumerate(thermal):
                celsius[number] = _degrees(pixels, self.info)
        if self._segments:
            labels, celsius = arrays["labels"], arrays["celsius"]
            means = arrays["object_celsius"] = make("object_celsius", celsius.shape, np.float32)
            for number in range(len(labels)):
                means[number] = mean_by_object(labels[number], celsius[number])
        return arrays

    @property
    def _reads_degrees(self) -> bool:
        """Whether the thermal files themselves hold degrees."""
        return "celsius" not in self.kinds and "celsius" in self.info.offers

    @property
    def _segments(self) -> bool:
        has_degrees = "celsius" in self.kinds or self._reads_degrees
        return "labels" in self.kinds and has_degrees and self.info.thermal_range is not None


def _kind(
    paths: Iterable[Path | None],
    read: Callable[[Path], Array],
    method: Image.Resampling,
    size: int,
    dtype: DTypeLike,
    *channels: int,
) -> Kind | None:
    """Return the files of an array, or None where there are none, or some are missing."""
    found = tuple(paths)
    whole = tuple(path for path in found if path is not None)
    if not whole or len(whole) < len(found):
        return None
    return Kind(paths=whole, read=read, method=method, shape=(len(whole), size, size, *channels), dtype=dtype)


def _decoded(kind: Kind, size: int) -> Iterator[Array]:
    """Yield every image of a kind at its size, in order, a few ahead of who takes them."""
    with ThreadPoolExecutor() as pool:
        waiting: deque[Future[Array]] = deque()
        try:
            for path in kind.paths:
                waiting.append(pool.submit(_read, kind, path, size))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _read(kind: Kind, path: Path, size: int) -> Array:
    return _resize(kind.read(path), size, kind.method)


def _resize(pixels: Array, size: int, method: Image.Resampling) -> Array:
    """Resize [H, W] or [H, W, 3] to a square; uint16 and float images keep their precision as float32."""
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float32)
    return np.array(Image.fromarray(pixels).resize((size, size), method))


def _thermal(info: DatasetInfo, path: Path) -> Array:
    pixels = read_thermal(path)
    if 8 * pixels.dtype.itemsize != info.thermal_bits:  # else 8-bit and 16-bit values would share one scale
        found = f"`{path}` has {8 * pixels.dtype.itemsize} bits, but dataset.json says {info.thermal_bits}"
        raise DataError(found, "Convert it or correct dataset.json")
    return pixels


def _degrees(thermal: Array, info: DatasetInfo) -> Array:
    """Return stored thermal numbers as degrees Celsius, for sets whose thermal files hold degrees."""
    low, high = info.stored_range
    scale = np.float32((info.thermal_high - info.thermal_low) / (high - low))
    return np.float32(info.thermal_low) + (thermal.astype(np.float32) - np.float32(low)) * scale
