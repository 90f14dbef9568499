"""StyleGAN2's blocks against explicit convolutions sample by sample, scipy, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import convolve2d
from torch import Tensor

from zoo.layers.stylegan2 import (
    BiasedLeakyReLU,
    Blur,
    EqualConv2d,
    EqualLinear,
    ModulatedConv2d,
    double_size,
    minibatch_std,
    width_at,
)

KERNEL = np.outer([1.0, 3.0, 3.0, 1.0], [1.0, 3.0, 3.0, 1.0]) / 64


def filtered(image: Tensor, kernel: np.ndarray, padding: int) -> Tensor:
    padded = np.pad(image.numpy(), padding)
    return torch.from_numpy(convolve2d(padded, kernel, mode="valid"))


def sample_by_sample(conv: ModulatedConv2d, x: Tensor, latent: Tensor) -> Tensor:
    """Karras et al. 2020, equations 1 and 3: weights of each sample, then its own convolution."""
    outputs = []
    for features, w in zip(x, latent, strict=True):
        style = conv.modulation.weight @ w / len(w) ** 0.5 + conv.modulation.bias
        weight = conv.weight / conv.weight[0].numel() ** 0.5 * style[None, :, None, None]
        if conv.demodulate:
            weight = weight / (weight.pow(2).sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if conv.blur is None:
            y = F.conv2d(features[None], weight, padding=weight.shape[-1] // 2)[0]
        else:
            large = F.conv_transpose2d(features[None], weight.transpose(0, 1), stride=2)[0]
            y = torch.stack([filtered(channel.detach(), 4 * KERNEL, 1) for channel in large])
        outputs.append(y)
    return torch.stack(outputs)


@pytest.mark.parametrize(
    ("kernel", "up", "demodulate"), [(3, False, True), (3, False, False), (1, False, False), (3, True, True)]
)
def test_modulated_convolution_equals_one_convolution_a_sample(kernel: int, up: bool, demodulate: bool) -> None:
    torch.manual_seed(0)
    conv = ModulatedConv2d(3, 5, kernel, 4, up=up, demodulate=demodulate).double()
    x, latent = torch.randn(2, 3, 6, 4).double(), torch.randn(2, 4).double()
    y = conv(x, latent)
    assert y.shape == ((2, 5, 12, 8) if up else (2, 5, 6, 4))
    torch.testing.assert_close(y, sample_by_sample(conv, x, latent), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("padding", "stride"), [(2, 1), (1, 2), (1, 1)])
def test_blur_equals_scipys_convolution(padding: int, stride: int) -> None:
    x = torch.randn(1, 2, 8, 6).double()
    blurred = Blur(padding=padding, stride=stride, gain=3.0)(x)
    expected = torch.stack([filtered(channel, 3 * KERNEL, padding)[::stride, ::stride] for channel in x[0]])
    torch.testing.assert_close(blurred[0], expected)


def test_doubling_is_zeros_between_pixels_and_scipys_convolution() -> None:
    x = torch.randn(1, 1, 5, 3).double()
    sparse = np.zeros((11, 7))
    sparse[1:11:2, 1:7:2] = x[0, 0].numpy()
    expected = convolve2d(np.pad(sparse, ((1, 2), (1, 2))), 4 * KERNEL, mode="valid")[:10, :6]
    torch.testing.assert_close(double_size(x)[0, 0], torch.from_numpy(expected))


def test_doubling_keeps_a_constant_away_from_the_border() -> None:
    assert torch.equal(double_size(torch.ones(1, 1, 4, 4))[..., 1:-1, 1:-1], torch.ones(1, 1, 6, 6))


@pytest.mark.parametrize(("count", "group"), [(1, 1), (3, 3), (4, 4), (6, 3), (8, 4)])
def test_minibatch_statistics_equal_a_loop_over_groups(count: int, group: int) -> None:
    x = torch.randn(count, 2, 3, 3).double()
    statistic = minibatch_std(x)[:, 2]
    groups = count // group
    for sample in range(count):
        members = x[sample % groups :: groups]
        assert len(members) == group
        expected = (members.var(0, unbiased=False) + 1e-8).sqrt().mean()
        torch.testing.assert_close(statistic[sample], expected.expand(3, 3))


def test_equalised_layers_keep_the_variance_of_unit_features() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 128, 4, 4)
    assert float(EqualConv2d(128, 128, 3, padding=0)(x).detach().std()) == pytest.approx(1, abs=0.05)
    assert float(EqualLinear(2048, 256)(x.flatten(1)).detach().std()) == pytest.approx(1, abs=0.05)
    assert float(BiasedLeakyReLU(128)(x).detach().square().mean()) == pytest.approx(1, abs=0.1)


def test_blocks_are_twice_differentiable() -> None:
    torch.manual_seed(0)
    conv = ModulatedConv2d(2, 2, 3, 3, up=True).double()
    x = torch.randn(2, 2, 4, 4).double().requires_grad_()
    latent = torch.randn(2, 3).double().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda a, b: conv(a, b) ** 2, (x, latent))
    assert torch.autograd.gradgradcheck(lambda a: Blur(padding=2)(a) ** 3, (x,))
    assert torch.autograd.gradgradcheck(lambda a: double_size(a) ** 3, (x,))
    assert torch.autograd.gradgradcheck(minibatch_std, (x,))


@pytest.mark.parametrize(
    ("multiplier", "widths"),
    [(1, (512, 512, 512, 512, 256, 128, 64, 32)), (2, (512, 512, 512, 512, 512, 256, 128, 64))],
)
def test_widths_are_the_published_ones(multiplier: int, widths: tuple[int, ...]) -> None:
    assert tuple(width_at(4 << doublings, multiplier, 512) for doublings in range(8)) == widths
