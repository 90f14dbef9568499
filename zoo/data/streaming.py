"""Splits larger than memory: decoded once into files, from which each step's images go to the device."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from zoo.data.atomic_folder import new_folder
from zoo.data.decoding import Array, SplitFiles
from zoo.data.store import PairStore, Windows
from zoo.errors import UsageError
from zoo.files import made_in_cache
from zoo.sizes import Size

LIMIT_VARIABLE = "ZOO_STORE_GIB"
"""Environment variable: the largest split that is kept in memory, in GiB."""
SHARE = 1 / 8
"""Largest split that is kept, as a share of the device's memory, unless the user sets a limit."""
FORMAT = 1
"""Version of the decoded files."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamedStore(PairStore):
    """A split that stays in files; it returns the same batches for the same random stream as a `PairStore`, bit for bit.

    Its tensors are arrays on the CPU that the system reads from the disk as needed; so are the indices of `sample` and `whole`.
    The images of a step are copied to the device whole, and cropped and mirrored there, so that no step waits for the device.
    """

    @classmethod
    def _decode(cls, files: SplitFiles) -> dict[str, Array]:
        """Decode a split's files into zoo's cache, unless they are cached, and open them."""
        folder = made_in_cache(lambda folder: _write_arrays(files, folder), "decoded", _key(files))
        # Copy-on-write: nothing writes, and torch would warn of read-only arrays.
        return {path.stem: np.load(path, mmap_mode="c") for path in sorted(folder.glob("*.npy"))}

    @classmethod
    def _tensor(cls, array: Array, device: torch.device | str) -> Tensor:
        return torch.from_numpy(array)

    def _send_index(self, index: Tensor) -> Tensor:
        return index  # on the CPU, where the images are

    def _images(self, tensor: Tensor, index: Tensor) -> Tensor:
        images = tensor[index]
        if self.device.type == "cpu":
            return images
        return images.pin_memory().to(self.device, non_blocking=True)  # a blocking copy would wait for the device

    def _pixels(self, tensor: Tensor, where: Windows) -> Tensor:
        index, rows, columns = where
        positions = torch.arange(len(index), device=self.device)
        return self._images(tensor, index)[positions[:, None, None], rows, columns]


def open_split(
    root: Path,
    split: str,
    *,
    size: Size,
    device: torch.device | str,
    thermal_channels: int = 1,
    limit: int | None = None,
    reads: Collection[str] = (),
) -> PairStore:
    """Return a split, kept on the device if it is small and streamed if it is large.

    Args:
        root, split, size, device, thermal_channels: as of `PairStore.open`.
        limit: bytes of the largest split that is kept; by default an eighth of the device's memory, or `$ZOO_STORE_GIB`.
        reads: declared entries of the dataset to load.

    Raises:
        DataError: the folder is no dataset, or a file of the split cannot be used.
        ZooError: the cache, where a large split is decoded into, cannot be written.
    """
    files = SplitFiles.find(root, split, size, reads)
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


def _write_arrays(files: SplitFiles, folder: Path) -> None:
    with new_folder(folder, finished=folder) as drafts:

        def make(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
            array: Array = np.lib.format.open_memmap(drafts / f"{name}.npy", "w+", dtype, shape)
            return array

        files.decode(make)


def _key(files: SplitFiles) -> str:
    """Return a hash of the files' names, sizes and times, and of what they are made into."""
    digest = hashlib.sha256(repr((FORMAT, files.size, files.info.thermal_bits, files.info.stored_range)).encode())
    digest.update(repr((files.info.thermal_range, sorted(files.info.offers))).encode())
    if files.info.members:  # they decide how values are converted
        digest.update(files.info.fingerprint.encode())
    for name, source in files.files.items():
        for file in source.files:
            stat = file.path.stat()
            digest.update(os.fsencode(f"{name} {file.path.resolve()} {stat.st_size} {stat.st_mtime_ns}\n"))
    return digest.hexdigest()[:32]
