"""LayerGAN's encoder and decoder against published parameter counts, and their shapes."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import nn

from zoo.layers.stylegan2 import width_at
from zoo_plugins.layergan.config import LayerGANConfig
from zoo_plugins.layergan.decoder import Head, Trunk
from zoo_plugins.layergan.network import Encoder, LayeredGenerator, MaxPool


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


@pytest.mark.parametrize("norm", ["group", "batch"])
@pytest.mark.parametrize(("channels", "parameters"), [(3, 11_441_096), (5, 11_447_368), (11, 11_466_184)])
def test_encoder_is_a_resnet18_with_a_latent_and_eight_pointwise_convolutions(
    channels: int, parameters: int, norm: Literal["group", "batch"]
) -> None:
    with torch.device("meta"):
        assert count(Encoder(in_channels=channels, latent=512, maps=8, norm=norm)) == parameters


@pytest.mark.parametrize(("multiplier", "parameters"), [(1, 22_759_687), (2, 28_175_335)])
def test_decoder_is_stylegan2s_synthesis_network(multiplier: float, parameters: int) -> None:
    widths = [width_at(4 << doublings, multiplier, 512) for doublings in range(8)]
    with torch.device("meta"):
        assert count(Trunk(widths, 512), Head(widths, 3, 512)) == parameters


@pytest.mark.parametrize("size", [32, 64, 128])
def test_a_map_for_every_resolution_comes_from_the_first_blocks(size: int) -> None:
    resolutions = size.bit_length() - 2
    encoder = Encoder(in_channels=2, latent=5, maps=resolutions, norm="group")
    with torch.no_grad():
        latent, maps = encoder(torch.zeros(2, 2, size, size))
    assert latent.shape == (2, 5)
    sides = [size // 4, size // 4, size // 8, size // 8, size // 16, size // 16, size // 32, size // 32]
    assert [tuple(image_map.shape) for image_map in maps] == [(2, 1, side, side) for side in sides[:resolutions]]


@pytest.mark.parametrize("shape", [(8, 8), (7, 4), (1, 1)])
def test_pooling_and_its_gradient_equal_torchs(shape: tuple[int, int]) -> None:
    ours = torch.rand(2, 3, *shape, dtype=torch.float64, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    pooled, expected = MaxPool()(ours), nn.MaxPool2d(3, stride=2, padding=1)(theirs)
    assert torch.equal(pooled, expected)
    pooled.square().sum().backward()
    expected.square().sum().backward()
    assert torch.equal(ours.grad, theirs.grad)


def test_a_shared_trunk_leaves_each_layer_its_head() -> None:
    config = LayerGANConfig(latent=8, channel_multiplier=0.01, max_channels=6, share_trunk=True)
    generator = LayeredGenerator(config, in_channels=2, out_channels=3, layers=4, size=32)
    assert (len(generator.trunks), len(generator.heads)) == (1, 4)
    with torch.no_grad():
        drawn = generator(torch.zeros(2, 2, 2, 32, 32), (1, 3))
    assert drawn.shape == (2, 2, 3, 32, 32)
