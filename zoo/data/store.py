"""A split of a dataset, decoded once and kept on the device; crops and flips run there in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from zoo.contracts import Batch
from zoo.data.decoding import Array, SplitFiles
from zoo.data.layout import DatasetInfo
from zoo.data.temperatures import read_temperatures
from zoo.layers.pixels import from_bytes, to_range


class Store(Protocol):
    """A split of a dataset as training and scoring read it: `PairStore`, or `zoo.data.streaming.StreamedStore`."""

    def __len__(self) -> int: ...

    @property
    def stems(self) -> Sequence[str]:
        """Stems of the visible images, in the order of their indices."""

    @property
    def n_visible(self) -> int:
        """Number of visible images."""

    @property
    def n_thermal(self) -> int:
        """Number of thermal images; the same as of visible ones where the set is paired."""

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
        """Return augmented crops of a `part` of these images; `aligned` ones are cropped and mirrored alike."""

    def whole(self, index: Tensor, thermal_index: Tensor | None = None) -> Batch:
        """Return whole images by index, int64 [N]; visible images with other thermal ones where a `thermal_index` is given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairStore:
    """All images of one split at one square size, on one device."""

    info: DatasetInfo
    stems: tuple[str, ...]
    """Stems of the visible images, in the order of their indices."""
    size: int
    """Height and width of the stored images."""
    device: torch.device
    thermal_channels: int
    visible: Tensor
    """uint8 [n_visible, size, size, 3]."""
    thermal: Tensor
    """uint8 or float32 [n_thermal, size, size], as stored in the files."""
    labels: Tensor | None
    """uint8 [n_visible, size, size]."""
    celsius: Tensor | None
    """float32 [n_visible, size, size], degrees."""
    temperatures: Tensor | None
    """float32 [n_visible, classes], mean degrees of a class in a whole image, NaN where it does not occur."""
    object_celsius: Tensor | None
    """float32 [n_visible, size, size], degrees: every object at its mean in the whole image."""

    @classmethod
    def open(
        cls, root: Path, split: str, *, size: int, device: torch.device | str, thermal_channels: int = 1
    ) -> PairStore:
        """Decode a split and resize it to size x size, aspect ignored, as the CycleGAN and pix2pix code does.

        Visible and thermal images and degrees are resized bicubically with antialiasing, 16-bit and float thermal ones
        in float32, labels to the nearest pixel.

        Raises:
            DataError: the folder is no dataset, or a file of the split cannot be used.
        """
        files = SplitFiles.find(root, split, size)
        return cls.of(files, files.decode(_in_memory), root, split, device=device, thermal_channels=thermal_channels)

    @classmethod
    def of(
        cls,
        files: SplitFiles,
        arrays: Mapping[str, Array],
        root: Path,
        split: str,
        *,
        device: torch.device | str,
        thermal_channels: int,
    ) -> PairStore:
        """Return the store of a split's decoded arrays (`SplitFiles.decode`), moved to a device."""
        tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        info, place = files.info, tensors["visible"].device
        return cls(
            info=info,
            stems=files.stems,
            size=files.size,
            device=place,
            thermal_channels=thermal_channels,
            visible=tensors["visible"],
            thermal=tensors["thermal"],
            labels=tensors.get("labels"),
            celsius=tensors.get("celsius"),
            temperatures=_temperatures(root, split, info, files.stems, place),
            object_celsius=tensors.get("object_celsius"),
        )

    @property
    def paired(self) -> bool:
        """Whether visible and thermal images of one index show the same view."""
        return self.info.pairs

    @property
    def n_visible(self) -> int:
        """Number of visible images."""
        return self.visible.shape[0]

    @property
    def n_thermal(self) -> int:
        """Number of thermal images; the same as of visible ones where the set is paired."""
        return self.thermal.shape[0]

    def __len__(self) -> int:
        return self.n_visible

    @property
    def class_temperatures(self) -> tuple[float, ...]:
        """Mean degrees Celsius of each class over this split's images that show it, NaN for one that none shows."""
        if self.temperatures is None:
            return (float("nan"),) * len(self.info.classes)
        return tuple(self.temperatures.double().nanmean(dim=0).tolist())

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
        """Return randomly cropped and, one time in two, mirrored images; no step of it waits for the device.

        Args:
            visible_index: int64 [N].
            thermal_index: int64 [N].
            crop: height and width of the crops, at most `size`.
            rng: random stream on the store's device.
            aligned: whether both images of a pair get the same crop and mirroring; by default where both indices are
                the same tensor.
            flip: whether images are mirrored at all.
            part: which of the N are returned, with the crops that they have among the N.

        Returns:
            `visible` [N, 3, crop, crop] and `thermal` [N, thermal_channels, crop, crop] in [-1, 1]; where the dataset
            has them also `labels` int64 [N, crop, crop], `celsius` and `thermal_segmentation` [N, 1, crop, crop], cropped
            as the visible image, and `temperatures` [N, classes] of the whole visible image.

        Raises:
            ValueError: aligned pairs were asked of an unpaired set, or the crop is larger than the images.
        """
        aligned = visible_index is thermal_index if aligned is None else aligned
        if aligned and not self.paired:
            raise ValueError(f"{self.info.name} has no pairs to crop alike")
        if not 0 < crop <= self.size:
            raise ValueError(f"a crop of {crop} does not fit into images of {self.size}")
        where = self._windows(visible_index, crop, rng, part, flip=flip)
        thermal_where = where if aligned else self._windows(thermal_index, crop, rng, part, flip=flip)
        return self._batch(where, thermal_where)

    def whole(self, index: Tensor, thermal_index: Tensor | None = None) -> Batch:
        """Return whole images, [N, ., size, size], by index, int64 [N].

        `thermal_index` chooses other thermal images than the pairs'; without it an unpaired set gives none.
        """
        span = torch.arange(self.size, device=self.device)
        where = (self._on_device(index), span[None, :, None], span[None, None, :])
        if thermal_index is not None:
            return self._batch(where, (self._on_device(thermal_index), *where[1:]))
        return self._batch(where, where if self.paired else None)

    def _windows(
        self, index: Tensor, crop: int, rng: torch.Generator, part: slice, *, flip: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return [N, 1, 1] images, [N, crop, 1] rows and [N, 1, crop] columns of random, perhaps mirrored windows."""
        n = index.shape[0]
        top = torch.randint(self.size - crop + 1, (n, 1), generator=rng, device=self.device)
        left = torch.randint(self.size - crop + 1, (n, 1), generator=rng, device=self.device)
        mirrored = torch.rand((n, 1), generator=rng, device=self.device) < (0.5 if flip else 0.0)
        span = torch.arange(crop, device=self.device)
        columns = left + torch.where(mirrored, crop - 1 - span, span)
        return self._on_device(index[part]), (top + span)[part, :, None], columns[part, None, :]

    def _on_device(self, index: Tensor) -> Tensor:
        return index.to(self.device, non_blocking=True)[:, None, None]  # a blocking copy would wait for the device

    def _batch(
        self, where: tuple[Tensor, Tensor, Tensor], thermal_where: tuple[Tensor, Tensor, Tensor] | None
    ) -> Batch:
        batch = {"visible": from_bytes(self.visible[where].permute(0, 3, 1, 2)).contiguous()}
        if thermal_where is not None:
            low, high = self.info.stored_range
            thermal = self.thermal[thermal_where].float().sub(low).mul(2 / (high - low)).sub(1).clamp(-1, 1)
            batch["thermal"] = thermal[:, None].repeat(1, self.thermal_channels, 1, 1)
        if self.labels is not None:
            batch["labels"] = self.labels[where].long()
        if self.celsius is not None:
            batch["celsius"] = self.celsius[where][:, None]
        if self.object_celsius is not None and self.info.thermal_range is not None:
            batch["thermal_segmentation"] = to_range(self.object_celsius[where][:, None], self.info.thermal_range)
        if self.temperatures is not None:
            batch["temperatures"] = self.temperatures[where[0][:, 0, 0]]
        return batch


def _in_memory(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    return np.empty(shape, dtype)


def _temperatures(
    root: Path, split: str, info: DatasetInfo, stems: Sequence[str], device: torch.device
) -> Tensor | None:
    table = read_temperatures(root, split)
    if not table:
        return None
    rows = [[table.get(stem, {}).get(name, float("nan")) for name in info.classes] for stem in stems]
    return torch.tensor(rows, dtype=torch.float32, device=device)
