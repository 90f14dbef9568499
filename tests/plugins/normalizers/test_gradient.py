"""Gradient normalization against finite differences in float64 and the papers' bounds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from zoo.errors import UsageError
from zoo_plugins.normalizers import zoo_components
from zoo_plugins.normalizers.config import GradientNormConfig, NoneConfig
from zoo_plugins.normalizers.gradient import GradientNormalizer
from zoo_plugins.normalizers.simple import NoNormalizer


def critic(norm: str = "none", *, width: int = 4, seed: int = 0, strided: int = 2) -> nn.Sequential:
    """A small stack of strided convolutions [N, 1, h, w] -> [N, 1, p, q] in float64."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for _ in range(strided - 1):
        layers += [nn.Conv2d(width, width, 4, 2, 1)]
        layers += [nn.InstanceNorm2d(width)] if norm == "instance" else []
        layers += [nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 2)).double()


def normalized(net: nn.Module, **options: object) -> nn.Module:
    return GradientNormalizer(GradientNormConfig(**options)).wrap(net)


def images(n: int = 2, size: int = 12, contrast: float = 1.0) -> Tensor:
    return 0.3 + contrast * torch.randn(n, 1, size, size, dtype=torch.float64)


def gradient_norms(function: nn.Module, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(function(x).sum(), x)
    return gradient.flatten(1).norm(dim=1)


def differenced_norm(function: nn.Module, x: Tensor, step: float = 1e-6) -> Tensor:
    """The gradient norm of the sum of one image's outputs, by central differences pixel by pixel."""
    steps = step * torch.eye(x.numel(), dtype=x.dtype).view(-1, *x.shape[1:])
    with torch.no_grad():
        difference = (function(x + steps) - function(x - steps)).flatten(1).sum(1) / (2 * step)
    return difference.norm()


@pytest.mark.parametrize("norm", ["none", "instance"])
@pytest.mark.parametrize("reading", ["scalar", "mean", "sum"])
def test_output_is_the_logits_over_their_gradient_norm_and_size(reading: str, norm: str) -> None:
    net, x = critic(norm), images()
    outputs = normalized(net, reading=reading)(x)
    patches = net(x)[0].numel()
    assert patches == 4
    for sample, output in zip(x.split(1), outputs, strict=True):
        f, n = net(sample)[0], differenced_norm(net, sample)
        if reading == "scalar":
            f = f.mean().view(1)
        if reading != "sum":
            n = n / patches
        torch.testing.assert_close(output, f / (n + f.abs()), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("options", [{"zeta": 0.5}, {"squared": True}, {"squared": True, "zeta": 0.5}, {"mix": 0.25}])
def test_options_follow_their_equations(options: dict[str, object]) -> None:
    net, x = critic(), images()
    f = net(x).mean((1, 2, 3))[:, None]
    n = torch.stack([differenced_norm(net, sample) for sample in x.split(1)])[:, None] / 4
    expected = f / (n + (f.abs() if "zeta" not in options else 0.5))
    if options.get("squared"):
        expected = expected**2
    if "mix" in options:
        expected = 0.75 * expected + 0.25 * f
    torch.testing.assert_close(normalized(net, **options)(x), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("contrast", [1.0, 0.01])
def test_gradient_of_a_piecewise_linear_critic_is_the_papers_and_at_most_one(seed: int, contrast: float) -> None:
    net, x = critic(seed=seed, strided=3), images(4, 24, contrast)
    f, n = net(x).mean((1, 2, 3)), gradient_norms(net, x) / net(x)[0].numel()
    bound = n**2 / (n + f.abs()) ** 2
    measured = gradient_norms(normalized(net), x)
    torch.testing.assert_close(measured, bound)
    assert (measured <= 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_squared_outputs_have_a_gradient_of_at_most_8_27ths(seed: int) -> None:
    measured = gradient_norms(normalized(critic(seed=seed), squared=True), images(16))
    assert (measured <= 8 / 27 + 1e-9).all()


def test_instance_norm_breaks_the_bound_on_low_contrast_images() -> None:
    worst = 0.0
    for seed in range(12):
        net = critic("instance", seed=seed, strided=3)
        worst = max(worst, gradient_norms(normalized(net), images(4, 32, 0.01)).max().item())
    assert worst > 1.03


def test_instance_norms_own_gradient_grows_as_the_contrast_falls() -> None:
    net = critic("instance", strided=3)
    torch.manual_seed(1)
    noise, flat = (gradient_norms(net, images(4, 32, contrast)).mean() for contrast in (1.0, 0.05))
    assert flat > 4 * noise


@pytest.mark.parametrize("reading", ["scalar", "sum"])
def test_gradient_of_the_loss_for_the_weights_is_that_of_finite_differences(reading: str) -> None:
    net, x = critic("instance"), images()
    gn = normalized(net, reading=reading)

    def loss() -> Tensor:
        return (gn(x) - 1).square().mean()

    loss().backward()
    step = 1e-6
    for parameter in (net[0].weight, net[2].weight, net[-1].weight, net[-1].bias):
        direction = torch.randn_like(parameter)
        with torch.no_grad():
            parameter.add_(direction, alpha=step)
            above = loss()
            parameter.sub_(direction, alpha=2 * step)
            below = loss()
            parameter.add_(direction, alpha=step)
        assert parameter.grad is not None
        torch.testing.assert_close(
            (parameter.grad * direction).sum(), (above - below) / (2 * step), rtol=1e-5, atol=1e-8
        )


def test_gradient_for_the_image_passes_a_frozen_critic() -> None:
    net, x = critic().requires_grad_(False), images().requires_grad_()
    assert torch.autograd.gradcheck(normalized(net), x)
    normalized(net)(x).sum().backward()
    assert x.grad is not None and x.grad.any()
    assert all(parameter.grad is None for parameter in net.parameters())


def test_callers_images_are_left_as_they_are() -> None:
    gn, x = normalized(critic()), images()
    before = x.clone()
    gn(x).sum().backward()
    assert torch.equal(x, before)
    assert not x.requires_grad and x.grad is None and x.grad_fn is None


def test_evaluation_under_no_grad_gives_the_same_values_without_a_graph() -> None:
    gn, x = normalized(critic()), images()
    expected = gn(x)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            value = gn(x)
        assert not value.requires_grad
        assert torch.equal(value, expected)


def test_samples_do_not_influence_one_another() -> None:
    gn, x = normalized(critic("instance")), images(3)
    torch.testing.assert_close(gn(x), torch.cat([gn(sample) for sample in x.split(1)]))


def test_torch_compile_captures_it_whole_with_the_gradients_of_its_loss() -> None:
    net, x = critic(), images()
    gn = normalized(net)
    compiled = torch.compile(gn, backend="aot_eager", fullgraph=True)
    eager, traced = gn(x).square().mean(), compiled(x).square().mean()
    weights = list(net.parameters())
    torch.testing.assert_close(traced, eager)
    torch.testing.assert_close(torch.autograd.grad(traced, weights), torch.autograd.grad(eager, weights))


def test_autocast_normalizes_in_float32() -> None:
    net, x = critic().float(), images().float()
    exact = normalized(net)(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert net(x).dtype == torch.bfloat16
        value = normalized(net)(x)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, exact, rtol=0.05, atol=0.02)


def test_scalar_reading_gives_one_value_an_image_and_the_others_keep_the_map() -> None:
    net, x = critic(), images(3)
    assert normalized(net)(x).shape == (3, 1)
    for reading in ("mean", "sum"):
        assert normalized(net, reading=reading)(x).shape == net(x).shape == (3, 1, 2, 2)


def test_critics_of_one_logit_an_image_are_normalized_too() -> None:
    net = nn.Sequential(critic(), nn.Flatten(), nn.Linear(4, 1).double())
    x = images(3)
    outputs = [normalized(net, reading=reading)(x) for reading in ("scalar", "mean", "sum")]
    assert outputs[0].shape == (3, 1)
    torch.testing.assert_close(outputs[0], outputs[1])
    torch.testing.assert_close(outputs[0], outputs[2])


def test_a_denominator_that_may_be_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="zeta"):
        GradientNormConfig(zeta=0.0)


def test_none_leaves_the_discriminator_and_its_loss_alone() -> None:
    net, none = critic(), NoNormalizer(NoneConfig())
    assert none.wrap(net) is net
    assert none.penalty(net, images(), images()) is None


def test_gn_asks_for_a_critic_that_it_can_normalize() -> None:
    contract = {row.name: row.config for row in zoo_components()}["gn"].contract()
    assert contract.needs == {"double_backward", "independent_samples"}
    assert contract.defaults["discriminator"]["norm"] == "none"
