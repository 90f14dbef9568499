"""Options of supervised regression. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.hookspec import Contract
from zoo.limits import AboveZero, Decay, NotNegative, Share


@dataclass(frozen=True, kw_only=True)
class RegressionConfig:
    """Loss and optimizer."""

    loss: Literal["l1", "charbonnier", "l1_ms_ssim"] = "l1"
    """Mean absolute difference, its smooth form sqrt(d^2 + epsilon^2), or a weighted sum of L1 and 1 - MS-SSIM."""
    epsilon: AboveZero = 1e-3
    """Width of the smooth part of the Charbonnier loss, for images in [-1, 1]."""
    ms_ssim: Share = 0.84
    """Weight of 1 - MS-SSIM in `l1_ms_ssim`; L1 has the rest (section III.D of Zhao et al.)."""
    lr: NotNegative = 2e-4
    """Adam's learning rate."""
    beta1: Decay = 0.9
    """Adam's decay of the first moment."""
    beta2: Decay = 0.999
    """Adam's decay of the second moment."""

    def contract(self) -> Contract:
        """Return what the method needs; MS-SSIM needs an image that holds its window of 11 pixels."""
        return Contract(
            uses=("generator",), needs=frozenset({"pairs"}), min_size=11 if self.loss == "l1_ms_ssim" else 1
        )
