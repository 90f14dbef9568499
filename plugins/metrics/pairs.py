"""Metrics that compare a translated image with its real one: their base, PSNR and the mean absolute errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

from torch import Tensor

from zoo.contracts import Compared
from zoo.errors import UsageError
from zoo.layers.pixels import TOP

from .config import DATA_RANGE, PSNRConfig


class PairMetric(ABC):
    """A metric of each pair of images; a subclass has a `name`, `settings` or a `protocol`, and computes `values`."""

    name: ClassVar[str]
    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = ""
    compares: Compared = "grey"
    settings: ClassVar[dict[str, Any]] = {}
    """The protocol of a metric without options."""
    min_size: int = 1
    """Smallest height and width in pixels."""

    def __init__(self, config: object) -> None:
        super().__init__()

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return self.settings

    def per_image(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the value of each image, float64 [N], for images [N, C, H, W] of the kind that `compares` names.

        Raises:
            UsageError: the images differ in shape or are smaller than `min_size`.
        """
        require_comparable(self.name, translated, real, self.min_size)
        return self.values(translated.double(), real.double())

    @abstractmethod
    def values(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the value of each image, float64 [N], for float64 images of one shape and of sufficient size."""


class PSNR(PairMetric):
    """Peak signal-to-noise ratio in dB: 10 log10(L^2 / MSE), with the data range L = 1 and the MSE over an image's pixels."""

    name: ClassVar[str] = "psnr"
    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = "dB"

    def __init__(self, config: PSNRConfig) -> None:
        self.config = config
        self.pooling: Literal["mean", "mse"] = "mse" if config.pooled else "mean"

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        pooled = {"pooled": "squared error over all images"} if self.config.pooled else {}
        return {"data_range": DATA_RANGE, "cap_db": self.config.cap_db, **pooled}

    def values(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the PSNR of each image, at most the cap."""
        mse = (translated - real).square().mean(dim=(1, 2, 3))
        # Written out: torchmetrics multiplies by a float32 10 / ln 10, which is wrong in the sixth decimal of a dB.
        return (10 * (DATA_RANGE**2 / mse).log10()).clamp(max=self.config.cap_db)


class MAE(PairMetric):
    """Mean absolute error over an image's pixels, in grey levels of 8 bits."""

    name: ClassVar[str] = "mae"
    unit: ClassVar[str] = "levels"
    settings: ClassVar[dict[str, Any]] = {"data_range": TOP[8]}

    def values(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the error of each image in grey levels."""
        return TOP[8] * (translated - real).abs().mean(dim=(1, 2, 3))


class MAECelsius(PairMetric):
    """Mean absolute error over an image's pixels, in degrees Celsius."""

    name: ClassVar[str] = "mae_celsius"
    unit: ClassVar[str] = "C"
    compares: Compared = "celsius"
    settings: ClassVar[dict[str, Any]] = {"range": "none; degrees are compared as they are"}

    def values(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the error of each image in degrees Celsius."""
        return (translated - real).abs().mean(dim=(1, 2, 3))


def require_comparable(name: str, translated: Tensor, real: Tensor, min_size: int = 1) -> None:
    """Require images [N, C, H, W] of one shape and of at least `min_size` pixels a side; `name` is the metric's.

    Raises:
        UsageError: they are not.
    """
    if translated.ndim != 4 or translated.shape != real.shape:
        raise UsageError(
            f"{name} compares images [N, C, H, W] of one shape, and got {list(translated.shape)} against {list(real.shape)}",
            "Resize both to the test size first",
        )
    height, width = real.shape[-2:]
    if min(height, width) < min_size:
        raise UsageError(
            f"{name} requires images of at least {min_size}x{min_size} pixels, and these have {height}x{width}",
            f"Use a test size of at least {min_size}",
        )
