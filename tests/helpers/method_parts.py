"""What tests of methods share: parts with networks of one or two layers, batches, and Adam and a penalty as equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from zoo.contracts import Normalizer

SIZE = 6


@dataclass
class TinyParts:
    """Parts as a recipe would give them, with networks of one or two layers; tests of a method replace what it reads."""

    visible_channels: int = 3
    thermal_channels: int = 1
    size: int = SIZE
    batch: int = 2
    classes: tuple[str, ...] = ()
    class_temperatures: tuple[float, ...] = ()
    thermal_range: tuple[float, float] | None = None
    reads: tuple[str, ...] = ("visible",)
    normalizer: Normalizer = field(default_factory=Normalizer)
    rng: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(1))

    def generator(self, *, in_channels: int, out_channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(in_channels, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, out_channels, 1), nn.Tanh()
        )

    def discriminator(self, *, in_channels: int) -> nn.Module:
        return self.normalizer.wrap(nn.Sequential(nn.Conv2d(in_channels, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 1)))


class Penalty(Normalizer):
    """A penalty and a clip that are easy to write down."""

    def penalty(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        return 3 * (discriminator(real) * discriminator(fake)).mean().square()

    def after_step(self, discriminator: nn.Module) -> None:
        for parameter in discriminator.parameters():
            parameter.data.clamp_(-0.2, 0.2)


class PlainAdam:
    """Kingma & Ba 2015, Algorithm 1."""

    def __init__(self, *modules: nn.Module, lr: float, beta1: float = 0.5, beta2: float = 0.999) -> None:
        self.weights = [p for module in modules for p in module.parameters()]
        self.m = [torch.zeros_like(p) for p in self.weights]
        self.v = [torch.zeros_like(p) for p in self.weights]
        self.lr, self.beta1, self.beta2, self.t = lr, beta1, beta2, 0

    def minimize(self, loss: Tensor, factor: float = 1.0) -> None:
        """Step along the gradients of a loss, at `factor` times the learning rate."""
        self.step(torch.autograd.grad(loss, self.weights), factor)

    def step(self, gradients: Sequence[Tensor], factor: float = 1.0) -> None:
        self.t += 1
        for p, m, v, g in zip(self.weights, self.m, self.v, gradients, strict=True):
            m.copy_(self.beta1 * m + (1 - self.beta1) * g)
            v.copy_(self.beta2 * v + (1 - self.beta2) * g * g)
            m_hat, v_hat = m / (1 - self.beta1**self.t), v / (1 - self.beta2**self.t)
            p.data -= self.lr * factor * m_hat / (v_hat.sqrt() + 1e-8)


def batches(count: int, visible: int = 3, thermal: int = 1, size: int = SIZE) -> list[dict[str, Tensor]]:
    """Return batches of two pairs, float64 in [-1, 1], always the same."""
    stream = torch.Generator().manual_seed(5)
    shapes = {"visible": (2, visible, size, size), "thermal": (2, thermal, size, size)}
    return [
        {name: torch.rand(shape, generator=stream, dtype=torch.float64) * 2 - 1 for name, shape in shapes.items()}
        for _ in range(count)
    ]
