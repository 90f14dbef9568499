"""Supervised regression on aligned pairs, and its losses."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from zoo.contracts import Batch, Method, OptimizerSpec, Parts, State
from zoo.layers.conditions import input_channels, stack

from .config import RegressionConfig

WINDOW = 11
"""Pixels of the Gaussian window of SSIM."""
EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales of MS-SSIM, the finest first (Wang et al. 2003)."""


class Regression(Method):
    """A generator G from what it reads, x, to thermal images y, which minimises a pixel loss of G(x) against y alone."""

    order = ("generator",)
    inference = ("G",)

    def __init__(self, config: RegressionConfig, parts: Parts) -> None:
        super().__init__()
        self.config = config
        self.reads, self.classes, self.thermal_range = parts.reads, len(parts.classes), parts.thermal_range
        self.G = parts.generator(in_channels=input_channels(parts), out_channels=parts.thermal_channels)

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return the generator."""
        return {"generator": [self.G]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return the generator's Adam."""
        return OptimizerSpec(lr=self.config.lr, betas=(self.config.beta1, self.config.beta2))

    def forward(self, batch: Batch) -> State:
        """Translate the batch."""
        return {"y": batch["thermal"], "fake": self.translate(batch)}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of the loss."""
        fake, real, config = state["fake"], state["y"], self.config
        if config.loss == "charbonnier":
            return {"charbonnier": charbonnier(fake, real, config.epsilon)}
        l1 = F.l1_loss(fake, real)
        if config.loss == "l1":
            return {"l1": l1}
        return {"l1": (1 - config.ms_ssim) * l1, "ms_ssim": config.ms_ssim * (1 - ms_ssim(fake, real))}

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] for all that the generator reads."""
        thermal: Tensor = self.G(stack(batch, self.reads, self.classes, self.thermal_range))
        return thermal


def charbonnier(fake: Tensor, real: Tensor, epsilon: float) -> Tensor:
    """Return the mean of sqrt(d^2 + epsilon^2) - epsilon of the differences d, a scalar (Charbonnier et al., ICIP 1994)."""
    return ((fake - real).square() + epsilon**2).sqrt().mean() - epsilon


def ms_ssim(fake: Tensor, real: Tensor) -> Tensor:
    """Return the mean MS-SSIM of images [N, C, H, W] in [-1, 1], a scalar; small images have fewer scales."""
    scales = EXPONENTS[: _scales(min(real.shape[-2:]))]
    exponents = tuple(exponent / sum(scales) for exponent in scales)
    value: Tensor = multiscale_structural_similarity_index_measure(
        (fake + 1) / 2, (real + 1) / 2, kernel_size=WINDOW, data_range=1.0, betas=exponents, normalize="relu"
    )
    return value


def _scales(side: int) -> int:
    """Return the number of scales whose coarsest image holds the window; torchmetrics asks for more pixels at four scales."""
    return max(n for n in range(1, len(EXPONENTS) + 1) if n == 1 or side // max(2 ** (n - 1), (n - 1) ** 2) >= WINDOW)
