"""Options of supervised regression. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.errors import UsageError
from zoo.hookspec import Contract


@dataclass(frozen=True, kw_only=True)
class RegressionConfig:
    """Loss and optimizer."""

    loss: Literal["l1", "charbonnier", "l1_ms_ssim"] = "l1"
    """Mean absolute difference, its smooth form sqrt(d^2 + epsilon^2), or a weighted sum of L1 and 1 - MS-SSIM."""
    epsilon: float = 1e-3
    """Width of the smooth part of the Charbonnier loss, for images in [-1, 1]."""
    ms_ssim: float = 0.84
    """Weight of 1 - MS-SSIM in `l1_ms_ssim`; L1 has the rest (section III.D of Zhao et al.)."""
    lr: float = 2e-4
    """Adam's learning rate."""
    beta1: float = 0.9
    """Adam's decay of the first moment."""
    beta2: float = 0.999
    """Adam's decay of the second moment."""

    def __post_init__(self) -> None:
        if self.epsilon <= 0:
            raise UsageError(f"regression got epsilon={self.epsilon}", "Choose a number above 0")
        if not 0 <= self.ms_ssim <= 1:
            raise UsageError(f"regression got ms_ssim={self.ms_ssim}", "Choose a weight from 0 to 1")

    def contract(self) -> Contract:
        """Return what the method needs; MS-SSIM needs an image that holds its window of 11 pixels."""
        return Contract(
            uses=("generator",), needs=frozenset({"pairs"}), min_size=11 if self.loss == "l1_ms_ssim" else 1
        )
