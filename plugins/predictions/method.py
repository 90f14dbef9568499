"""Translation by another program: its images stand in the batch."""

from __future__ import annotations

from torch import Tensor

from zoo.contracts import Batch, Method, Parts

from .config import PredictionsConfig


class Predictions(Method):
    """The images that another program translated, in every thermal channel."""

    def __init__(self, config: PredictionsConfig, parts: Parts) -> None:
        super().__init__()
        self.thermal_channels = parts.thermal_channels

    def translate(self, batch: Batch) -> Tensor:
        """Return the batch's `prediction` [N, 1, H, W], in [-1, 1], as [N, C, H, W]."""
        prediction: Tensor = batch["prediction"]
        return prediction.expand(-1, self.thermal_channels, -1, -1)
