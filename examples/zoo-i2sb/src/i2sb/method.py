"""I2SB on aligned pairs: a network that finds the thermal end of a bridge, and the sampler that walks along it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.contracts import Batch, EmaSpec, Method, OptimizerSpec, Parts, State
from zoo.layers.noise import pixel_noise

from .bridge import between, variance
from .config import I2SBConfig

FIRST = 1e-3
"""Earliest time at which the network is trained: at 0 there is no noise to find."""


class I2SB(Method):
    """A network G of a point of the bridge, the visible image and a time, which finds the scaled distance to the thermal end.

    With s(t) the noise's variance up to t, x_0 the thermal and x_1 the visible image, x_t is drawn between both (Eq. 11), and
    G minimises the mean of (G(x_t, visible, t) - (x_t - x_0) / sqrt(s(t)))^2 (Eq. 12). A translation starts at the visible
    image, in grey unless thermal images have three channels.
    """

    order = ("generator",)
    inference = ("generator",)

    def __init__(self, config: I2SBConfig, parts: Parts) -> None:
        super().__init__()
        self.config, self.rng, self.channels = config, parts.rng, parts.thermal_channels
        self.generator = parts.generator(
            in_channels=parts.thermal_channels + parts.visible_channels, out_channels=parts.thermal_channels
        )
        self.ema = EmaSpec(decay=config.ema) if config.ema else None

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return the network."""
        return {"generator": [self.generator]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return AdamW with the norm of the gradient at most 1."""
        return OptimizerSpec(kind="adamw", lr=self.config.lr, betas=(0.9, 0.999), clip_norm=1.0)

    def forward(self, batch: Batch) -> State:
        """Find the distance at a random point of each pair's bridge."""
        thermal = batch["thermal"]
        noise = torch.randn(thermal.shape, generator=self.rng, device=thermal.device)
        time = FIRST + (1 - FIRST) * torch.rand(len(thermal), generator=self.rng, device=thermal.device)
        before, whole = self._variance(time), self._variance(torch.ones_like(time))
        mean, spread = between(thermal, self._end(batch), before, whole - before)
        x = mean + spread.sqrt() * noise
        return {"distance": self._distance(x, time, batch), "wanted": (x - thermal) / before.sqrt()}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the mean squared error of the distance."""
        return {"bridge": (state["distance"] - state["wanted"]).square().mean()}

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1]; the noise is a function of the seed, the step and a pixel's place."""
        x, steps = self._end(batch), self.config.steps
        for step in range(steps, 0, -1):
            time = x.new_full((len(x),), step / steps)
            now, later = self._variance(time), self._variance(time - 1 / steps)
            thermal = (x - now.sqrt() * self._distance(x, time, batch)).clamp(-1, 1)
            x, spread = between(thermal, x, later, now - later)
            if self.config.sampler == "posterior" and step > 1:
                x = x + spread.sqrt() * self._noise(x, step, batch)
        return x.clamp(-1, 1)

    def _end(self, batch: Batch) -> Tensor:
        """Return the visible end of the bridge, with as many channels as thermal images have."""
        visible: Tensor = batch["visible"]
        return visible if self.channels == visible.shape[1] else visible.mean(dim=1, keepdim=True)

    def _variance(self, time: Tensor) -> Tensor:
        """Return the noise's variance up to times [N], [N, 1, 1, 1]."""
        return variance(time.clamp(min=0), self.config.low, self.config.high)[:, None, None, None]

    def _noise(self, x: Tensor, step: int, batch: Batch) -> Tensor:
        shape = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        return pixel_noise(shape, seed=self.config.seed, draw=step, origin=batch.get("origin"), device=x.device)

    def _distance(self, x: Tensor, time: Tensor, batch: Batch) -> Tensor:
        distance: Tensor = self.generator(torch.cat((x, batch["visible"]), dim=1), time=time)
        return distance
