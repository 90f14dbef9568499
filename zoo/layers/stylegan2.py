"""The building blocks of StyleGAN2 (Karras et al. 2020) in plain torch, so that any of them can be differentiated twice."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GAIN = math.sqrt(2)
"""What keeps the variance of a leaky ReLU's output at that of its input."""


def width_at(resolution: int, multiplier: float, cap: int) -> int:
    """Return the channels of features at a resolution in pixels: 16384 * multiplier / resolution, from 1 to `cap`.

    Multipliers of 1 and 2 with a cap of 512 are the published half and full widths.
    """
    return max(1, min(cap, int(16384 * multiplier) // resolution))


class EqualConv2d(nn.Module):
    """A convolution with weights from N(0, 1) that are scaled by 1 / sqrt(fan in) at run time, so that all learn alike.

    forward(x [N, in, h, w]) -> [N, out, h, w], half the size with `stride` 2; odd kernels are padded by default.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.scale = 1 / math.sqrt(in_channels * kernel**2)
        self.stride, self.padding = stride, kernel // 2 if padding is None else padding

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of x."""
        return F.conv2d(x, self.weight * self.scale, self.bias, self.stride, self.padding)


class EqualLinear(nn.Module):
    """A linear layer with weights from N(0, 1) that are scaled by 1 / sqrt(fan in) at run time.

    forward(x [N, in]) -> [N, out]; with `activate` through a leaky ReLU.
    """

    def __init__(self, in_features: int, out_features: int, *, bias: float = 0.0, activate: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features))
        self.bias = nn.Parameter(torch.full((out_features,), bias))
        self.scale = 1 / math.sqrt(in_features)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        """Return the linear map of x."""
        y = F.linear(x, self.weight * self.scale, self.bias)
        return leaky_relu(y) if self.activate else y


def leaky_relu(x: Tensor) -> Tensor:
    """Return the leaky ReLU of slope 0.2 times sqrt(2)."""
    return F.leaky_relu(x, 0.2) * GAIN


class BiasedLeakyReLU(nn.Module):
    """leaky_relu(x + bias) of x [N, channels, h, w], with a bias for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, channels, h, w]."""
        return leaky_relu(x + self.bias[:, None, None])


class Blur(nn.Module):
    """Low-pass filter [1, 3, 3, 1] / 8 along both axes of x [N, C, h, w], padded by zeros.

    Returns [N, C, (h + 2 * padding - 4) // stride + 1, ...]; `gain` multiplies the result.
    """

    def __init__(self, *, padding: int, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.padding, self.stride, self.gain = padding, stride, gain

    def forward(self, x: Tensor) -> Tensor:
        """Return the filtered x."""
        x = F.pad(x, [self.padding] * 4)
        # Sums of shifted views: several times faster on a CPU, differentiated twice, than convolutions channel by channel.
        for dim in (-2, -1):
            x = _binomial(x, dim, self.stride)
        return x * (self.gain / 64)


def _binomial(x: Tensor, dim: int, stride: int) -> Tensor:
    x = x.movedim(dim, -1)
    reach = (x.shape[-1] - 4) // stride * stride + 1
    a, b, c, d = (x[..., tap : tap + reach : stride] for tap in range(4))
    return (a + d + 3 * (b + c)).movedim(-1, dim)


def double_size(x: Tensor) -> Tensor:
    """Return x [N, C, h, w] at [N, C, 2h, 2w]: zeros put between the pixels, then the filter [1, 3, 3, 1] / 4 on each axis."""
    for dim in (-2, -1):
        x = x.movedim(dim, -1)
        wide = F.pad(x, (1, 1))
        before, here, after = wide[..., :-2], 0.75 * x, wide[..., 2:]
        x = torch.stack((0.25 * before + here, here + 0.25 * after), -1).flatten(-2).movedim(-1, dim)
    return x


class ModulatedConv2d(nn.Module):
    """A convolution whose input channels are scaled, for each sample, by an affine map of its latent (section 2.2, Eqs. 1-3).

    forward(x [N, in, h, w], latent [N, L]) -> [N, out, h, w], with `up` [N, out, 2h, 2w]. Demodulation divides each output
    channel by the norm of its scaled weights. Scaling the features before and after one convolution for all samples gives
    what a convolution with each sample's own weights would, without storing these.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        latent: int,
        *,
        up: bool = False,
        demodulate: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.modulation = EqualLinear(latent, in_channels, bias=1.0)
        self.scale = 1 / math.sqrt(in_channels * kernel**2)
        self.demodulate = demodulate
        # The transposed convolution gives 2h + 1 pixels, a quarter of them from each pixel's own weight: hence the gain.
        self.blur = Blur(padding=1, gain=4.0) if up else None

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        """Return the modulated convolution of x."""
        style = self.modulation(latent)
        weight = self.weight * self.scale
        x = x * style[:, :, None, None]
        if self.blur is None:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        else:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        if self.demodulate:
            with torch.autocast(x.device.type, enabled=False):  # a norm
                power = style.to(weight.dtype).square() @ weight.square().sum((2, 3)).T  # [N, out]
                scale = torch.rsqrt(power + 1e-8)
            x = x * scale.to(x.dtype)[:, :, None, None]
        return x


def minibatch_std(x: Tensor, group: int = 4) -> Tensor:
    """Return x [N, C, h, w] with one channel more: the mean standard deviation of features within groups of samples.

    A group is the largest number of samples, at most `group`, that divides N; alone, a sample gets (almost) zero
    (Karras et al. 2018, section 3).
    """
    count, _, height, width = x.shape
    size = next(size for size in range(min(group, count), 0, -1) if count % size == 0)
    groups = x.to(torch.promote_types(x.dtype, torch.float32)).reshape(size, count // size, *x.shape[1:])
    deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, deviation.to(x.dtype).repeat(size)[:, None, None, None].expand(-1, 1, height, width)], 1)
