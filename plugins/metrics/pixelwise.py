"""Metrics of pixel differences: peak signal-to-noise ratio and mean absolute errors."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from torch import Tensor

from zoo.contracts import Compared
from zoo.layers.pixels import TOP

from .config import DATA_RANGE, PSNRConfig
from .pairs import PairMetric


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
