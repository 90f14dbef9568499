"""The gradient penalty against finite differences in float64, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from zoo_plugins.normalizers import zoo_components
from zoo_plugins.normalizers.config import GradientPenaltyConfig
from zoo_plugins.normalizers.simple import GradientPenalty

SIZE, STEP = 10, 1e-5


def critic() -> nn.Sequential:
    """A smooth critic [N, 1, 10, 10] -> [N, 1, 2, 2] in float64."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 4, 2, 1), nn.Tanh(), nn.InstanceNorm2d(4), nn.Conv2d(4, 1, 4, 1, 0)]
    return nn.Sequential(*layers).double()


def pair(n: int = 3) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    return tuple(torch.rand(n, 1, SIZE, SIZE, dtype=torch.float64, generator=rng) * 2 - 1 for _ in range(2))


def drawn(net: nn.Module, real: Tensor, fake: Tensor, **options: object) -> Tensor:
    torch.manual_seed(7)
    return GradientPenalty(GradientPenaltyConfig(**options)).penalty(net, real, fake)


@torch.no_grad()
def by_differences(net: nn.Module, real: Tensor, fake: Tensor, *, weight: float = 10.0, reading: str = "mean") -> float:
    """The same from the definition: one pixel moved at a time, one sample after the other."""
    torch.manual_seed(7)
    alphas = torch.rand(len(real), 1, 1, 1, dtype=torch.float64).flatten()
    terms = []
    for alpha, r, f in zip(alphas, real, fake, strict=True):
        moves = STEP * torch.eye(SIZE * SIZE, dtype=torch.float64).view(-1, 1, SIZE, SIZE)
        x = alpha * r + (1 - alpha) * f
        ahead, behind = (net(x + sign * moves).flatten(1) for sign in (1, -1))
        ahead, behind = (ahead.mean(1), behind.mean(1)) if reading == "mean" else (ahead.sum(1), behind.sum(1))
        gradient = ((ahead - behind) / (2 * STEP)).numpy()
        terms.append((np.sqrt(np.square(gradient).sum()) - 1) ** 2)
    return weight * float(np.mean(terms))


@pytest.mark.parametrize("options", [{}, {"reading": "sum"}, {"weight": 0.5}])
def test_value_is_the_mean_squared_distance_of_the_gradient_norms_from_one(options: dict[str, object]) -> None:
    net, (real, fake) = critic(), pair()
    value = drawn(net, real, fake, **options)
    assert value.ndim == 0
    assert value.item() == pytest.approx(by_differences(net, real, fake, **options), rel=1e-7)


def test_gradient_for_the_weights_is_that_of_finite_differences() -> None:
    net, (real, fake) = critic(), pair()
    drawn(net, real, fake).backward()
    for parameter in (net[0].weight, net[0].bias, net[3].weight):
        direction = torch.randn(parameter.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            parameter.add_(direction, alpha=STEP)
            above = drawn(net, real, fake)
            parameter.sub_(direction, alpha=2 * STEP)
            below = drawn(net, real, fake)
            parameter.add_(direction, alpha=STEP)
        assert parameter.grad is not None
        expected = (above - below) / (2 * STEP)
        torch.testing.assert_close((parameter.grad * direction).sum(), expected.detach(), rtol=1e-6, atol=1e-8)


def test_a_linear_critic_of_unit_gradient_costs_nothing() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 1)).double()
    with torch.no_grad():
        net[1].weight.div_(net[1].weight.norm())
    assert drawn(net, *pair()).item() == pytest.approx(0.0, abs=1e-20)
    with torch.no_grad():
        net[1].weight.mul_(3)
    assert drawn(net, *pair()).item() == pytest.approx(10 * (3 - 1) ** 2)


def test_every_call_draws_new_mixtures_and_a_restored_stream_the_same() -> None:
    net, (real, fake), gp = critic(), pair(), GradientPenalty(GradientPenaltyConfig())
    torch.manual_seed(3)
    gp.penalty(net, real, fake)
    state = torch.get_rng_state()
    second, third = gp.penalty(net, real, fake), gp.penalty(net, real, fake)
    torch.set_rng_state(state)
    assert second != third
    assert torch.equal(gp.penalty(net, real, fake), second)


def test_callers_images_and_their_generator_are_left_alone() -> None:
    net, (real, fake) = critic(), pair()
    source = fake.clone().requires_grad_()
    before = real.clone()
    drawn(net, real, 2 * source).backward()
    assert source.grad is None and not real.requires_grad
    assert torch.equal(real, before)


def test_autocast_measures_the_gradient_in_float32() -> None:
    net, (real, fake) = critic().float(), pair()
    exact = drawn(net, real.float(), fake.float())
    with torch.autocast("cpu", torch.bfloat16):
        value = drawn(net, real.float(), fake.bfloat16())
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, exact, rtol=0.05, atol=0.05)


def test_torch_compile_captures_it_whole() -> None:
    net, (real, fake), gp = critic(), pair(), GradientPenalty(GradientPenaltyConfig())

    def penalty() -> Tensor:
        torch.manual_seed(7)
        return gp.penalty(net, real, fake)

    eager = penalty()
    compiled = torch.compile(gp.penalty, backend="aot_eager", fullgraph=True)
    torch.manual_seed(7)
    traced = compiled(net, real, fake)
    torch.testing.assert_close(traced, eager)
    weights = [net[0].weight, net[3].weight]
    torch.testing.assert_close(torch.autograd.grad(traced, weights), torch.autograd.grad(eager, weights))


def test_row_asks_for_a_critic_whose_samples_have_gradients_of_their_own() -> None:
    contract = {row.name: row.contract for row in zoo_components()}["gp"]
    assert contract.needs == {"double_backward", "independent_samples"}
    assert {"norm": "none", "minibatch_std": False}.items() <= contract.defaults["discriminator"].items()
