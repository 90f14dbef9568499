"""Conditional flow matching on aligned pairs, and its sampler."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.contracts import Batch, EmaSpec, Method, OptimizerSpec, Parts, Schedule, State
from zoo.layers.conditions import input_channels, stack
from zoo.layers.noise import pixel_noise

from .config import FlowConfig

Field = Callable[[Tensor, float], Tensor]
"""A velocity of points [N, C, H, W] at a time."""


class Flow(Method):
    """A network v of a point, a time t and the visible image, trained on the velocity of straight lines.

    With thermal y, noise z from N(0, 1) and x_t = t y + (1 - t) z, v minimises the mean of (v(x_t, t, visible) - (y - z))^2;
    dx/dt = v carries noise at t = 0 to an image at t = 1. The image is concatenated to the point and never left out.
    """

    order = ("generator",)
    inference = ("G",)

    def __init__(self, config: FlowConfig, parts: Parts) -> None:
        super().__init__()
        self.config, self.rng, self.channels = config, parts.rng, parts.thermal_channels
        self.reads, self.classes, self.thermal_range = parts.reads, len(parts.classes), parts.thermal_range
        self.G = parts.generator(in_channels=self.channels + input_channels(parts), out_channels=self.channels)
        self.ema = EmaSpec(decay=config.ema) if config.ema else None

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return the network."""
        return {"generator": [self.G]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return AdamW with a warm-up and then a constant rate."""
        config = self.config
        return OptimizerSpec(
            kind="adamw",
            lr=config.lr,
            betas=(0.9, 0.999),
            weight_decay=config.weight_decay,
            clip_norm=config.clip_norm,
            schedule=Schedule(kind="constant", warmup=config.warmup),
        )

    def forward(self, batch: Batch) -> State:
        """Return the network's velocity at a random time of each pair's line, and the line's own."""
        image = batch["thermal"]
        drawn = {"generator": self.rng, "device": image.device}
        noise = torch.randn(image.shape, **drawn)
        time = (
            torch.rand(len(image), **drawn)
            if self.config.time == "uniform"
            else torch.randn(len(image), **drawn).sigmoid()
        )
        share = time[:, None, None, None]
        velocity = self._velocity(share * image + (1 - share) * noise, time, self._condition(batch))
        return {"velocity": velocity, "line": image - noise}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the mean squared error of the velocity."""
        return {"flow": (state["velocity"] - state["line"]).square().mean()}

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1], the mean of `samples`."""
        return torch.stack([self._sample(batch, number) for number in range(self.config.samples)]).mean(dim=0)

    def spread(self, batch: Batch) -> Tensor | None:
        """Return the standard deviation of several samples [N, C, H, W]; None for one sample."""
        if self.config.samples == 1:
            return None
        return torch.stack([self._sample(batch, number) for number in range(self.config.samples)]).std(dim=0)

    def _condition(self, batch: Batch) -> Tensor:
        return stack(batch, self.reads, self.classes, self.thermal_range)

    def _velocity(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        velocity: Tensor = self.G(torch.cat((x.to(condition.dtype), condition), dim=1), time=time)
        return velocity

    def _sample(self, batch: Batch, number: int) -> Tensor:
        """Return the image of one noise; only the result is clipped."""
        condition = self._condition(batch)
        count, _, height, width = condition.shape
        shape = (count, self.channels, height, width)
        noise = pixel_noise(
            shape, seed=self.config.seed, draw=number, origin=batch.get("origin"), device=condition.device
        )

        def field(x: Tensor, time: float) -> Tensor:
            return self._velocity(x, x.new_full((count,), time), condition).to(x.dtype)

        return integrate(field, noise, steps=self.config.steps, sampler=self.config.sampler).clamp(-1, 1)


def integrate(field: Field, x: Tensor, *, steps: int, sampler: str) -> Tensor:
    """Return the solution at t = 1 of dx/dt = field(x, t) from x at t = 0, on a uniform grid.

    `euler` evaluates the field once in a step; `heun` twice, with the mean of both, except in the last step, which is Euler's:
    the velocity of a line is not defined at its end.
    """
    for step in range(steps):
        time, end = step / steps, (step + 1) / steps
        velocity = field(x, time)
        moved = x + velocity / steps
        if sampler == "heun" and step < steps - 1:
            moved = x + (velocity + field(moved, end)) / (2 * steps)
        x = moved
    return x
