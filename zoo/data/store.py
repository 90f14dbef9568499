"""A split of a dataset, decoded once and kept on the device; crops and flips run there in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from zoo.contracts import Batch
from zoo.data.check import require_usable
from zoo.data.images import read_celsius, read_labels, read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split, read_info
from zoo.data.temperatures import mean_by_object, read_temperatures
from zoo.errors import DataError
from zoo.layers.conditions import to_range

Array = NDArray[Any]


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
    thermal_segmentation: Tensor | None
    """float32 [n_visible, size, size] in [-1, 1] over the thermal range: every object at its mean in the whole image."""

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
        info = read_info(root)
        require_usable(root, (split,))
        entries = list_split(root, split)
        visible = [e for e in entries if e.visible is not None]

        def load(
            paths: Sequence[Path | None], read: Callable[[Path], Array], method: Image.Resampling
        ) -> Tensor | None:
            if not paths or None in paths:
                return None
            with ThreadPoolExecutor() as pool:
                arrays = list(pool.map(lambda path: _resize(read(path), size, method), paths))
            return torch.from_numpy(np.stack(arrays)).to(device)

        bicubic, nearest = Image.Resampling.BICUBIC, Image.Resampling.NEAREST
        visible_pixels = load([e.visible for e in visible], read_visible, bicubic)
        thermal_pixels = load([e.thermal for e in entries if e.thermal is not None], partial(_thermal, info), bicubic)
        assert visible_pixels is not None and thermal_pixels is not None  # require_usable found both
        celsius = load([e.celsius for e in visible], read_celsius, bicubic)
        if celsius is None and "celsius" in info.offers:
            celsius = _degrees(thermal_pixels, info)
        labels = load([e.labels for e in visible], read_labels, nearest)
        return cls(
            info=info,
            stems=tuple(e.stem for e in visible),
            size=size,
            device=visible_pixels.device,
            thermal_channels=thermal_channels,
            visible=visible_pixels,
            thermal=thermal_pixels,
            labels=labels,
            celsius=celsius,
            temperatures=_temperatures(root, split, info, [e.stem for e in visible], visible_pixels.device),
            thermal_segmentation=_segmentation(labels, celsius, info),
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
    ) -> Batch:
        """Return randomly cropped and, one time in two, mirrored images; no step of it waits for the device.

        Args:
            visible_index: int64 [N].
            thermal_index: int64 [N].
            crop: height and width of the crops, at most `size`.
            rng: random stream on the store's device.
            aligned: whether both images of a pair get the same crop and mirroring; by default where both indices are
                the same tensor.

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
        where = self._windows(visible_index, crop, rng)
        thermal_where = where if aligned else self._windows(thermal_index, crop, rng)
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

    def _windows(self, index: Tensor, crop: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return [N, 1, 1] images, [N, crop, 1] rows and [N, 1, crop] columns of random, perhaps mirrored windows."""
        n = index.shape[0]
        top = torch.randint(self.size - crop + 1, (n, 1), generator=rng, device=self.device)
        left = torch.randint(self.size - crop + 1, (n, 1), generator=rng, device=self.device)
        mirrored = torch.rand((n, 1), generator=rng, device=self.device) < 0.5
        span = torch.arange(crop, device=self.device)
        columns = left + torch.where(mirrored, crop - 1 - span, span)
        return self._on_device(index), (top + span)[:, :, None], columns[:, None, :]

    def _on_device(self, index: Tensor) -> Tensor:
        return index.to(self.device, non_blocking=True)[:, None, None]  # a blocking copy would wait for the device

    def _batch(
        self, where: tuple[Tensor, Tensor, Tensor], thermal_where: tuple[Tensor, Tensor, Tensor] | None
    ) -> Batch:
        batch = {"visible": self.visible[where].permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()}
        if thermal_where is not None:
            low, high = self.info.stored_range
            thermal = self.thermal[thermal_where].float().sub(low).mul(2 / (high - low)).sub(1).clamp(-1, 1)
            batch["thermal"] = thermal[:, None].repeat(1, self.thermal_channels, 1, 1)
        if self.labels is not None:
            batch["labels"] = self.labels[where].long()
        if self.celsius is not None:
            batch["celsius"] = self.celsius[where][:, None]
        if self.thermal_segmentation is not None:
            batch["thermal_segmentation"] = self.thermal_segmentation[where][:, None]
        if self.temperatures is not None:
            batch["temperatures"] = self.temperatures[where[0][:, 0, 0]]
        return batch


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


def _degrees(thermal: Tensor, info: DatasetInfo) -> Tensor:
    """Return stored thermal numbers as degrees Celsius, for sets whose thermal files hold degrees."""
    low, high = info.stored_range
    return info.thermal_low + (thermal.float() - low) * ((info.thermal_high - info.thermal_low) / (high - low))


def _segmentation(labels: Tensor | None, celsius: Tensor | None, info: DatasetInfo) -> Tensor | None:
    """Return each object's mean temperature as networks see it, where the set has labels, degrees and their range."""
    if labels is None or celsius is None or info.thermal_range is None:
        return None
    pairs = zip(labels.cpu().numpy(), celsius.cpu().numpy(), strict=True)
    degrees = torch.from_numpy(np.stack([mean_by_object(*pair) for pair in pairs]))
    return to_range(degrees, info.thermal_range).to(labels.device)


def _temperatures(
    root: Path, split: str, info: DatasetInfo, stems: Sequence[str], device: torch.device
) -> Tensor | None:
    table = read_temperatures(root, split)
    if not table:
        return None
    rows = [[table.get(stem, {}).get(name, float("nan")) for name in info.classes] for stem in stems]
    return torch.tensor(rows, dtype=torch.float32, device=device)
