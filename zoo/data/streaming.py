"""Splits larger than memory: decoded once into files, from which each step's images go to the device."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from zoo.contracts import Batch
from zoo.data.atomic_folder import AtomicFolder
from zoo.data.decoding import Array, SplitFiles
from zoo.data.store import PairStore
from zoo.errors import DataError, UsageError
from zoo.files import made_in_cache

LIMIT_VARIABLE = "ZOO_STORE_GIB"
"""Environment variable: the largest split that is kept in memory, in GiB."""
SHARE = 1 / 8
"""Largest split that is kept, as a share of the device's memory, unless the user sets a limit."""
FORMAT = 1
"""Version of the decoded files."""
TENSORS = ("visible", "thermal", "labels", "celsius", "temperatures", "object_celsius")


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamedStore(PairStore):
    """A split that stays in files; it returns the same batches for the same random stream as a `PairStore`, bit for bit.

    Its tensors are arrays on the CPU that the system reads from the disk as needed. The images of a step are copied to the
    device whole, and cropped and mirrored there, so that no step waits for the device.
    """

    @classmethod
    def load(cls, files: SplitFiles, *, device: torch.device | str, thermal_channels: int) -> Self:
        """Decode a split's files into zoo's cache, unless they are cached, and open them.

        Raises:
            DataError: a file of the split cannot be used.
            ZooError: the cache cannot be written.
        """
        folder = made_in_cache(lambda folder: _decode(files, folder), "decoded", _key(files))
        # Copy-on-write: nothing writes, and torch would warn of read-only arrays.
        arrays = {path.stem: np.load(path, mmap_mode="c") for path in sorted(folder.glob("*.npy"))}
        if files.temperatures is not None:
            arrays["temperatures"] = files.temperatures
        return cls(
            info=files.info,
            stems=files.stems,
            size=files.size,
            device=torch.device(device),
            thermal_channels=thermal_channels,
            **{name: torch.from_numpy(array) for name, array in arrays.items()},
        )

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
        # Only the part is loaded; the indices of the others are not used.
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
        found = {name: getattr(self, name) for name in TENSORS}
        tensors = {
            name: self._send(tensor[thermal if name == "thermal" else visible])
            for name, tensor in found.items()
            if tensor is not None
        }
        return PairStore(
            info=self.info,
            stems=self.stems,
            size=self.size,
            device=self.device,
            thermal_channels=self.thermal_channels,
            **tensors,
        )

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
) -> PairStore:
    """Return a split, kept on the device if it is small and streamed if it is large.

    Args:
        root, split, size, device, thermal_channels: as of `PairStore.open`.
        limit: bytes of the largest split that is kept; by default an eighth of the device's memory, or `$ZOO_STORE_GIB`.

    Raises:
        DataError: the folder is no dataset, or a file of the split cannot be used.
        ZooError: the cache, where a large split is decoded into, cannot be written.
    """
    files = SplitFiles.find(root, split, size)
    limit = _memory_limit(torch.device(device)) if limit is None else limit
    store = StreamedStore if files.bytes > limit else PairStore
    return store.load(files, device=device, thermal_channels=thermal_channels)


def _memory_limit(device: torch.device) -> int:
    setting = os.environ.get(LIMIT_VARIABLE)
    if setting:
        try:
            return int(float(setting) * 2**30)
        except ValueError:
            raise UsageError(f"{LIMIT_VARIABLE} is {setting!r}", "Set it to a number of GiB, e.g. 8") from None
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory * SHARE)
    return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * SHARE)


def _decode(files: SplitFiles, folder: Path) -> None:
    new = AtomicFolder(folder)
    new.create()
    try:
        with new.writing() as drafts:

            def make(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
                array: Array = np.lib.format.open_memmap(drafts / f"{name}.npy", "w+", dtype, shape)
                return array

            files.decode(make)
        new.publish()
    except DataError:
        if not folder.is_dir():  # otherwise another process finished it first
            raise
    finally:
        new.discard()


def _key(files: SplitFiles) -> str:
    """Return a hash of the files' names, sizes and times, and of what they are made into."""
    digest = hashlib.sha256(repr((FORMAT, files.size, files.info.thermal_bits, files.info.stored_range)).encode())
    digest.update(repr((files.info.thermal_range, sorted(files.info.offers))).encode())
    for name, source in files.files.items():
        for path in source.paths:
            stat = path.stat()
            digest.update(os.fsencode(f"{name} {path.resolve()} {stat.st_size} {stat.st_mtime_ns}\n"))
    return digest.hexdigest()[:32]
