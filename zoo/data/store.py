"""A split of a dataset, decoded once and kept on the device; crops and flips run there in batches."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from zoo.contracts import Batch
from zoo.data.decoding import Array, SplitFiles
from zoo.data.entries import DatasetEntry
from zoo.data.layout import DatasetInfo
from zoo.layers.pixels import from_bytes, to_range
from zoo.sizes import Size, height_width, size_text

Windows = tuple[Tensor, Tensor, Tensor]
"""Indices of images [N], rows [N, h, 1] and columns [N, 1, w] of a batch."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairStore:
    """All images of one split at one size, on one device."""

    info: DatasetInfo
    stems: tuple[str, ...]
    """Stems of the visible images, in the order of their indices."""
    size: Size
    """Height and width of the stored images, H and W below."""
    device: torch.device
    thermal_channels: int
    visible: Tensor
    """uint8 [n_visible, H, W, 3]."""
    thermal: Tensor
    """uint8 or float32 [n_thermal, H, W], as stored in the files."""
    labels: Tensor | None = None
    """uint8 [n_visible, H, W]."""
    celsius: Tensor | None = None
    """float32 [n_visible, H, W], degrees."""
    temperatures: Tensor | None = None
    """float32 [n_visible, classes], mean degrees of a class in a whole image, NaN where it does not occur."""
    object_celsius: Tensor | None = None
    """float32 [n_visible, H, W], degrees: every object at its mean in the whole image."""
    entries: Mapping[str, Any] = field(default_factory=dict)
    """Declared entries that are read, by name: masks uint8 [n_visible, H, W], the others as in `SplitFiles.values`."""

    @classmethod
    def open(
        cls,
        root: Path,
        split: str,
        *,
        size: Size,
        device: torch.device | str,
        thermal_channels: int = 1,
        reads: Collection[str] = (),
    ) -> Self:
        """Decode a split and resize it to `size`, aspect ignored, as the CycleGAN and pix2pix code does.

        Visible and thermal images and degrees are resized bicubically with antialiasing, 16-bit and float thermal ones
        in float32, labels and masks to the nearest pixel. Of entries that the dataset declares only those in `reads` are loaded.

        Raises:
            DataError: the folder is no dataset, or a file of the split cannot be used.
        """
        return cls.load(SplitFiles.find(root, split, size, reads), device=device, thermal_channels=thermal_channels)

    @classmethod
    def load(cls, files: SplitFiles, *, device: torch.device | str, thermal_channels: int) -> Self:
        """Decode a split's files; see `open`."""
        arrays = {name: cls._tensor(array, device) for name, array in cls._decode(files).items()}
        values = {name: cls._sent(value, device) for name, value in files.values.items()}
        masks = {entry.name: arrays.pop(entry.name) for entry in files.info.entries if entry.name in arrays}
        return cls(
            info=files.info,
            stems=files.stems,
            size=files.size,
            device=torch.empty(0, device=device).device,  # with its number
            thermal_channels=thermal_channels,
            temperatures=None if files.temperatures is None else cls._tensor(files.temperatures, device),
            entries=masks | values,
            **arrays,
        )

    @classmethod
    def _decode(cls, files: SplitFiles) -> dict[str, Array]:
        return files.decode(lambda name, shape, dtype: np.empty(shape, dtype))

    @classmethod
    def _tensor(cls, array: Array, device: torch.device | str) -> Tensor:
        return torch.from_numpy(array).to(device)

    @classmethod
    def _sent(cls, value: Any, device: torch.device | str) -> Any:
        if isinstance(value, list):  # boxes and texts stay where their number is known without waiting
            return [torch.from_numpy(each) if isinstance(each, np.ndarray) else each for each in value]
        return cls._tensor(value, device)

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
        crop: Size,
        rng: torch.Generator,
        aligned: bool | None = None,
        flip: bool = True,
        part: slice = slice(None),
    ) -> Batch:
        """Return randomly cropped and, with probability 0.5, mirrored images, without waiting for the device.

        Args:
            visible_index: int64 [N].
            thermal_index: int64 [N].
            crop: height and width of the crops, h and w below, at most `size`.
            rng: random stream on the store's device.
            aligned: whether both images of a pair get the same crop and mirroring; by default where both indices are
                the same tensor.
            flip: whether images are mirrored at all.
            part: the slice of the N to return; random numbers are the same as for all N.

        Returns:
            `visible` [N, 3, h, w] and `thermal` [N, thermal_channels, h, w] in [-1, 1]; where the dataset
            has them also `labels` int64 [N, h, w], `celsius` and `thermal_segmentation` [N, 1, h, w], cropped
            as the visible image, and `temperatures` [N, classes] of the whole visible image; declared entries that the store
            loaded as `zoo.contracts.Batch` describes them.

        Raises:
            ValueError: aligned pairs are requested from an unpaired set, or the crop is larger than the images.
        """
        aligned = visible_index is thermal_index if aligned is None else aligned
        if aligned and not self.paired:
            raise ValueError(f"{self.info.name} has no pairs to crop alike")
        if not all(0 < side <= whole for side, whole in zip(height_width(crop), height_width(self.size), strict=True)):
            raise ValueError(f"a crop of {size_text(crop)} does not fit into images of {size_text(self.size)}")
        where = self._windows(visible_index, crop, rng, part, flip=flip)
        thermal_where = where if aligned else self._windows(thermal_index, crop, rng, part, flip=flip)
        return self._batch(where, thermal_where)

    def whole(self, index: Tensor, thermal_index: Tensor | None = None) -> Batch:
        """Return whole images, [N, ., H, W], by index, int64 [N].

        `thermal_index` chooses other thermal images; without it an unpaired set returns none.
        """
        height, width = (torch.arange(side, device=self.device) for side in height_width(self.size))
        rows, columns = height[None, :, None], width[None, None, :]
        where = (self._send_index(index), rows, columns)
        if thermal_index is not None:
            return self._batch(where, (self._send_index(thermal_index), rows, columns))
        return self._batch(where, where if self.paired else None)

    def _windows(self, index: Tensor, crop: Size, rng: torch.Generator, part: slice, *, flip: bool) -> Windows:
        """Return random, perhaps mirrored windows."""
        n = index.shape[0]
        (height, width), (whole_height, whole_width) = height_width(crop), height_width(self.size)
        top = torch.randint(whole_height - height + 1, (n, 1), generator=rng, device=self.device)
        left = torch.randint(whole_width - width + 1, (n, 1), generator=rng, device=self.device)
        mirrored = torch.rand((n, 1), generator=rng, device=self.device) < (0.5 if flip else 0.0)
        rows, span = top + torch.arange(height, device=self.device), torch.arange(width, device=self.device)
        columns = left + torch.where(mirrored, width - 1 - span, span)
        return self._send_index(index[part]), rows[part, :, None], columns[part, None, :]

    def _batch(self, where: Windows, thermal_where: Windows | None) -> Batch:
        batch = {"visible": from_bytes(self._pixels(self.visible, where).permute(0, 3, 1, 2)).contiguous()}
        if thermal_where is not None:
            low, high = self.info.stored_range
            thermal = (
                self._pixels(self.thermal, thermal_where).float().sub(low).mul(2 / (high - low)).sub(1).clamp(-1, 1)
            )
            batch["thermal"] = thermal[:, None].repeat(1, self.thermal_channels, 1, 1)
        if self.labels is not None:
            batch["labels"] = self._pixels(self.labels, where).long()
        if self.celsius is not None:
            batch["celsius"] = self._pixels(self.celsius, where)[:, None]
        if self.object_celsius is not None and self.info.thermal_range is not None:
            means = self._pixels(self.object_celsius, where)[:, None]
            batch["thermal_segmentation"] = to_range(means, self.info.thermal_range)
        if self.temperatures is not None:
            batch["temperatures"] = self._images(self.temperatures, where[0])
        for entry in self.info.entries:
            if entry.name in self.entries:
                batch[entry.name] = self._declared(entry, where)
        return batch

    def _declared(self, entry: DatasetEntry, where: Windows) -> Any:
        """Return a declared entry of a batch; boxes, texts and groups wait for the device."""
        values = self.entries[entry.name]
        if entry.kind == "mask":
            return self._pixels(values, where).long()
        if entry.kind in ("scalar", "vector"):
            return self._images(values, where[0])
        chosen = [values[index] for index in where[0].tolist()]
        if entry.kind != "boxes":
            return chosen
        windows = zip(chosen, *(spans.expand(len(chosen), -1, -1).cpu() for spans in where[1:]), strict=True)
        return [_cropped(boxes, rows, columns).to(self.device) for boxes, rows, columns in windows]

    def _send_index(self, index: Tensor) -> Tensor:
        return index.to(self.device, non_blocking=True)  # a blocking copy would wait for the device

    def _images(self, tensor: Tensor, index: Tensor) -> Tensor:
        """Return the entries of a tensor by index [N], on the device."""
        return tensor[index]

    def _pixels(self, tensor: Tensor, where: Windows) -> Tensor:
        """Return the windows of images, [N, h, w, ...], on the device."""
        index, rows, columns = where
        return tensor[index[:, None, None], rows, columns]


def on_device(batch: Batch, device: torch.device | str) -> Batch:
    """Return a batch with all its tensors on a device."""

    def sent(value: Any) -> Any:
        if isinstance(value, list):
            return [sent(each) for each in value]
        return value.to(device) if isinstance(value, Tensor) else value

    return {name: sent(value) for name, value in batch.items()}


def _cropped(boxes: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the boxes [k, 5] of an image inside a window of it, perhaps mirrored; those without area in it are left out.

    Args:
        boxes: of the whole image.
        rows: [h, 1] of the window.
        columns: [1, w] of the window, falling where it is mirrored.
    """
    left, top = columns.min(), rows.min()
    x1, y1, x2, y2, kind = (boxes - torch.stack([left, top, left, top, torch.zeros_like(left)])).unbind(dim=1)
    if columns[0, 0] > columns[0, -1]:
        x1, x2 = columns.numel() - x2, columns.numel() - x1
    x1, x2 = x1.clamp(0, columns.numel()), x2.clamp(0, columns.numel())
    y1, y2 = y1.clamp(0, rows.numel()), y2.clamp(0, rows.numel())
    return torch.stack([x1, y1, x2, y2, kind], dim=1)[(x1 < x2) & (y1 < y2)]
