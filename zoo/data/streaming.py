"""Splits larger than memory: decoded once into files, from which each step's images go to the device."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from zoo.contracts import Batch
from zoo.data.decoding import Array, SplitFiles
from zoo.data.layout import DatasetInfo
from zoo.data.publish import NewFolder
from zoo.data.store import PairStore, Store
from zoo.errors import DataError, UsageError
from zoo.files import made_in_cache

LIMIT_VARIABLE = "ZOO_STORE_GIB"
"""Environment variable: the largest split that is kept in memory, in GiB."""
SHARE = 1 / 8
"""Part of the device's memory that a split may take unless the user says how much."""
FORMAT = 1
"""Version of the decoded files."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamedStore:
    """A split that stays in files; it gives the same batches for the same random stream as a `PairStore`, bit for bit.

    The images of a step are copied to the device whole, and cropped and mirrored there, so that no step waits for a device.
    """

    files: PairStore
    """The whole split in arrays that the system reads from the disk as they are needed, on the CPU."""
    device: torch.device

    @classmethod
    def open(
        cls, root: Path, split: str, *, size: int, device: torch.device | str, thermal_channels: int = 1
    ) -> StreamedStore:
        """Decode a split into zoo's cache, unless it is there, and open it.

        Raises:
            DataError: the folder is no dataset, or a file of the split cannot be used.
            ZooError: the cache cannot be written.
        """
        return cls._of(SplitFiles.find(root, split, size), root, split, torch.device(device), thermal_channels)

    @classmethod
    def _of(
        cls, found: SplitFiles, root: Path, split: str, device: torch.device, thermal_channels: int
    ) -> StreamedStore:
        arrays = _decoded(found)
        files = PairStore.of(found, arrays, root, split, device="cpu", thermal_channels=thermal_channels)
        return cls(files=files, device=device)

    @property
    def info(self) -> DatasetInfo:
        """Facts of the dataset."""
        return self.files.info

    @property
    def stems(self) -> tuple[str, ...]:
        """Stems of the visible images, in the order of their indices."""
        return self.files.stems

    @property
    def paired(self) -> bool:
        """Whether visible and thermal images of one index show the same view."""
        return self.files.paired

    @property
    def n_visible(self) -> int:
        """Number of visible images."""
        return self.files.n_visible

    @property
    def n_thermal(self) -> int:
        """Number of thermal images."""
        return self.files.n_thermal

    def __len__(self) -> int:
        return self.n_visible

    def sample(
        self,
        visible_index: Tensor,
        thermal_index: Tensor,
        *,
        crop: int,
        rng: torch.Generator,
        aligned: bool | None = None,
        flip: bool = True,
        part: slice = slice(None),
    ) -> Batch:
        """Return augmented crops as `PairStore.sample` does; the indices are on the CPU."""
        aligned = visible_index is thermal_index if aligned is None else aligned
        loaded = self._load(visible_index[part], thermal_index[part])
        # Only the part was loaded; the others' places are never looked at.
        places = torch.zeros(len(visible_index), dtype=torch.int64)
        places[part] = torch.arange(len(places[part]))
        return loaded.sample(places, places, crop=crop, rng=rng, aligned=aligned, flip=flip, part=part)

    def whole(self, index: Tensor, thermal_index: Tensor | None = None) -> Batch:
        """Return whole images by index, as `PairStore.whole` does."""
        places = torch.arange(len(index))
        # Without pairs and without a thermal index there is no thermal image to return; any fills its place.
        loaded = self._load(index, index % self.n_thermal if thermal_index is None else thermal_index)
        return loaded.whole(places, None if thermal_index is None else places)

    def _load(self, visible: Tensor, thermal: Tensor) -> PairStore:
        """Return a store, on the device, of these images alone."""
        files = self.files
        return replace(
            files,
            device=self.device,
            visible=self._send(files.visible[visible]),
            thermal=self._send(files.thermal[thermal]),
            labels=self._send_if(files.labels, visible),
            celsius=self._send_if(files.celsius, visible),
            temperatures=self._send_if(files.temperatures, visible),
            object_celsius=self._send_if(files.object_celsius, visible),
        )

    def _send_if(self, images: Tensor | None, index: Tensor) -> Tensor | None:
        return None if images is None else self._send(images[index])

    def _send(self, images: Tensor) -> Tensor:
        if self.device.type == "cpu":
            return images
        return images.pin_memory().to(self.device, non_blocking=True)  # a blocking copy would wait for the device


def open_split(
    root: Path,
    split: str,
    *,
    size: int,
    device: torch.device | str,
    thermal_channels: int = 1,
    limit: int | None = None,
) -> Store:
    """Return a split, kept on the device if it is small and streamed if it is large.

    Args:
        root, split, size, device, thermal_channels: as of `PairStore.open`.
        limit: bytes of the largest split that is kept; by default an eighth of the device's memory, or `$ZOO_STORE_GIB`.

    Raises:
        DataError: the folder is no dataset, or a file of the split cannot be used.
        ZooError: the cache, where a large split is decoded into, cannot be written.
    """
    device = torch.device(device)
    found = SplitFiles.find(root, split, size)
    if found.bytes > (_limit(device) if limit is None else limit):
        return StreamedStore._of(found, root, split, device, thermal_channels)
    arrays = found.decode(lambda name, shape, dtype: np.empty(shape, dtype))
    return PairStore.of(found, arrays, root, split, device=device, thermal_channels=thermal_channels)


def _limit(device: torch.device) -> int:
    asked = os.environ.get(LIMIT_VARIABLE)
    if asked:
        try:
            return int(float(asked) * 2**30)
        except ValueError:
            raise UsageError(f"{LIMIT_VARIABLE} is {asked!r}", "Set it to a number of GiB, e.g. 8") from None
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory * SHARE)
    return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * SHARE)


def _decoded(found: SplitFiles) -> Mapping[str, Array]:
    """Return a split's arrays as files in the cache, decoded by the first who asks."""
    folder = made_in_cache(lambda folder: _decode(found, folder), "decoded", _key(found))
    # Copy-on-write: nobody writes, and torch would warn of arrays that nobody may.
    return {path.stem: np.load(path, mmap_mode="c") for path in sorted(folder.glob("*.npy"))}


def _decode(found: SplitFiles, folder: Path) -> None:
    new = NewFolder(folder)
    new.create()

    try:
        with new.writing() as drafts:

            def make(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
                array: Array = np.lib.format.open_memmap(drafts / f"{name}.npy", "w+", dtype, shape)
                return array

            found.decode(make)
        new.publish()
    except DataError:
        if not folder.is_dir():  # else another process finished it first
            raise
    finally:
        new.discard()


def _key(found: SplitFiles) -> str:
    """Return a hash of the files' names, sizes and times, and of what they are made into."""
    digest = hashlib.sha256(repr((FORMAT, found.size, found.info.thermal_bits, found.info.stored_range)).encode())
    digest.update(repr((found.info.thermal_range, sorted(found.info.offers))).encode())
    for name, kind in found.kinds.items():
        for path in kind.paths:
            stat = path.stat()
            digest.update(os.fsencode(f"{name} {path.resolve()} {stat.st_size} {stat.st_mtime_ns}\n"))
    return digest.hexdigest()[:32]
