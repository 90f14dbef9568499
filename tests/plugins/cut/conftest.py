"""CUT with networks of one or two layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from method_parts import TinyParts
from torch import Tensor, nn

from zoo.contracts import Generator
from zoo.recipe import Budget
from zoo.training.step import TrainStep
from zoo_plugins.cut.config import CUTConfig
from zoo_plugins.cut.method import CUT

SEED = 11
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
class CUTParts(TinyParts):
    """Parts with the generator that `make` builds."""

    make: Callable[[int, int], Generator] = TinyGenerator
    rng: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(SEED))

    def generator(self, *, in_channels: int, out_channels: int) -> Generator:
        return self.make(in_channels, out_channels)


def build(config: CUTConfig, parts: CUTParts | None = None) -> CUT:
    torch.manual_seed(0)
    parts = parts or CUTParts()
    method = CUT(config, parts)
    method.prepare_training(parts)
    return method.double()


def train_step_of(method: CUT) -> TrainStep:
    return TrainStep(method, budget=Budget(steps=10, constant=1))
