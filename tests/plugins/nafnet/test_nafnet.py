"""NAFNet: published parameter counts, and its block against a loop in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import UsageError
from zoo.registry import get_registry
from zoo_plugins.nafnet.network import Block


@pytest.mark.parametrize(
    ("options", "millions"),
    [
        ("width=32", 29.16),
        ("width=64", 115.98),
        ("width=32,encoder=1+1+1+28,middle=1,decoder=1+1+1+1", 17.11),
        ("width=64,encoder=1+1+1+28,middle=1,decoder=1+1+1+1", 67.89),
    ],
)
def test_the_networks_have_the_published_number_of_parameters(options: str, millions: float) -> None:
    with torch.device("meta"):
        network = zoo.create(f"nafnet:{options}", out_channels=3)
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 2) == millions


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ("width=32", 29_159_137),
        ("width=64", 115_981_761),
        ("width=16", 7_371_633),
        ("encoder=1+1+1+28,middle=1,decoder=1+1+1+1", 17_111_329),
        ("width=64,encoder=1+1+1+28,middle=1,decoder=1+1+1+1", 67_887_681),
    ],
)
def test_the_counts_of_the_readme_are_those_of_one_output_channel(options: str, count: int) -> None:
    with torch.device("meta"):
        network = zoo.create(f"nafnet:{options}")
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_a_block_is_two_gated_residuals_pixel_by_pixel() -> None:
    torch.manual_seed(0)
    block, x = Block(2).double(), torch.randn(1, 2, 3, 4, dtype=torch.float64)
    for parameter in block.parameters():
        nn.init.normal_(parameter, 0.5, 0.5)

    def mixed(layer: nn.Conv2d, pixels: torch.Tensor) -> torch.Tensor:
        return torch.einsum("oc,chw->ohw", layer.weight[:, :, 0, 0], pixels) + layer.bias[:, None, None]

    def normed(layer: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        mean, variance = pixels.mean(0), pixels.var(0, unbiased=False)
        scaled = (pixels - mean) / (variance + 1e-6).sqrt()
        return scaled * layer.weight[:, None, None] + layer.bias[:, None, None]

    def depthwise(pixels: torch.Tensor) -> torch.Tensor:
        padded = nn.functional.pad(pixels, (1, 1, 1, 1))
        out = torch.zeros_like(pixels)
        for channel, row, column in torch.cartesian_prod(torch.arange(4), torch.arange(3), torch.arange(4)).tolist():
            window = padded[channel, row : row + 3, column : column + 3]
            kernel = block.depthwise.weight[channel, 0]
            out[channel, row, column] = (window * kernel).sum() + block.depthwise.bias[channel]
        return out

    wide = depthwise(mixed(block.expand, normed(block.norm1, x[0])))
    gated = wide[:2] * wide[2:]
    attention = mixed(block.attention, gated.mean((1, 2), keepdim=True))
    first = x[0] + block.beta[0] * mixed(block.project, gated * attention)
    wide = mixed(block.widen, normed(block.norm2, first))
    second = first + block.gamma[0] * mixed(block.narrow, wide[:2] * wide[2:])
    torch.testing.assert_close(block(x)[0], second)


def test_all_blocks_start_as_the_identity() -> None:
    x = torch.randn(1, 4, 5, 6)
    torch.testing.assert_close(Block(4)(x), x, rtol=0, atol=0)


def test_unequal_numbers_of_stages_are_refused() -> None:
    with pytest.raises(UsageError, match="encoder"):
        zoo.create("nafnet:encoder=1+2")


def test_the_bare_name_means_zoos_own_network() -> None:
    assert get_registry().find("generator", "nafnet").full_name == "nafnet/nafnet"
