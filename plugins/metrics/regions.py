"""PSNR and SSIM of parts of an image: of the pixels of each class, and of each annotated object."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any, ClassVar

import torch
from torch import Tensor

from zoo.contracts import Batch, Compared

from .config import DATA_RANGE, ClassPSNRConfig, ClassSSIMConfig, ObjectPSNRConfig, ObjectSSIMConfig, SSIMConfig
from .pairs import require_comparable
from .ssim import similarity_map

Region = tuple[int, Tensor]
"""Index of a class, and the values of a map at the pixels of one region of it."""


class RegionMetric(ABC):
    """The mean of a map of local values over each region of an image; an image's value is the mean over its regions.

    A subclass computes `local`, and the score of a region from its local values.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = ""
    compares: Compared = "grey"
    entry: str
    """Labels or a mask: each class is one region; boxes: each box is one."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The entry whose regions are scored."""
        return (self.entry,)

    @property
    def by(self) -> str:
        """The entry whose regions are scored."""
        return self.entry

    def per_image(self, translated: Tensor, real: Tensor, batch: Batch) -> Tensor:
        """Return the mean over the regions of each image, float64 [N]; NaN for one without regions."""
        scores = self._scores(translated, real, batch)
        return real.new_tensor([_mean(value for _, value in found) for found in scores], dtype=torch.float64)

    def per_class(self, translated: Tensor, real: Tensor, batch: Batch, classes: Sequence[str]) -> Tensor:
        """Return the mean over the regions of each class in each image, float64 [N, K]; NaN for a class without any."""
        scores = self._scores(translated, real, batch)
        means = [[_mean(v for kind, v in found if kind == index) for index in range(len(classes))] for found in scores]
        return real.new_tensor(means, dtype=torch.float64).reshape(len(scores), len(classes))

    @abstractmethod
    def local(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the local values [N, H, W] of images [N, 1, H, W]."""

    def score(self, values: Tensor) -> float:
        """Return the score of a region from the local values of its pixels."""
        return float(values.mean())

    def _scores(self, translated: Tensor, real: Tensor, batch: Batch) -> list[list[tuple[int, float]]]:
        """Return the class and the score of each region of each image."""
        require_comparable(self.name, translated, real, SSIMConfig().min_size)
        maps = self.local(translated.double(), real.double())
        regions = zip(maps, batch[self.entry], strict=True)
        return [[(kind, self.score(values)) for kind, values in _regions(one, where)] for one, where in regions]


class ClassPSNR(RegionMetric):
    """PSNR in dB over the pixels of each class that an image shows."""

    name: ClassVar[str] = "class_psnr"
    unit: ClassVar[str] = "dB"
    regions: ClassVar[str] = "pixels of each class"

    def __init__(self, config: ClassPSNRConfig) -> None:
        self.entry, self.config = config.entry, config

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return {"data_range": DATA_RANGE, "cap_db": self.config.cap_db, "regions": f"{self.regions} of {self.entry}"}

    def local(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the squared errors."""
        return (translated - real).square()[:, 0]

    def score(self, values: Tensor) -> float:
        """Return the PSNR of a region, at most the cap."""
        return float((10 * (DATA_RANGE**2 / values.mean()).log10()).clamp(max=self.config.cap_db))


class ObjectPSNR(ClassPSNR):
    """PSNR in dB of each annotated object (Ozkanoglu and Ozer, InfraGAN, 2022)."""

    name: ClassVar[str] = "object_psnr"
    regions: ClassVar[str] = "pixels in each box"

    def __init__(self, config: ObjectPSNRConfig) -> None:
        super().__init__(config)


class ClassSSIM(RegionMetric):
    """SSIM over the pixels of each class that an image shows: the mean there of the whole image's local similarities."""

    name: ClassVar[str] = "class_ssim"
    regions: ClassVar[str] = "pixels of each class"

    def __init__(self, config: ClassSSIMConfig) -> None:
        self.entry = config.entry

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return {
            "data_range": DATA_RANGE,
            "window": "gaussian 11x11, sigma 1.5, replicate",
            "regions": f"{self.regions} of {self.entry}, in the similarities of the whole image",
        }

    def local(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the local similarities."""
        return similarity_map(translated, real, SSIMConfig())[:, 0]


class ObjectSSIM(ClassSSIM):
    """SSIM of each annotated object (Ozkanoglu and Ozer, InfraGAN, 2022), also of objects smaller than its window."""

    name: ClassVar[str] = "object_ssim"
    regions: ClassVar[str] = "pixels in each box"

    def __init__(self, config: ObjectSSIMConfig) -> None:
        super().__init__(config)


def _regions(values: Tensor, where: Tensor) -> Iterator[Region]:
    """Yield the regions of a map [H, W]: of class indices [H, W], or of boxes [k, 5]."""
    if not where.is_floating_point():
        for kind in torch.unique(where).tolist():
            yield kind, values[where == kind]
        return
    for x1, y1, x2, y2, kind in where.tolist():
        rows, columns = _pixels(y1, y2, values.shape[0]), _pixels(x1, x2, values.shape[1])
        yield int(kind), values[rows, columns]


def _pixels(start: float, stop: float, length: int) -> slice:
    """Return the pixels whose centres lie between two edges; at least the one that holds their middle."""
    first, last = math.ceil(start - 0.5), math.ceil(stop - 0.5)
    if first >= last:
        first = min(int((start + stop) / 2), length - 1)
        last = first + 1
    return slice(first, last)


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return fmean(found) if found else math.nan
