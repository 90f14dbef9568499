"""Feature normalization, and which convolutions keep a bias beside it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.layers.kinds import Norm


class InstanceNorm2d(nn.InstanceNorm2d):
    """`nn.InstanceNorm2d` without parameters and running statistics, fast in every memory layout.

    forward(x [N, channels, h, w]) -> the same shape and layout, each channel of each image with mean 0 and variance 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized features."""
        if torch.compiler.is_dynamo_compiling():  # one kernel, together with what precedes and follows
            full = x.to(torch.promote_types(x.dtype, torch.float32))
            variance, mean = torch.var_mean(full, (2, 3), correction=0, keepdim=True)
            return ((full - mean) * torch.rsqrt(variance + self.eps)).to(x.dtype)
        if is_channels_last(x):
            # torch's instance norm rearranges such images and leaves them so. Alone in its batch, an image has the statistics
            # of the batch.
            if len(x) == 1:
                return self._alone(x)
            return torch.cat([self._alone(image) for image in torch.split(x, 1)])
        return super().forward(x)

    def _alone(self, image: Tensor) -> Tensor:
        return F.batch_norm(image, None, None, training=True, eps=self.eps)


def is_channels_last(x: Tensor) -> bool:
    """Whether features [N, C, h, w] lie in memory pixel by pixel and not channel by channel; never where a graph is traced."""
    if torch.compiler.is_compiling():
        return False
    return x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def norm2d(norm: Norm, channels: int) -> nn.Module:
    """Return the normalization of [N, channels, h, w] features; every choice takes one slot of a `Sequential`.

    `instance` has no learned scale and no running statistics, `batch` has both, `none` is the identity.
    """
    match norm:
        case "instance":
            return InstanceNorm2d(channels)
        case "batch":
            return nn.BatchNorm2d(channels)
        case "none":
            return nn.Identity()


def conv_bias(norm: Norm) -> bool:
    """Return whether a convolution before this normalization has a bias.

    The rule is that of the CycleGAN authors' code, so that its state dicts convert one to one: only instance norm comes
    with a bias (which it cancels), and networks without normalization have none either.
    """
    return norm == "instance"
