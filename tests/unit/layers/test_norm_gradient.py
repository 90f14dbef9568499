"""Gradients of instance and batch norm in every memory layout of image and incoming gradient, against the equation.

torch 2.15 confuses the layouts on CPUs at batch 1 (relative error 1.4); zoo's layer and the networks that zoo builds do not.
"""

from __future__ import annotations

import copy
import itertools
import pickle
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.build import build
from zoo.choices import Choice
from zoo.hookspec import Component
from zoo.layers.norm import InstanceNorm2d, guard_norms, with_plain_gradient
from zoo.plugins import Plugin

Function = Callable[[Tensor], Tensor]
EPS = 1e-5
SHAPES = [(1, 5, 6, 7), (1, 1, 6, 7), (1, 5, 1, 7), (1, 5, 6, 1), (3, 5, 6, 7)]


def noise(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2 + 1


def laid(x: Tensor, layout: str) -> Tensor:
    """Return the same values in another layout; `unsqueezed` is an image read row by row with a batch added in front."""
    match layout:
        case "contiguous":
            return x.clone(memory_format=torch.contiguous_format)
        case "channels_last":
            return x.contiguous(memory_format=torch.channels_last)
        case "unsqueezed":
            rows = x.permute(0, 2, 3, 1).contiguous()
            return rows[0].permute(2, 0, 1)[None] if len(x) == 1 else rows.permute(0, 3, 1, 2)
        case "slice":
            return F.pad(x, (1, 1))[..., 1:-1]
    raise AssertionError(layout)


LAYOUTS = ["contiguous", "channels_last", "unsqueezed", "slice"]
PAIRS = list(product(LAYOUTS, LAYOUTS))


def written_out(x: Tensor, weight: Tensor | float = 1.0, bias: Tensor | float = 0.0) -> Tensor:
    mean = x.mean((2, 3), keepdim=True)
    y = (x - mean) / ((x - mean).square().mean((2, 3), keepdim=True) + EPS).sqrt()
    shape = (1, -1, 1, 1)
    return y * (weight.view(shape) if isinstance(weight, Tensor) else weight) + (
        bias.view(shape) if isinstance(bias, Tensor) else bias
    )


def difference(found: Tensor, expected: Tensor) -> float:
    return float(((found - expected).norm() / expected.norm()).detach())


def gradient(function: Function, x: Tensor, incoming: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    return torch.autograd.grad(function(x), x, incoming)[0]


def gradient_of_norm(function: Function, x: Tensor, incoming: Tensor) -> Tensor:
    """Return what gradient normalization and penalties need: the derivative of the norm of a derivative."""
    x = x.detach().requires_grad_()
    (first,) = torch.autograd.grad(function(x), x, incoming, create_graph=True)
    return torch.autograd.grad(first.norm() + (first * incoming).sum(), x)[0]


def affine(norm: Any) -> Any:
    norm.weight.data = noise((norm.num_features,), 7)
    norm.bias.data = noise((norm.num_features,), 8)
    return norm


def guarded(norm: nn.Module) -> nn.Module:
    network = nn.Sequential(norm)
    guard_norms(network)
    return network


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make", [InstanceNorm2d, lambda channels: guarded(nn.InstanceNorm2d(channels))])
def test_gradients_are_those_of_the_equation_in_every_layout(shape, make):
    norm = make(shape[1]).double()
    for first, second in PAIRS:
        x, incoming = laid(noise(shape, 0), first), laid(noise(shape, 1), second)
        assert difference(norm(x), written_out(x)) < 1e-12
        for take in (gradient, gradient_of_norm):
            found, expected = take(norm, x, incoming), take(written_out, x.clone(), incoming.clone())
            assert difference(found, expected) < 1e-12, (first, second, take.__name__)


@pytest.mark.parametrize("layouts", PAIRS)
def test_gradients_are_those_of_finite_differences(layouts):
    x, incoming = laid(noise((1, 2, 3, 4), 0), layouts[0]), laid(noise((1, 2, 3, 4), 1), layouts[1])
    norm, step = InstanceNorm2d(2).double(), 1e-5
    slopes = []
    for index in range(x.numel()):
        shift = torch.zeros(x.numel(), dtype=torch.float64)
        shift[index] = step
        shift = shift.view(x.shape)
        slopes.append(float(((norm(x + shift) - norm(x - shift)) * incoming).sum()) / (2 * step))
    assert difference(gradient(norm, x, incoming), torch.tensor(slopes).view(x.shape)) < 1e-6


@pytest.mark.parametrize("layouts", PAIRS)
@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("guard", [False, True])
def test_scale_and_offset_get_right_gradients_too(layouts, images, guard):
    shape = (images, 5, 6, 7)
    norm = affine((nn.InstanceNorm2d if guard else InstanceNorm2d)(5, affine=True).double())
    if guard:
        guard_norms(norm)
    x, incoming = laid(noise(shape, 0), layouts[0]).requires_grad_(), laid(noise(shape, 1), layouts[1])
    found = torch.autograd.grad(norm(x), (x, norm.weight, norm.bias), incoming)
    plain = x.detach().clone().requires_grad_()
    expected = torch.autograd.grad(
        written_out(plain, norm.weight, norm.bias), (plain, norm.weight, norm.bias), incoming
    )
    assert max(difference(a, b) for a, b in zip(found, expected, strict=True)) < 1e-12


@pytest.mark.parametrize("layouts", PAIRS)
@pytest.mark.parametrize("images", [1, 3])
def test_running_statistics_are_torchs_and_their_gradients_right(layouts, images):
    shape = (images, 5, 6, 7)
    norm, torchs = (
        kind(5, affine=True, track_running_stats=True).double() for kind in (InstanceNorm2d, nn.InstanceNorm2d)
    )
    x, incoming = laid(noise(shape, 0), layouts[0]), laid(noise(shape, 1), layouts[1])
    assert difference(gradient(norm, x, incoming), gradient(written_out, x, incoming.clone())) < 1e-12
    torchs(x)
    assert norm.state_dict().keys() == torchs.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(norm.buffers(), torchs.buffers(), strict=True))
    norm.eval()
    scale = (norm.running_var + EPS).rsqrt().view(1, -1, 1, 1)
    assert difference(norm(x), (x - norm.running_mean.view(1, -1, 1, 1)) * scale) < 1e-12
    assert difference(gradient(norm, x, incoming), incoming * scale) < 1e-12


def test_torch_func_gets_right_gradients():
    x, incoming = noise((1, 5, 6, 7), 0), laid(noise((1, 5, 6, 7), 1), "channels_last")
    for norm in (InstanceNorm2d(5).double(), guarded(nn.InstanceNorm2d(5)).double()):
        found = torch.func.grad(lambda z, norm=norm: (norm(z) * incoming).sum())(x)
        assert difference(found, gradient(written_out, x, incoming.clone())) < 1e-12


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_activation_in_place_may_follow(layout):
    network = nn.Sequential(nn.InstanceNorm2d(5), nn.LeakyReLU(0.2, inplace=True)).double()
    guard_norms(network)
    x, incoming = laid(noise((1, 5, 6, 7), 0), layout), laid(noise((1, 5, 6, 7), 1), "channels_last")
    expected = gradient(lambda z: F.leaky_relu(written_out(z), 0.2), x, incoming.clone())
    assert difference(gradient(network, x, incoming), expected) < 1e-12


def test_one_and_three_dimensional_instance_norms_are_guarded_too():
    x = noise((1, 5, 2, 3, 4), 0)
    incoming = noise((1, 5, 2, 3, 4), 1).contiguous(memory_format=torch.channels_last_3d)
    found = gradient(guarded(nn.InstanceNorm3d(5)).double(), x, incoming)
    assert difference(found.flatten(3), gradient(written_out, x.flatten(3), incoming.flatten(3).contiguous())) < 1e-12
    x, incoming = noise((1, 5, 4), 0), noise((1, 4, 5), 1).transpose(1, 2)
    found = gradient(guarded(nn.InstanceNorm1d(5)).double(), x, incoming)
    assert difference(found[..., None], gradient(written_out, x[..., None], incoming[..., None].clone())) < 1e-12


def test_a_guarded_network_keeps_its_modules_and_keys_and_can_be_copied_and_pickled():
    norm = nn.InstanceNorm2d(5, affine=True)
    network = nn.Sequential(norm)
    keys = list(network.state_dict())
    guard_norms(network)
    guard_norms(network)
    assert network[0] is norm and list(network.state_dict()) == keys and len(norm._forward_hooks) == 1
    x, incoming = noise((1, 5, 6, 7), 0).float(), laid(noise((1, 5, 6, 7), 1), "channels_last").float()
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(gradient(twin, x, incoming), gradient(network, x, incoming))


def test_the_gradient_of_the_function_is_right_where_a_network_calls_it():
    x, incoming = noise((1, 5, 6, 7), 0), laid(noise((1, 5, 6, 7), 1), "channels_last")
    found = gradient(lambda z: with_plain_gradient(F.instance_norm(z)), x, incoming)
    assert difference(found, gradient(written_out, x, incoming.clone())) < 1e-12


def with_odd_strides(x: Tensor) -> list[Tensor]:
    """Return the same values in both layouts, with the usual and with two other strides of the dimensions of size 1."""
    found = []
    for usual in (laid(x, "contiguous"), laid(x, "channels_last")):
        for odd in (None, 1, 1000):
            strides = [s if odd is None or n > 1 else odd for n, s in zip(x.shape, usual.stride(), strict=True)]
            found.append(torch.empty(x.numel(), dtype=x.dtype).as_strided(x.shape, strides).copy_(usual))
    return found


@pytest.mark.parametrize(
    ("shape", "training"),
    [*itertools.product(SHAPES, (True, False)), ((1, 5, 1, 1), False)],  # in training a single value has no variance
)
def test_batch_norm_gets_right_gradients_whatever_the_strides_of_single_images(shape, training):
    norm = affine(nn.BatchNorm2d(shape[1]).double())
    norm.running_mean, norm.running_var = noise((shape[1],), 2), noise((shape[1],), 3).square() + 1
    guard_norms(norm.train(training))
    frozen = copy.deepcopy(norm)
    scale, shift = norm.weight.view(-1, 1, 1), norm.bias.view(-1, 1, 1)

    def equation(z: Tensor) -> Tensor:
        mean, var = frozen.running_mean.view(-1, 1, 1), frozen.running_var.view(-1, 1, 1)
        if training:
            mean = z.mean((0, 2, 3), keepdim=True)
            var = (z - mean).square().mean((0, 2, 3), keepdim=True)
        return (z - mean) / (var + EPS).sqrt() * scale + shift

    for x, incoming in product(with_odd_strides(noise(shape, 0)), with_odd_strides(noise(shape, 1))):
        assert difference(norm(x), equation(x)) < 1e-12
        norm.load_state_dict(frozen.state_dict())
        for take in (gradient, gradient_of_norm):
            if take is gradient_of_norm and not training:
                continue  # linear: there is no second derivative
            found, expected = take(norm, x, incoming), take(equation, x.clone(), incoming.clone())
            assert difference(found, expected) < 1e-9, (x.stride(), incoming.stride(), take.__name__)


@pytest.mark.parametrize("shape", SHAPES)
def test_instance_norm_gets_right_gradients_whatever_the_strides_of_single_images(shape):
    for norm in (InstanceNorm2d(shape[1]), guarded(nn.InstanceNorm2d(shape[1]))):
        for x, incoming in product(with_odd_strides(noise(shape, 0)), with_odd_strides(noise(shape, 1))):
            found, expected = gradient(norm.double(), x, incoming), gradient(written_out, x.clone(), incoming.clone())
            assert difference(found, expected) < 1e-12, (x.stride(), incoming.stride())


@dataclass(frozen=True, kw_only=True)
class OtherConfig:
    """Options of another distribution's network."""

    in_channels: int = 3
    out_channels: int = 5


class OtherNetwork(nn.Module):
    """A network of another distribution, with torch's own instance norm."""

    def __init__(self, config: OtherConfig) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(config.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x)
        return y


@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_another_distributions_network_gets_right_gradients_when_zoo_builds_it(kind, monkeypatch):
    module = types.ModuleType("other_network")
    module.OtherNetwork = OtherNetwork
    monkeypatch.setitem(sys.modules, "other_network", module)
    row = Component(
        kind=kind, name="other", target="other_network:OtherNetwork", config=OtherConfig(), summary="a network"
    )
    plugin = Plugin(name="other", distribution="other", version=version("thermal-zoo"), module="other_network")
    network = build(Choice(plugin=plugin, component=row, config=row.config)).double()
    x, incoming = noise((1, 5, 6, 7), 0), laid(noise((1, 5, 6, 7), 1), "channels_last")
    assert difference(gradient(network, x, incoming), gradient(written_out, x, incoming.clone())) < 1e-12
