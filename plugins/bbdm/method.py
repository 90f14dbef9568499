"""BBDM in pixel space on aligned pairs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Batch, EmaSpec, Method, OptimizerSpec, Parts, Schedule, State
from zoo.layers.conditions import input_channels, stack
from zoo.layers.noise import pixel_noise
from zoo.layers.pixels import luma

from .bridge import recovered, reverse, share, target, timesteps, variance
from .config import TIMESTEPS, BBDMConfig


class BBDM(Method):
    """A network of a point x_t of the bridge, its time and the visible image, which learns the way back to the thermal image.

    x_t = (1 - m_t) x_0 + m_t y + sqrt(d_t) eps, with thermal x_0 and y the visible image in grey, or in colour where thermal
    images have three channels. `zoo_plugins.bbdm.bridge` has the equations.
    """

    order = ("generator",)
    inference = ("G",)

    def __init__(self, config: BBDMConfig, parts: Parts) -> None:
        super().__init__()
        self.config, self.rng, self.channels = config, parts.rng, parts.thermal_channels
        self.reads, self.classes, self.thermal_range = parts.reads, len(parts.classes), parts.thermal_range
        self.G = parts.generator(in_channels=self.channels + input_channels(parts), out_channels=self.channels)
        self.ema = EmaSpec(decay=config.ema) if config.ema else None

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return the network."""
        return {"generator": [self.G]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return Adam with a warm-up."""
        schedule = Schedule(kind=self.config.schedule, warmup=self.config.warmup)
        return OptimizerSpec(lr=self.config.lr, betas=(0.9, 0.999), schedule=schedule)

    def forward(self, batch: Batch) -> State:
        """Return the network's output at a random step of each pair's bridge, and what it should be."""
        x0, y, config = batch["thermal"], self._start(batch), self.config
        drawn = {"generator": self.rng, "device": x0.device}
        t = torch.randint(TIMESTEPS, (len(x0),), **drawn)
        noise = torch.randn(x0.shape, **drawn)
        m = share(t.to(x0.dtype))[:, None, None, None]
        d = variance(m, config.max_variance)
        x = (1 - m) * x0 + m * y + d.sqrt() * noise
        output = self._output(x, t / TIMESTEPS, self._condition(batch))
        return {"output": output, "target": target(config.target, x0, y, noise, m, d)}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the mean error of the target."""
        error = F.l1_loss if self.config.loss == "l1" else F.mse_loss
        return {"bridge": error(state["output"], state["target"])}

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1], the mean of `samples`."""
        return torch.stack([self._sample(batch, number) for number in range(self.config.samples)]).mean(dim=0)

    def spread(self, batch: Batch) -> Tensor | None:
        """Return the standard deviation of several samples [N, C, H, W]; None for one sample."""
        if self.config.samples == 1:
            return None
        return torch.stack([self._sample(batch, number) for number in range(self.config.samples)]).std(dim=0)

    def _start(self, batch: Batch) -> Tensor:
        """Return the end of the bridge with as many channels as thermal images have, [N, C, H, W]."""
        visible: Tensor = batch["visible"]
        return luma(visible) if self.channels == 1 else visible

    def _condition(self, batch: Batch) -> Tensor:
        return stack(batch, self.reads, self.classes, self.thermal_range)

    def _output(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        output: Tensor = self.G(torch.cat((x.to(condition.dtype), condition), dim=1), time=time)
        return output

    def _sample(self, batch: Batch, number: int) -> Tensor:
        """Return the thermal image at the end of one path from the visible one."""
        config, condition = self.config, self._condition(batch)
        y = self._start(batch).float()
        steps = timesteps(config.steps)

        def noise(step: int) -> Tensor:
            draw = number * (TIMESTEPS + 1) + step
            shape = (y.shape[0], y.shape[1], y.shape[2], y.shape[3])
            return pixel_noise(shape, seed=config.seed, draw=draw, origin=batch.get("origin"), device=y.device)

        x = x0 = y
        if config.eta < 1:  # the steps add less noise than the network was trained at, so the start has its share
            x = y + variance(share(float(steps[0])), config.max_variance) ** 0.5 * noise(TIMESTEPS)
        for index, t in enumerate(steps):
            m = share(float(t))
            output = self._output(x, x.new_full((len(x),), t / TIMESTEPS), condition).to(x.dtype)
            x0 = recovered(config.target, output, x, y, m, variance(m, config.max_variance))
            x0 = x0.clamp(-1, 1) if config.clip else x0
            if index + 1 < len(steps):
                drawn = noise(index) if config.eta else 0.0
                to, width = steps[index + 1], config.max_variance
                x = reverse(x, x0, y, drawn, t=t, to=to, eta=config.eta, max_variance=width)
        return x0.clamp(-1, 1)
