"""The U-Net discriminator: published parameter counts, blocks and attention against equations, spectral norm against an SVD."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import zoo
from zoo.errors import RefusedError, UsageError
from zoo.registry import get_registry
from zoo_plugins.infragan.config import UNetGANConfig
from zoo_plugins.infragan.discriminator import Down, SelfAttention, UNetGAN, Up


@pytest.mark.parametrize(
    ("stages", "channels", "expected"),
    [(7, 4, 138_532_227), (6, 4, 44_088_707), (6, 2, 44_087_427), (5, 4, 31_487_363)],
)
def test_the_discriminator_has_the_published_number_of_parameters(stages: int, channels: int, expected: int) -> None:
    with torch.device("meta"):
        network = zoo.create(f"unet_gan:stages={stages}", in_channels=channels)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize(
    ("size", "stages", "attention"),
    [(512, 7, 2), (256, 6, 1), (128, 5, 0), (64, 4, 0), (32, 3, 0), ((480, 640), 5, 3), ((256, 512), 6, 2)],
)
def test_depth_and_attention_follow_the_image_size(size, stages: int, attention: int) -> None:
    config = get_registry().find("discriminator", "unet_gan").for_size(size).config
    assert (config.stages, config.attention) == (stages, attention)


def test_its_two_outputs_have_the_shapes_of_the_source() -> None:
    network = zoo.create("unet_gan:width=2,stages=3", in_channels=4)
    x = torch.rand(3, 4, 32, 48)
    pixels, image = network.eval().outputs(x)
    assert (list(pixels.shape), list(image.shape)) == ([3, 1, 32, 48], [3, 1])
    logits = network(x)
    assert torch.equal(logits[:, :1], pixels)
    assert torch.equal(logits[:, 1].amin((1, 2)), image[:, 0])
    assert torch.equal(logits[:, 1].amax((1, 2)), image[:, 0])


def test_a_discriminator_without_a_size_is_refused() -> None:
    with pytest.raises(UsageError, match="no `size` was given"):
        zoo.create("unet_gan")
    with pytest.raises(UsageError, match="stages=9"):
        UNetGANConfig(stages=9)
    with pytest.raises(UsageError, match="attention=3"):
        UNetGANConfig(stages=3, attention=3)


def test_a_size_that_cannot_be_halved_as_often_is_refused(pairs: Path) -> None:
    with pytest.raises(RefusedError, match="unet_gan takes sizes in multiples of 8 px"):
        zoo.compose(recipe="infragan:generator=resnet9", data=str(pairs), size=36, steps=1)


def test_all_weights_but_the_last_are_orthogonal_and_keep_a_largest_singular_value_of_one() -> None:
    torch.manual_seed(0)
    network = UNetGAN(UNetGANConfig(width=4, stages=3)).train()
    weights = {name: module for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        for _ in range(50):
            network(torch.rand(1, 4, 16, 16))
    network.eval()
    largest = {name: np.linalg.norm(module.weight.detach().flatten(1).numpy(), 2) for name, module in weights.items()}
    last = largest.pop("pixels")
    assert largest == pytest.approx(dict.fromkeys(largest, 1.0), abs=0.02)
    assert abs(last - 1) > 0.02


def test_the_initial_weights_are_orthogonal() -> None:
    network = UNetGAN(UNetGANConfig(width=4, stages=3))
    weight = network.encoder[1].one.parametrizations.weight.original.detach().flatten(1)
    torch.testing.assert_close(weight @ weight.T, torch.eye(len(weight)))


def means_of_blocks(x: Tensor) -> Tensor:
    return x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean((3, 5))


def repeated(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.mark.parametrize("first", [True, False])
def test_an_encoder_block_halves_the_sum_of_two_convolutions_and_a_skip_connection(first: bool) -> None:
    torch.manual_seed(0)
    block, x = Down(3, 5, first=first).double(), torch.randn(2, 3, 8, 6, dtype=torch.float64)
    residual = block.two(block.one(x if first else x.clamp(min=0)).clamp(min=0))
    # A 1x1 convolution and the means of blocks can be exchanged: one equation holds for both orders of the source.
    torch.testing.assert_close(block(x), means_of_blocks(residual + block.skip(x)))


def test_a_decoder_block_enlarges_before_its_convolutions() -> None:
    torch.manual_seed(0)
    block, x = Up(3, 5).double(), torch.randn(2, 3, 4, 6, dtype=torch.float64)
    residual = block.two(block.one(repeated(x.clamp(min=0))).clamp(min=0))
    torch.testing.assert_close(block(x), residual + block.skip(repeated(x)))


def test_the_decoder_reads_the_features_of_the_same_size_and_the_image_those_of_the_coarsest() -> None:
    torch.manual_seed(0)
    network = UNetGAN(UNetGANConfig(width=2, stages=3, in_channels=1)).double().eval()
    network.attention.gamma.data.fill_(0.5)
    x = torch.randn(2, 1, 16, 24, dtype=torch.float64)
    one = network.attention(network.encoder[0](x))
    two = network.encoder[1](one)
    three = network.encoder[2](two)
    y = network.decoder[0](three)
    y = network.decoder[1](torch.cat((y, two), dim=1))
    y = network.decoder[2](torch.cat((y, one), dim=1))
    pixels, image = network.outputs(x)
    torch.testing.assert_close(pixels, network.pixels(y))
    torch.testing.assert_close(image, network.image(three.clamp(min=0).sum((2, 3))))


def test_attention_is_a_softmax_over_the_maxima_of_blocks_of_pixels() -> None:
    torch.manual_seed(0)
    layer, x = SelfAttention(8).double(), torch.randn(1, 8, 4, 6, dtype=torch.float64)
    layer.gamma.data.fill_(0.7)

    def mixed(conv: nn.Conv2d, pixels: Tensor) -> Tensor:
        return torch.einsum("oc,chw->ohw", conv.weight[:, :, 0, 0], pixels)

    def pooled(conv: nn.Conv2d) -> list[Tensor]:
        y = mixed(conv, x[0])
        return [y[:, r : r + 2, c : c + 2].amax((1, 2)) for r in range(0, 4, 2) for c in range(0, 6, 2)]

    theta, keys, values = mixed(layer.theta, x[0]), pooled(layer.phi), pooled(layer.g)
    attended = torch.empty(4, 4, 6, dtype=torch.float64)
    for row in range(4):
        for column in range(6):
            weights = torch.stack([theta[:, row, column] @ key for key in keys]).softmax(0)
            attended[:, row, column] = sum(weight * value for weight, value in zip(weights, values, strict=True))
    torch.testing.assert_close(layer(x)[0], x[0] + 0.7 * mixed(layer.out, attended))
