"""Convolutions to few channels, column by column: the same outputs and gradients as torch's, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoo.compute.thin import column_by_column


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kernel", [5, 7, (3, 9)])
@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("bias", [False, True])
def test_outputs_and_gradients_are_those_of_a_convolution(channels, kernel, padding, bias):
    torch.manual_seed(0)
    layer = nn.Conv2d(8, channels, kernel, padding=padding, bias=bias).double()
    x = torch.randn(2, 8, 11, 13, dtype=torch.double, requires_grad=True)
    parameters = (x, *layer.parameters())
    expected = layer(x)
    direction = torch.randn_like(expected)
    with column_by_column(nn.Sequential(layer)):
        assert "forward" in layer.__dict__
        found = layer(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    for one, other in zip(
        torch.autograd.grad(found, parameters, direction),
        torch.autograd.grad(expected, parameters, direction),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    assert "forward" not in layer.__dict__


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(8, 1, 3),
        nn.Conv2d(8, 12, 7),
        nn.Conv2d(8, 1, 7, stride=2),
        nn.Conv2d(8, 1, 7, dilation=2),
        nn.Conv2d(8, 2, 7, groups=2),
        nn.Conv2d(8, 1, 7, padding=3, padding_mode="reflect"),
        nn.Conv2d(8, 1, 7, padding="same"),
        torch.nn.utils.parametrizations.spectral_norm(nn.Conv2d(8, 1, 7)),
    ],
    ids=["small kernel", "many channels", "stride", "dilation", "groups", "reflection", "same", "parametrized"],
)
def test_other_layers_are_left_alone(layer):
    with column_by_column(nn.Sequential(layer)):
        assert "forward" not in layer.__dict__
