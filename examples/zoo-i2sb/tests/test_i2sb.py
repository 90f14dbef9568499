"""The checks of every method, and tests of the bridge against integrals, samples and a known network."""

from __future__ import annotations

import pytest
import torch
from i2sb.bridge import between, variance
from i2sb.config import I2SBConfig
from i2sb.method import I2SB
from scipy.integrate import quad
from torch import Tensor, nn

import zoo.testing

LOW, HIGH = 0.1, 0.3


class TestI2SB(zoo.testing.ComponentTests):
    plugin = "i2sb"


def rate(time: float) -> float:
    return (LOW**0.5 + (HIGH**0.5 - LOW**0.5) * (1 - abs(2 * time - 1))) ** 2


@pytest.mark.parametrize("time", [0.0, 0.1, 0.5, 0.7, 1.0])
def test_the_variance_is_the_integral_of_the_rate(time: float) -> None:
    found = float(variance(torch.tensor([time], dtype=torch.float64), LOW, HIGH))
    assert found == pytest.approx(quad(rate, 0, time, points=[0.5])[0], abs=1e-12)


def test_a_point_between_two_is_that_of_a_conditioned_random_walk() -> None:
    stream = torch.Generator().manual_seed(0)
    steps = torch.randn(2, 1_000_000, generator=stream, dtype=torch.float64) * torch.tensor([[0.6], [0.8]]).double()
    middle, end = 0.25 + steps[0], 0.25 + steps.sum(dim=0)
    near = middle[(end - 1).abs() < 0.01]  # the walks that end at 1
    start, last, before, behind = (torch.tensor(value) for value in (0.25, 1.0, 0.36, 0.64))
    mean, spread = between(start, last, before, behind)
    assert float(near.mean()) == pytest.approx(float(mean), abs=0.02)
    assert float(near.var()) == pytest.approx(float(spread), abs=0.02)


class Known(nn.Module):
    """A network that has seen the thermal image."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = image

    def forward(self, x: Tensor, *, time: Tensor) -> Tensor:
        return (x[:, :1] - self.image) / variance(time, LOW, HIGH).sqrt()[:, None, None, None]


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("sampler", ["posterior", "ode"])
def test_the_sampler_ends_at_the_image_that_the_network_finds(steps: int, sampler: str) -> None:
    method = I2SB(I2SBConfig(steps=steps, sampler=sampler), zoo.testing.small_parts(size=32, timed=True))
    image = torch.rand(2, 1, 32, 32) * 1.8 - 0.9
    method.generator = Known(image)
    visible = torch.rand(2, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(method.translate({"visible": visible}), image, atol=1e-5, rtol=0)


def test_a_network_that_has_seen_the_thermal_image_has_no_loss() -> None:
    method = I2SB(I2SBConfig(), zoo.testing.small_parts(size=32, timed=True))
    batch = zoo.testing.scenes_batch(32)
    method.generator = Known(batch["thermal"])
    assert float(method.losses("generator", method.forward(batch))["bridge"]) == pytest.approx(0, abs=1e-6)
