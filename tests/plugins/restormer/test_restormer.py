"""Restormer: published parameter counts, and its attention against a loop in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import UsageError
from zoo_plugins.restormer.network import Attention, ChannelNorm


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("restormer", 3, 26_126_644),
        ("restormer", 1, 26_124_916),
        ("restormer:bias=false", 3, 26_111_668),
        ("restormer:width=32", 3, 11_739_916),
        ("restormer:width=24,blocks=2+3+3+4,refinement=2", 3, 3_813_230),
    ],
)
def test_the_networks_have_the_published_number_of_parameters(name: str, channels: int, expected: int) -> None:
    with torch.device("meta"):
        network = zoo.create(name, out_channels=channels)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_attention_is_between_channels_of_unit_length_over_the_pixels() -> None:
    torch.manual_seed(0)
    layer, x = Attention(4, 2).double(), torch.randn(1, 4, 3, 5, dtype=torch.float64)
    layer.temperature.data = torch.tensor([0.5, 2.0], dtype=torch.float64).view(2, 1, 1)
    q, k, v = layer.depthwise(layer.qkv(x)).reshape(3, 4, 15)
    rows = []
    for channel in range(4):
        head = channel // 2
        logits = [
            layer.temperature[head, 0, 0] * (q[channel] @ k[other]) / (q[channel].norm() * k[other].norm())
            for other in (2 * head, 2 * head + 1)
        ]
        weights = torch.stack(logits).softmax(0)
        rows.append(weights[0] * v[2 * head] + weights[1] * v[2 * head + 1])
    torch.testing.assert_close(layer(x), layer.project(torch.stack(rows).reshape(1, 4, 3, 5)))


@pytest.mark.parametrize("bias", [True, False])
def test_channels_of_each_pixel_are_normalized(bias: bool) -> None:
    x = torch.randn(2, 6, 3, 4, dtype=torch.float64) * 3 + 1
    y = ChannelNorm(6, bias).double()(x)
    expected = (x - x.mean(1, keepdim=True) * bias) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(y, expected)


def test_a_last_layer_of_zeros_leaves_the_grey_image_or_nothing() -> None:
    x = torch.rand(1, 3, 16, 24) * 2 - 1
    for grey, expected in (("true", x.mean(1, keepdim=True)), ("false", torch.zeros(1, 1, 16, 24))):
        network = zoo.create(f"restormer:width=4,blocks=1+1+1+1,refinement=1,grey={grey}")
        nn.init.zeros_(network.last.weight)
        torch.testing.assert_close(network(x), expected)


def test_the_output_is_clipped_for_translation_and_not_in_training() -> None:
    network = zoo.create("restormer:width=4,blocks=1+1+1+1,refinement=1")
    nn.init.constant_(network.last.weight, 10)
    x = torch.rand(1, 3, 16, 16)
    assert network.train()(x).abs().max() > 1
    assert network.eval()(x).abs().max() <= 1


def test_a_wrong_number_of_levels_is_refused() -> None:
    with pytest.raises(UsageError, match="four numbers"):
        zoo.create("restormer:blocks=1+2")
