"""Reflection padding whose gradient is deterministic on every device."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.layers.norm import is_channels_last


class ReflectionPad2d(nn.Module):
    """Pad [..., h, w] by `padding` mirrored pixels on each side, as `nn.ReflectionPad2d`, which has no deterministic
    gradient on CUDA. It has no parameters and takes the same slot of a `Sequential`.

    Raises:
        ValueError: the input is not larger than the padding.
    """

    def __init__(self, padding: int) -> None:
        super().__init__()
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """Return x [..., h, w] padded to [..., h + 2 * padding, w + 2 * padding]."""
        height, width = x.shape[-2:]
        if min(height, width) <= self.padding:
            raise ValueError(f"reflection padding of {self.padding} needs a larger image, got {height} x {width}")
        if x.device.type == "cpu" and is_channels_last(x):
            return F.pad(x, [self.padding] * 4, mode="reflect")  # there torch's own is deterministic, and faster
        return _reflect(_reflect(x, self.padding, -1), self.padding, -2)

    def extra_repr(self) -> str:
        """Return the padding, for `print(module)`."""
        return str(self.padding)


def _reflect(x: Tensor, padding: int, dim: int) -> Tensor:
    before = x.narrow(dim, 1, padding).flip(dim)
    after = x.narrow(dim, x.shape[dim] - 1 - padding, padding).flip(dim)
    return torch.cat((before, x, after), dim)
