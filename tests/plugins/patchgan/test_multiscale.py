"""The multi-scale discriminator against pooling written out with numpy, and logits repeated by loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.layers.gan import gan_loss
from zoo_plugins.patchgan.config import MultiScaleConfig
from zoo_plugins.patchgan.network import MultiScale


def tiny(**options: object) -> MultiScale:
    torch.manual_seed(0)
    return MultiScale(
        MultiScaleConfig(**{"width": 2, "layers": 1, "norm": "none", "init_gain": 0.5, **options})
    ).double()


def halved(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the 3x3 pixels about every second one, of those that the image has."""
    height, width = image.shape
    return np.array(
        [
            [image[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].mean() for x in range(0, width, 2)]
            for y in range(0, height, 2)
        ]
    )


def maps(net: MultiScale, image: NDArray[np.float64]) -> list[Tensor]:
    found = []
    for discriminator in net.scales:
        found.append(discriminator(torch.from_numpy(image)[None, None])[0, 0])
        image = halved(image)
    return found


@pytest.mark.parametrize("size", [(32, 32), (33, 40)])
def test_channels_are_patchgans_on_averaged_images(size: tuple[int, int]) -> None:
    net = tiny(scales=3)
    x = torch.rand(2, 1, *size, dtype=torch.float64) * 2 - 1
    logits = net(x)
    for sample, image in zip(logits, x[:, 0].numpy(), strict=True):
        finest, *coarser = maps(net, image)
        torch.testing.assert_close(sample[0], finest)
        height, width = finest.shape
        for channel, coarse in zip(sample[1:], coarser, strict=True):
            rows = [int((y + 0.5) * coarse.shape[0] / height) for y in range(height)]
            columns = [int((c + 0.5) * coarse.shape[1] / width) for c in range(width)]
            torch.testing.assert_close(channel, coarse[rows][:, columns])


def test_each_scale_weighs_the_same_in_a_loss() -> None:
    net = tiny(scales=2)
    x = torch.rand(1, 1, 32, 32, dtype=torch.float64)
    alone = [gan_loss(channel[:, None], True, "lsgan") for channel in net(x).unbind(1)]
    torch.testing.assert_close(gan_loss(net(x), True, "lsgan"), torch.stack(alone).mean())


def test_one_scale_is_a_patchgan_and_every_scale_has_its_own_weights() -> None:
    one = tiny(scales=1)
    x = torch.rand(1, 1, 16, 16, dtype=torch.float64)
    assert torch.equal(one(x), one.scales[0](x))
    first, second = tiny().scales
    assert not torch.equal(first.model[0].weight, second.model[0].weight)


@pytest.mark.parametrize(("layers", "scales"), [(1, 2), (3, 2), (2, 3)])
def test_the_coarsest_scale_has_one_patch_at_the_contracts_smallest_size(layers: int, scales: int) -> None:
    net = tiny(layers=layers, scales=scales)
    smallest = net_contract_size(layers, scales)
    coarsest = maps(net, np.zeros((smallest, smallest)))[-1]
    assert coarsest.shape == (1, 1)
    with pytest.raises((RuntimeError, ValueError)):
        net(torch.zeros(1, 1, smallest - 1, smallest - 1, dtype=torch.float64))


def net_contract_size(layers: int, scales: int) -> int:
    return MultiScaleConfig(layers=layers, scales=scales).contract().min_size


def test_it_can_be_differentiated_twice_and_keeps_samples_apart_unless_batch_norm_ties_them() -> None:
    net = tiny()
    x = torch.rand(1, 1, 12, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(net, x)
    x = torch.rand(2, 1, 12, 12, dtype=torch.float64)
    torch.testing.assert_close(net(x), torch.cat([net(sample) for sample in x.split(1)]))
    assert MultiScaleConfig().contract().offers >= {"double_backward", "independent_samples"}
    assert "independent_samples" not in MultiScaleConfig(norm="batch").contract().offers
