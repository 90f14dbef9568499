"""A split decoded into arrays of one size, in memory or in files. Imports no torch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from zoo.data.check import require_usable
from zoo.data.entries import Box, DatasetEntry, files_by_stem, read_values
from zoo.data.images import header_size, read_celsius, read_labels, read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split, member_folder, read_info
from zoo.data.temperatures import mean_by_object, read_temperatures
from zoo.data.union import MEMBER_GROUP, Convert, convert_classes, convert_thermal
from zoo.errors import DataError
from zoo.sizes import Size, height_width

Array = NDArray[Any]
_Part = tuple[DatasetInfo, Path, str]
"""A dataset, the folder of one of its splits, and what its stems begin with in a union."""
MakeArray = Callable[[str, tuple[int, ...], DTypeLike], Array]
"""Returns an empty array of a name, shape and type."""

PREFETCH = 64
"""Number of images decoded in parallel or waiting, which bounds the memory."""


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A file and how it is read."""

    path: Path
    read: Callable[[Path], Array]
    convert: Convert | None = None
    """Maps the resized image to the values of the whole array, where a union's datasets differ in them."""


@dataclass(frozen=True, kw_only=True)
class ArrayFiles:
    """The files of one array."""

    files: tuple[ImageFile, ...]
    method: Image.Resampling
    shape: tuple[int, ...]
    """Of the whole array."""
    dtype: DTypeLike

    @property
    def bytes(self) -> int:
        """Size of the array."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitFiles:
    """A split before it is decoded."""

    info: DatasetInfo
    stems: tuple[str, ...]
    """Stems of the visible images, in order."""
    size: Size
    files: Mapping[str, ArrayFiles]
    """`visible` and `thermal`, where the split has them `labels` and `celsius`, and declared masks that are read."""
    temperatures: NDArray[np.float32] | None
    """Mean degrees [n, classes] of a class in an image, NaN where it does not occur; None without `temperature.csv`."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Declared entries that are read, except masks, which are in `files`: scalars float32 [n], vectors [n, K], texts and groups
    as a list, boxes as a list of float32 [k, 5]: x1, y1, x2, y2 in pixels of the resized image and the index of the class."""

    @classmethod
    def find(cls, root: Path, split: str, size: Size, reads: Collection[str] = ()) -> SplitFiles:
        """List a split's files after checking their headers; of declared entries only those in `reads`.

        Raises:
            DataError: the folder is no dataset, or a file of the split cannot be used.
        """
        info = read_info(root)
        members = info.members or (info,)
        require_usable(root, (split,))
        entries = list_split(root, split)
        visible = [entry for entry in entries if entry.visible is not None]
        thermal_type = np.uint8 if info.thermal_bits == 8 else np.float32
        sides = height_width(size)
        bicubic, nearest = Image.Resampling.BICUBIC, Image.Resampling.NEAREST
        readers = [partial(read_thermal_of, one) for one in members]
        scales = [convert_thermal(one, info) for one in members]
        numbers = [convert_classes(one, info, "labels") for one in members]
        thermal = (_file(e.thermal, readers[e.member], scales[e.member]) for e in entries if e.thermal)
        labels = (_file(e.labels, read_labels, numbers[e.member]) for e in visible)
        found = {
            "visible": _array_files((_file(e.visible, read_visible) for e in visible), bicubic, (*sides, 3), np.uint8),
            "thermal": _array_files(thermal, bicubic, sides, thermal_type),
            "labels": _array_files(labels, nearest, sides, np.uint8),
            "celsius": _array_files((_file(e.celsius, read_celsius) for e in visible), bicubic, sides, np.float32),
        }
        if info.members:  # what only some of the datasets have is left out in every split
            used = {"labels": bool(info.classes), "celsius": info.celsius}
            found = {name: files for name, files in found.items() if used.get(name, True)}
        stems = tuple(entry.stem for entry in visible)
        declared = [entry for entry in info.entries if entry.name in reads]
        parts = _parts(info, root, split, {entry.member for entry in visible})
        for entry in (each for each in declared if each.kind == "mask"):
            masks = _masks(entry, info, parts)
            found[entry.name] = _array_files((masks.get(stem) for stem in stems), nearest, sides, np.uint8)
        images = {entry.stem: entry.visible for entry in visible if entry.visible}
        values = {entry.name: _values(entry, info, parts, images, size) for entry in declared if entry.kind != "mask"}
        table = read_temperatures(root, split)
        rows = [[table.get(stem, {}).get(name, float("nan")) for name in info.classes] for stem in stems]
        return cls(
            info=info,
            stems=stems,
            size=size,
            files={name: files for name, files in found.items() if files},
            temperatures=np.array(rows, np.float32) if table and info.classes else None,
            values=values,
        )

    @property
    def bytes(self) -> int:
        """Size of all arrays that `decode` makes."""
        floats = int(np.prod(self.files["thermal"].shape)) * 4
        return sum(files.bytes for files in self.files.values()) + floats * (
            self._thermal_is_celsius + self._has_objects
        )

    def decode(self, make: MakeArray) -> dict[str, Array]:
        """Decode and resize every file into the arrays of `make`, aspect ignored, as the papers' code does.

        Returns:
            `visible` uint8 [n, H, W, 3]; `thermal` uint8 or float32 [n, H, W], as stored in the files; where the
            split has them `labels` uint8, `celsius` float32 degrees, and `object_celsius` float32, every object at its mean;
            declared masks that are read, uint8.

        Raises:
            DataError: a file cannot be used.
        """
        arrays = {}
        for name, files in self.files.items():
            array = arrays[name] = make(name, files.shape, files.dtype)
            for index, pixels in enumerate(_decoded(files, self.size)):
                array[index] = pixels
        if self._thermal_is_celsius:
            thermal = arrays["thermal"]
            celsius = arrays["celsius"] = make("celsius", thermal.shape, np.float32)
            low, high = self.info.stored_range
            scale = np.float32((self.info.thermal_high - self.info.thermal_low) / (high - low))
            for index, values in enumerate(thermal):
                celsius[index] = (
                    np.float32(self.info.thermal_low) + (values.astype(np.float32) - np.float32(low)) * scale
                )
        if self._has_objects:
            labels, celsius = arrays["labels"], arrays["celsius"]
            means = arrays["object_celsius"] = make("object_celsius", celsius.shape, np.float32)
            for index in range(len(labels)):
                means[index] = mean_by_object(labels[index], celsius[index])
        return arrays

    @property
    def _thermal_is_celsius(self) -> bool:
        """Whether the thermal files themselves hold degrees."""
        return "celsius" not in self.files and "celsius" in self.info.offers

    @property
    def _has_objects(self) -> bool:
        has_degrees = "celsius" in self.files or self._thermal_is_celsius
        return "labels" in self.files and has_degrees and self.info.thermal_range is not None


def _file(path: Path | None, read: Callable[[Path], Array], convert: Convert | None = None) -> ImageFile | None:
    return ImageFile(path=path, read=read, convert=convert) if path else None


def _array_files(
    files: Iterable[ImageFile | None], method: Image.Resampling, shape: tuple[int, ...], dtype: DTypeLike
) -> ArrayFiles | None:
    """Return the files of an array of images of a shape, or None if there are none or some are missing."""
    found = tuple(files)
    present = tuple(file for file in found if file is not None)
    if not present or len(present) < len(found):
        return None
    return ArrayFiles(files=present, method=method, shape=(len(present), *shape), dtype=dtype)


def _parts(info: DatasetInfo, root: Path, split: str, used: Collection[int]) -> list[_Part]:
    """Return the split of a dataset, or those of the members of a union that have images in it."""
    if not info.members:
        return [(info, root / split, "")]
    members = enumerate(info.members)
    return [(one, member_folder(root, number) / split, f"{one.name}/") for number, one in members if number in used]


def _masks(entry: DatasetEntry, info: DatasetInfo, parts: Iterable[_Part]) -> dict[str, ImageFile]:
    """Return the masks of a declared entry by stem."""
    return {
        start + stem: ImageFile(path=path, read=read_labels, convert=convert_classes(one, info, entry.name))
        for one, folder, start in parts
        for stem, path in files_by_stem(entry.path(folder), (".png",)).items()
    }


def _values(
    entry: DatasetEntry, info: DatasetInfo, parts: Iterable[_Part], images: Mapping[str, Path], size: Size
) -> Any:
    """Return the values of a declared entry that is no mask in the order of the images; see `SplitFiles.values`."""
    if info.members and entry == MEMBER_GROUP:
        return [stem.partition("/")[0] for stem in images]
    values = {start + stem: value for _, folder, start in parts for stem, value in read_values(entry, folder).items()}
    if entry.kind == "boxes":
        return [_scaled(entry, values.get(stem, []), path, size) for stem, path in images.items()]
    in_order = [values[stem] for stem in images]
    lengths = {len(value) for value in in_order} if entry.kind == "vector" else set()
    if len(lengths) > 1:
        found = f"the vectors of {entry.name} in {info.name} have {' and '.join(map(str, sorted(lengths)))} numbers"
        raise DataError(found, "Train on datasets whose vectors have one length")
    return np.array(in_order, np.float32) if entry.kind in ("scalar", "vector") else in_order


def _scaled(entry: DatasetEntry, boxes: Iterable[Box], image: Path, size: Size) -> NDArray[np.float32]:
    """Return boxes of an image for its resized copy, [k, 5], cut off at its edges."""
    rows = np.array([[*box.corners, entry.classes.index(box.label)] for box in boxes], np.float64).reshape(-1, 5)
    height, width = header_size(image)
    to_height, to_width = height_width(size)
    scale, ends = np.array([to_width / width, to_height / height] * 2), np.array([to_width, to_height] * 2)
    rows[:, :4] = (rows[:, :4] * scale).clip(0, ends)
    return rows.astype(np.float32)


def _decoded(files: ArrayFiles, size: Size) -> Iterator[Array]:
    """Yield every image at its size, in order, and decode the next ones in the background."""
    with ThreadPoolExecutor() as pool:
        waiting: deque[Future[Array]] = deque()
        try:
            for file in files.files:
                waiting.append(pool.submit(_read_resized, file, files.method, size))
                if len(waiting) >= PREFETCH:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _read_resized(file: ImageFile, method: Image.Resampling, size: Size) -> Array:
    """Return a file resized to `size`; uint16 and float images keep their precision as float32."""
    pixels = file.read(file.path)
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float32)
    height, width = height_width(size)
    resized = np.array(Image.fromarray(pixels).resize((width, height), method))
    return file.convert(resized) if file.convert else resized


def read_thermal_of(info: DatasetInfo, path: Path) -> Array:
    """Return a thermal image of a dataset, [H, W]; files of another depth than the dataset's are refused."""
    pixels = read_thermal(path)
    if 8 * pixels.dtype.itemsize != info.thermal_bits:  # else 8-bit and 16-bit values would share one scale
        found = f"`{path}` has {8 * pixels.dtype.itemsize} bits, but dataset.json states {info.thermal_bits}"
        raise DataError(found, "Convert it or correct dataset.json")
    return pixels
