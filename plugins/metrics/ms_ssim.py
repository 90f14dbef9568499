"""Structural similarity over several scales."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import MSSSIMConfig, SSIMConfig
from .pairs import PairMetric
from .ssim import SSIM, torchmetrics_ssim


class MSSSIM(PairMetric):
    """Multi-scale SSIM (Wang et al. 2003, Eq. 7): contrast and structure at every scale, luminance at the coarsest.

    Windows lie within the image. A scale is the mean of the finer one's 2x2 blocks; at odd sides the last block is smaller,
    as in the paper's code. A negative mean of contrast and structure counts as zero, since its power is not real.
    torchmetrics computes the terms of one scale; its own product over scales reflects the coarsest image at its edges.
    """

    name: ClassVar[str] = "ms_ssim"
    higher_is_better: ClassVar[bool] = True

    def __init__(self, config: MSSSIMConfig) -> None:
        self.config = config
        self.min_size = config.min_size
        window = SSIMConfig(border="valid")
        self.terms = torchmetrics_ssim(window)
        self.coarsest = SSIM(window)

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return self.coarsest.protocol() | {"exponents": list(self.config.exponents), "negative": "as zero"}

    def values(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the MS-SSIM of each image in [0, 1]."""
        *finer, last = self.config.exponents
        product = torch.ones(len(real), dtype=torch.float64, device=real.device)
        for exponent in finer:
            _, contrast_structure = self.terms(translated, real, return_contrast_sensitivity=True)
            product *= contrast_structure.relu() ** exponent
            translated, real = (F.avg_pool2d(image, 2, ceil_mode=True) for image in (translated, real))
        return product * self.coarsest.values(translated, real).relu() ** last
