"""The cost of a translation, against counts made by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoo.contracts import Batch, Method
from zoo.evaluate.cost import REPEATS, LiveBytes, count_passes, measure_cost

SIDE = 16
CPU = torch.device("cpu")


class Iterated(Method):
    """Two networks in a container, of which one is applied several times, and one that does not translate."""

    inference = ("networks_by_name",)

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        shared = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        body = nn.Sequential(shared, nn.ReLU(), shared)
        self.networks_by_name = nn.ModuleDict({"head": nn.Conv2d(3, 4, 1, bias=False), "body": body})
        self.discriminator = nn.Linear(9, 9)

    def translate(self, batch: Batch) -> torch.Tensor:
        image = self.networks_by_name["head"](batch["visible"])
        for _ in range(self.steps):
            image = self.networks_by_name["body"](image)
        return image[:, :1].tanh()


class Grey(Method):
    def translate(self, batch: Batch) -> torch.Tensor:
        return batch["visible"].mean(dim=1, keepdim=True)


@pytest.fixture
def batch() -> Batch:
    return {"visible": torch.zeros(1, 3, SIDE, SIDE)}


@pytest.mark.parametrize("steps", [1, 5])
def test_passes_operations_and_parameters_of_a_translation(batch, steps):
    cost = measure_cost(Iterated(steps), batch, CPU)
    pixels = SIDE * SIDE
    assert cost.passes == steps  # the shared layer inside of the network is called twice as often
    assert cost.flops == 2 * pixels * (3 * 4 + steps * 2 * 9 * 4 * 4)
    assert cost.parameters == 3 * 4 + 9 * 4 * 4
    assert cost.latency_ms > 0 and 1 <= cost.latency_n <= REPEATS
    assert (cost.batch, cost.size, cost.precision) == (1, SIDE, "fp32") and cost.device


def test_peak_memory_is_that_of_weights_input_and_what_is_alive_at_once(batch):
    few, many = (measure_cost(Iterated(steps), batch, CPU).peak_memory for steps in (2, 50))
    weights, image, features = 4 * (3 * 4 + 9 * 4 * 4), 4 * 3 * SIDE**2, 4 * 4 * SIDE**2
    assert few == many == weights + image + 3 * features  # a body's input, its convolution and its activation


def test_a_method_without_a_network_costs_no_operations(batch):
    cost = measure_cost(Grey(), batch, CPU)
    assert (cost.parameters, cost.flops, cost.passes) == (0, 0, 0)
    assert cost.peak_memory == 4 * (3 + 1) * SIDE**2


def test_images_that_are_not_square_have_both_sides():
    assert measure_cost(Grey(), {"visible": torch.zeros(1, 3, 8, 12)}, CPU).size == (8, 12)


def test_views_take_no_memory_and_freed_tensors_give_theirs_back():
    with LiveBytes([]) as live:
        first = torch.ones(10)
        again = first.view(2, 5).t()[0]
        del first, again
        torch.ones(5)
        torch.ones(6)
    assert live.peak == 40


def test_networks_are_left_without_hooks_also_after_an_error():
    method = Iterated(1)
    with pytest.raises(RuntimeError), count_passes(method) as calls:
        method.translate({"visible": torch.zeros(1, 9, 4, 4)})
    assert list(calls.values()) == [1]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in method.modules())
