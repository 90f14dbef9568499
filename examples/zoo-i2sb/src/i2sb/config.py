"""Options of the method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.errors import UsageError
from zoo.hookspec import inference_only
from zoo.limits import Positive


@dataclass(frozen=True, kw_only=True)
class I2SBConfig:
    """The bridge, optimizer, averaged weights, and the sampler."""

    low: float = 0.1
    """Rate of the noise at both ends of the bridge."""
    high: float = 0.3
    """Rate of the noise in its middle; the root of the rate is linear between both."""
    lr: float = 2e-4
    """AdamW's learning rate."""
    ema: float = 0.999
    """Decay of the averaged weights, which translate; 0: none."""
    # What only a translation reads is marked: other values need no other training.
    steps: Positive = inference_only(10)
    """Steps of the sampler, with one pass of the network each."""
    sampler: Literal["posterior", "ode"] = inference_only("posterior")
    """Draw each point from its posterior, or take the posterior's mean, which is the optimal transport ODE of the paper."""
    seed: int = inference_only(0)
    """Of the sampler's noise."""

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high:
            raise UsageError(f"i2sb got low={self.low} and high={self.high}", "Use rates above 0, the lower one first")
