"""The StyleGAN2 discriminator against published parameter counts and finite differences."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from zoo.errors import RefusedError
from zoo_plugins.stylegan2 import zoo_components
from zoo_plugins.stylegan2.config import StyleGAN2Config
from zoo_plugins.stylegan2.network import StyleGAN2Discriminator

TINY = StyleGAN2Config(size=16, max_channels=3, minibatch_std=False)


@pytest.mark.parametrize(
    ("size", "multiplier", "cap", "statistics", "count"),
    [
        (256, 1, 512, True, 24_001_089),
        (256, 2, 512, True, 28_864_129),
        (512, 1, 512, True, 24_030_753),
        (512, 2, 512, True, 28_982_849),
        (256, 1, 384, False, 14_263_105),  # the variant of CUT's code
        (512, 1, 384, False, 14_292_769),
    ],
)
def test_parameters_are_as_many_as_published(
    size: int, multiplier: float, cap: int, statistics: bool, count: int
) -> None:
    config = StyleGAN2Config(
        in_channels=3, size=size, channel_multiplier=multiplier, max_channels=cap, minibatch_std=statistics
    )
    with torch.device("meta"):
        network = StyleGAN2Discriminator(config)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("size", [16, 32, 64])
def test_an_image_gets_one_logit(size: int) -> None:
    network = StyleGAN2Discriminator(replace(TINY, in_channels=2, minibatch_std=True).for_size(size))
    assert network(torch.zeros(3, 2, size, size)).shape == (3, 1)


def test_gradient_of_the_gradients_norm_equals_finite_differences() -> None:
    torch.manual_seed(0)
    network = StyleGAN2Discriminator(TINY).double()
    image = torch.randn(2, 1, 16, 16).double()
    weight = network.convs[1].conv2[1].weight

    def slope() -> Tensor:
        x = image.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        return (gradient.flatten(1).norm(dim=1) - 1).square().sum()

    (analytic,) = torch.autograd.grad(slope(), weight)
    step = 1e-6
    for place in [(0, 0, 0, 0), (1, 2, 1, 1), (2, 1, 2, 0)]:
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[place] += sign * step
            values.append(float(slope().detach()))
            with torch.no_grad():
                weight[place] -= sign * step
        assert float(analytic[place]) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("statistics", [False, True])
def test_samples_are_independent_as_the_contract_says(statistics: bool) -> None:
    torch.manual_seed(0)
    config = replace(TINY, minibatch_std=statistics)
    network = StyleGAN2Discriminator(config)
    x = torch.randn(2, 1, 16, 16)
    other = torch.stack([x[0], torch.randn(1, 16, 16)])
    alike = torch.allclose(network(x)[0], network(other)[0], atol=1e-6)
    assert alike is ("independent_samples" in config.contract().offers)
    assert "double_backward" in config.contract().offers


@pytest.mark.parametrize(("size", "nearest"), [(96, 64), (8, 16)])
def test_sizes_that_are_no_powers_of_two_are_refused(size: int, nearest: int) -> None:
    with pytest.raises(RefusedError, match=rf"and {size} is not.*Use `size`={nearest}"):
        StyleGAN2Config().for_size(size)


def test_row_names_the_network() -> None:
    (row,) = zoo_components()
    assert (row.kind, row.name) == ("discriminator", "stylegan2")
