"""Peak signal-to-noise ratio."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from zoo.contracts import Compared

from .checks import check_pair
from .config import DATA_RANGE, PSNRConfig


class PSNR:
    """Peak signal-to-noise ratio: 10 log10(L^2 / MSE), with L the data range 1 and the MSE over an image's pixels."""

    name: ClassVar[str] = "psnr"
    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = "dB"
    compares: ClassVar[Compared] = "grey"

    def __init__(self, config: PSNRConfig) -> None:
        self.config = config

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return {"data_range": DATA_RANGE, "cap_db": self.config.cap_db}

    def per_image(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the PSNR of each image in dB, float64 [N], for images [N, C, H, W] in [0, 1].

        Raises:
            UsageError: the images differ in shape.
        """
        check_pair(self.name, translated, real)
        mse = (translated.double() - real.double()).square().mean(dim=(1, 2, 3))
        # Written out: torchmetrics multiplies by a float32 10 / ln 10, which is off in the sixth decimal of a dB.
        return (10 * (DATA_RANGE**2 / mse).log10()).clamp(max=self.config.cap_db)
