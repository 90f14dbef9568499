"""`zoo check` of correct methods that draw random numbers in training."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.choices import Choice
from zoo.contracts import Batch, Method, OptimizerSpec, Parts, State
from zoo.hookspec import Component
from zoo.plugins import Plugin
from zoo.testing.checks import CheckError
from zoo.testing.methods import learns


@dataclass(frozen=True, kw_only=True)
class FlowConfig:
    """Options of the flow."""

    skip: int = 0
    """Draws passed over first, so that every value trains at another noise and time."""
    lr: float = 1e-3
    faulty: bool = False
    """The gradient's sign is wrong: a fault that the check must see."""


class Flow(Method):
    """Conditional flow matching: from noise z and a time t the network predicts thermal - z at (1 - t) z + t thermal."""

    order = ("generator",)
    inference = ("network",)

    def __init__(self, config: FlowConfig, parts: Parts) -> None:
        super().__init__()
        self.config, self.rng = config, parts.rng
        torch.rand(config.skip, generator=parts.rng)
        self.network = nn.Conv2d(
            parts.visible_channels + 2 * parts.thermal_channels, parts.thermal_channels, 3, padding=1
        )

    def networks(self) -> dict[str, list[nn.Module]]:
        return {"generator": [self.network]}

    def optimizer(self, name: str) -> OptimizerSpec:
        return OptimizerSpec(lr=self.config.lr, betas=(0.9, 0.999))

    def forward(self, batch: Batch) -> State:
        thermal = batch["thermal"]
        noise = torch.randn(thermal.shape, generator=self.rng)
        time = torch.rand((len(thermal), 1, 1, 1), generator=self.rng)
        between = (1 - time) * noise + time * thermal
        shown = torch.cat((batch["visible"], between, time.expand_as(thermal)), 1)
        return {"velocity": self.network(shown), "wanted": thermal - noise, "time": time}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        # The usual weight of late times makes the loss itself depend on the draw far more than on a step.
        weight = 1 / (1.05 - state["time"])
        error = (weight * (state["velocity"] - state["wanted"]).square()).mean()
        # Twice the value without its gradient, minus the value with it: the same loss, uphill.
        return {"flow": 2 * error.detach() - error if self.config.faulty else error}

    def translate(self, batch: Batch) -> Tensor:
        return batch["visible"].mean(1, keepdim=True)


def chosen(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Choice:
    module = types.ModuleType("tiny_flow")
    module.Flow = Flow
    monkeypatch.setitem(sys.modules, "tiny_flow", module)
    row = Component(kind="method", name="flow", target="tiny_flow:Flow", config=FlowConfig(**options), summary="a flow")
    plugin = Plugin(name="flow", distribution="flow", version=version("thermal-zoo"), module="tiny_flow")
    return Choice(plugin=plugin, component=row, config=row.config)


@pytest.mark.parametrize("skip", range(20))
def test_a_method_that_draws_from_its_own_stream_learns_whatever_it_draws(skip, monkeypatch):
    assert learns(chosen(monkeypatch, skip=skip)).startswith("generator ")


@pytest.mark.parametrize("options", [{"lr": 0.0}, {"faulty": True}])
def test_a_method_whose_loss_does_not_fall_at_its_own_draws_fails(options, monkeypatch):
    with pytest.raises(CheckError, match="to lower its loss on one batch"):
        learns(chosen(monkeypatch, **options))
