"""Mean absolute errors."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from zoo.contracts import Compared
from zoo.layers.pixels import TOP

from .checks import check_pair
from .config import MAECelsiusConfig, MAEConfig


class MAE:
    """Mean absolute error over an image's pixels, in grey levels of 8 bits."""

    name: ClassVar[str] = "mae"
    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = "levels"
    compares: ClassVar[Compared] = "grey"

    def __init__(self, config: MAEConfig) -> None:
        self.config = config

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return {"data_range": TOP[8]}

    def per_image(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the error of each image in grey levels, float64 [N], for images [N, C, H, W] in [0, 1].

        Raises:
            UsageError: the images differ in shape.
        """
        check_pair(self.name, translated, real)
        return TOP[8] * (translated.double() - real.double()).abs().mean(dim=(1, 2, 3))


class MAECelsius:
    """Mean absolute error over an image's pixels, in degrees Celsius."""

    name: ClassVar[str] = "mae_celsius"
    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = "C"
    compares: ClassVar[Compared] = "celsius"

    def __init__(self, config: MAECelsiusConfig) -> None:
        self.config = config

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return {"range": "none; degrees are compared as they are"}

    def per_image(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the error of each image in degrees, float64 [N], for degrees Celsius [N, 1, H, W].

        Raises:
            UsageError: the images differ in shape.
        """
        check_pair(self.name, translated, real)
        return (translated.double() - real.double()).abs().mean(dim=(1, 2, 3))
