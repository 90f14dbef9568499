"""`zoo check` of methods whose partner must have what no stub has, and of networks with further inputs."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.choices import Choice
from zoo.contracts import Batch, Generator, Method, OptimizerSpec, Parts, State
from zoo.hookspec import Component, Contract
from zoo.limits import Positive
from zoo.plugins import Plugin
from zoo.registry import get_registry
from zoo.rows import Rows
from zoo.testing.checks import CHECKS
from zoo.testing.harness import MethodHarness, NetworkHarness
from zoo.testing.running import Case, outcome
from zoo.testing.stubs import partners_of


@dataclass(frozen=True, kw_only=True)
class NetConfig:
    """Options of both networks."""

    in_channels: Positive = 3
    out_channels: Positive = 1
    width: Positive = 8


class Codes(Generator):
    """A network of a further input `style`, in [0, 1], and of images whose sides are multiples of 2."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.enter = nn.Conv2d(config.in_channels, config.width, 2, stride=2)
        self.leave = nn.ConvTranspose2d(config.width, config.out_channels, 2, stride=2)
        self.code = nn.Linear(1, config.width)

    def forward(self, x: Tensor, *, style: Tensor) -> Tensor:
        return 3 * self.leave(torch.sin(self.enter(x) + self.code(style[:, None])[..., None, None]))

    def styles(self) -> Tensor:
        """What the method reads of its partner, which no stub has."""
        return torch.tensor([0.25, 0.75])


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """No options."""


class Styled(Method):
    """Averages over the styles of its partner."""

    order = ("generator",)
    inference = ("G",)

    def __init__(self, config: MethodConfig, parts: Parts) -> None:
        super().__init__()
        self.G = parts.generator(in_channels=3, out_channels=parts.thermal_channels)

    def networks(self) -> dict[str, list[nn.Module]]:
        return {"generator": [self.G]}

    def optimizer(self, name: str) -> OptimizerSpec:
        return OptimizerSpec(lr=1e-3)

    def forward(self, batch: Batch) -> State:
        return {"error": self._mean(batch) - batch["thermal"]}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        return {"l2": state["error"].square().mean()}

    def translate(self, batch: Batch) -> Tensor:
        return self._mean(batch).clamp(-1, 1)

    def _mean(self, batch: Batch) -> Tensor:
        x = batch["visible"]
        return torch.stack([self.G(x, style=style.expand(len(x))) for style in self.G.styles()]).mean(0)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """A plugin that is not installed, with a method and the only generator that it works with."""
    module = types.ModuleType("styled")
    module.Codes, module.Styled = Codes, Styled
    monkeypatch.setitem(sys.modules, "styled", module)
    net = Component(
        kind="generator",
        name="codes",
        target="styled:Codes",
        config=NetConfig(width=64),
        summary="a network with a style",
        contract=Contract(inputs=("style",), size_multiple=2, min_size=2),
        small={"width": 4},
    )
    row = Component(
        kind="method",
        name="styled",
        target="styled:Styled",
        config=MethodConfig(),
        summary="a method with a partner of its own",
        contract=Contract(uses=("generator",), needs=frozenset({"pairs", "style"})),
    )
    rows = Rows(components=(net, row))
    return Plugin(name="styled", distribution="styled", version=version("thermal-zoo"), module="styled", rows=rows)


def chosen(plugin: Plugin, index: int) -> Choice:
    row = plugin.components[index]
    return Choice(plugin=plugin, component=row, config=replace(row.config, **row.small))


@pytest.mark.parametrize("index", [0, 1], ids=["generator", "method"])
def test_a_method_with_a_partner_of_its_own_and_the_partner_pass_every_check(plugin: Plugin, index: int) -> None:
    choice = chosen(plugin, index)
    checks = [check for check in CHECKS if check.applies(choice)]
    failed = {check.name: outcome(Case(plugin=plugin, choice=choice, check=check)) for check in checks}
    assert not [(name, result.text) for name, result in failed.items() if result.status != "passed"]
    assert ("range" in failed) is False


def test_the_partner_is_that_of_the_plugin_with_its_small_options_at_sizes_that_it_takes(plugin: Plugin) -> None:
    partner = partners_of(chosen(plugin, 1))["generator"]
    assert partner.name == "codes" and partner.config.width == 4
    assert MethodHarness(chosen(plugin, 1)).size * 3 // 4 % 2 == 0
    assert NetworkHarness(chosen(plugin, 0)).inputs(torch.zeros(3, 3, 4, 4))["style"].tolist() == [0.25, 0.5, 0.75]


@pytest.mark.parametrize("name", ["flow", "bbdm", "cut", "pix2pixhd", "regression", "cyclegan"])
def test_methods_that_the_stubs_serve_get_no_partner(name: str) -> None:
    assert partners_of(get_registry().find("method", name)) == {}


def test_a_need_that_is_an_entry_of_datasets_gets_no_partner(plugin: Plugin) -> None:
    def needing(*needs: str) -> dict[Any, Choice]:
        row = replace(plugin.components[1], contract=Contract(uses=("generator",), needs=frozenset(needs)))
        return partners_of(Choice(plugin=plugin, component=row, config=row.config))

    assert needing("boxes", "labels", "altitude") == {}
    assert needing("boxes", "style")["generator"].name == "codes"
    assert needing("taps", "time") == {}
