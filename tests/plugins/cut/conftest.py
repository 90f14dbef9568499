"""CUT with networks of one or two layers, and batches for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from zoo.contracts import Generator, Normalizer
from zoo.recipe import Budget
from zoo.training.step import TrainStep
from zoo_plugins.cut.config import CUTConfig
from zoo_plugins.cut.method import CUT

SIZE, SEED = 6, 11
FASTCUT = CUTConfig(nce=10.0, identity=False, flip=True)


class TinyGenerator(Generator):
    """Two convolutions; its taps are the image, the first convolution and its activation."""

    tap_layers = (0, 1, 2)

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3) -> None:
        super().__init__()
        first = nn.Conv2d(in_channels, 4, kernel, padding=kernel // 2)
        self.model = nn.Sequential(nn.Identity(), first, nn.ReLU(), nn.Conv2d(4, out_channels, 1), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)

    def taps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        if max(layers) > 4:
            raise ValueError("the network has 0 to 4")
        return [self.model[: layer + 1](x) for layer in layers]


@dataclass
class TinyParts:
    """Parts with networks of one or two layers, or with the generator that `make` builds."""

    make: Callable[[int, int], Generator] = TinyGenerator
    visible_channels: int = 3
    thermal_channels: int = 1
    size: int = SIZE
    batch: int = 2
    classes: tuple[str, ...] = ()
    class_temperatures: tuple[float, ...] = ()
    thermal_range: tuple[float, float] | None = None
    reads: tuple[str, ...] = ("visible",)
    normalizer: Normalizer = field(default_factory=Normalizer)
    rng: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(SEED))

    def generator(self, *, in_channels: int, out_channels: int) -> Generator:
        return self.make(in_channels, out_channels)

    def discriminator(self, *, in_channels: int) -> nn.Module:
        return self.normalizer.wrap(nn.Sequential(nn.Conv2d(in_channels, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 1)))


def build(config: CUTConfig, parts: TinyParts | None = None) -> CUT:
    torch.manual_seed(0)
    parts = parts or TinyParts()
    method = CUT(config, parts)
    method.prepare_training(parts)
    return method.double()


def train_step_of(method: CUT) -> TrainStep:
    return TrainStep(method, budget=Budget(steps=10, constant=1))


def batches(count: int, thermal: int = 1, size: int = SIZE) -> list[dict[str, Tensor]]:
    stream = torch.Generator().manual_seed(5)
    shapes = {"visible": (2, 3, size, size), "thermal": (2, thermal, size, size)}
    return [
        {name: torch.rand(shape, generator=stream, dtype=torch.float64) * 2 - 1 for name, shape in shapes.items()}
        for _ in range(count)
    ]
