"""Convolutions from many channels to a few with a large kernel, computed one column of the kernel at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LANES = 16
"""Output channels that a CPU's convolution computes at once, also where there are fewer."""


@contextmanager
def column_by_column(network: nn.Module) -> Iterator[None]:
    """Let a network compute such convolutions, as the last one of a ResNet, faster on a CPU in a `with` block.

    For 1 or 3 output channels most of `LANES` is wasted. A column of the kernel has kernel-height weights for each of
    kernel-width times as many channels; its results are shifted and added. The result differs by rounding only.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d) and _is_thin(module)]
    for layer in layers:
        layer.__dict__["forward"] = partial(_convolved, layer)
    try:
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)


def _is_thin(layer: nn.Conv2d) -> bool:
    """Whether a convolution gets at least twice as fast, and is of torch's own class without parametrizations."""
    if type(layer) is not nn.Conv2d or isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        return False
    width = layer.kernel_size[1]
    is_plain = layer.stride == layer.dilation == (1, 1) and layer.groups == 1
    return is_plain and width >= 5 and ceil(layer.out_channels * width / LANES) <= width / 2


def _convolved(layer: nn.Conv2d, x: Tensor) -> Tensor:
    weight, width = layer.weight, layer.kernel_size[1]
    columns = weight.permute(0, 3, 1, 2).flatten(0, 1).unsqueeze(-1)  # [channels * width, inputs, height, 1]
    z = torch.unflatten(F.conv2d(x, columns, None, 1, layer.padding), -3, (-1, width))
    length = z.shape[-1] - width + 1
    y: Tensor = z[..., 0, :, :length]
    for shift in range(1, width):
        y = y + z[..., shift, :, shift : shift + length]
    return y if layer.bias is None else y + layer.bias[:, None, None]
