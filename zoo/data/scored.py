"""Test images together with the images that another program made of them, as batches of one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo.contracts import Batch
from zoo.data.decoding import read_thermal_of
from zoo.data.images import read_celsius, read_visible
from zoo.data.layout import DatasetInfo, StemFiles
from zoo.data.predictions import Array, Range, read_prediction
from zoo.data.store import PairStore
from zoo.data.union import convert_thermal
from zoo.layers.pixels import from_bytes, grey

Shape = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FilePairs:
    """Pairs read from their files one by one, each resized to one shape or at its own."""

    info: DatasetInfo
    files: Sequence[StemFiles]
    shape: Shape | None
    """None: every pair at its own size."""

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Stems in the order of the indices."""
        return tuple(entry.stem for entry in self.files)

    def __len__(self) -> int:
        return len(self.files)

    def whole(self, index: Tensor) -> Batch:
        """Return `thermal` [1, 1, H, W] of one index, and `visible` and `celsius` where there are files of them."""
        entry, (low, high) = self.files[int(index)], self.info.stored_range
        assert entry.thermal is not None
        member = self.info.members[entry.member] if self.info.members else self.info
        convert = convert_thermal(member, self.info) or (lambda pixels: pixels)
        stored = _resized(convert(read_thermal_of(member, entry.thermal)), self.shape).float()
        batch = {"thermal": stored.sub(low).mul(2 / (high - low)).sub(1).clamp(-1, 1)}
        if entry.visible is not None:
            batch["visible"] = from_bytes(_resized(read_visible(entry.visible), self.shape))
        if entry.celsius is not None:
            batch["celsius"] = _resized(read_celsius(entry.celsius), self.shape)
        elif "celsius" in self.info.offers:
            width = self.info.thermal_high - self.info.thermal_low
            batch["celsius"] = self.info.thermal_low + (stored - low) * (width / (high - low))
        return batch


@dataclass(frozen=True, kw_only=True, eq=False)
class Predicted:
    """Test images with the batch entry `prediction` [1, 1, H, W] in [-1, 1], of those that have one."""

    pairs: PairStore | FilePairs
    predictions: Mapping[str, Path]
    """Files of another program, by stem of the test image."""
    ranges: Mapping[str, Range]
    """Values of the darkest and the brightest level, by the type of the files."""

    @cached_property
    def places(self) -> dict[str, int]:
        """Indices of the test images with a prediction, by stem."""
        return {stem: place for place, stem in enumerate(self.pairs.stems) if stem in self.predictions}

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Stems of the test images with a prediction."""
        return tuple(self.places)

    def __len__(self) -> int:
        return len(self.stems)

    def whole(self, index: Tensor) -> Batch:
        """Return the test image of one index, and its prediction at the same size."""
        stem = self.stems[int(index)]
        batch = self.pairs.whole(torch.tensor([self.places[stem]]))
        height, width = batch["thermal"].shape[-2:]
        pixels = read_prediction(self.predictions[stem])
        batch["prediction"] = as_prediction(pixels, self.ranges, (height, width))
        return batch


def as_prediction(pixels: Array, ranges: Mapping[str, Range], shape: Shape) -> Tensor:
    """Return an image of another program as networks would: grey [1, 1, H, W] in [-1, 1]; colours by `LUMA`.

    Args:
        pixels: uint8, uint16 or float32 [H, W] or [H, W, 3].
        ranges: values of -1 and 1, by type.
        shape: height and width to resize to, as datasets are.
    """
    low, high = ranges[pixels.dtype.name]
    levels = _resized(pixels, shape)
    if levels.dtype == torch.uint8:
        return grey(from_bytes(levels))
    return grey(levels.double().sub(low).mul(2 / (high - low)).sub(1))


def _resized(pixels: Array, shape: Shape | None) -> Tensor:
    """Return an image [H, W] or [H, W, 3] as [1, C, h, w], resized as datasets are; wide integers become float32."""
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float32)
    channels = pixels[..., None] if pixels.ndim == 2 else pixels
    if shape and channels.shape[:2] != shape:
        size, method = (shape[1], shape[0]), Image.Resampling.BICUBIC
        planes = [np.asarray(Image.fromarray(channels[..., c]).resize(size, method)) for c in range(channels.shape[2])]
        channels = np.stack(planes, axis=-1)
    return torch.from_numpy(np.array(channels)).permute(2, 0, 1)[None]
