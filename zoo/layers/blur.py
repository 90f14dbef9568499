"""Anti-aliased downsampling and upsampling by 2 with a fixed blur (Zhang 2019)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.layers.pad import ReflectionPad2d


class BlurDown(nn.Module):
    """Blur by [1, 2, 1] / 4 in both directions and keep every second pixel, the first among them.

    forward(x [N, channels, h, w]) -> [N, channels, ceil(h / 2), ceil(w / 2)], with mirrored borders; h and w at least 2.
    It has no parameters, and the buffer `filt` [channels, 1, 3, 3] of the CUT authors' code.
    """

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pad = ReflectionPad2d(1)
        self.register_buffer("filt", _filter((1.0, 2.0, 1.0), channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the downsampled features."""
        return F.conv2d(self.pad(x), self.filt, stride=2, groups=x.shape[1])


class BlurUp(nn.Module):
    """Double the size: zeros between the pixels, then a blur by [1, 3, 3, 1] / 4, which fills them and keeps the mean.

    forward(x [N, channels, h, w]) -> [N, channels, 2 h, 2 w], with repeated borders. It has no parameters, and the buffer
    `filt` [channels, 1, 4, 4] of the CUT authors' code.
    """

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        # Three of four pixels are zeros: the sum of the filter is 4.
        self.register_buffer("filt", 4 * _filter((1.0, 3.0, 3.0, 1.0), channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the upsampled features."""
        # nn.ReplicationPad2d has no deterministic gradient on CUDA. One pixel of padding makes two at each side; the filter
        # reaches over one more.
        x = torch.cat((x[..., :1], x, x[..., -1:]), dim=-1)
        x = torch.cat((x[..., :1, :], x, x[..., -1:, :]), dim=-2)
        return F.conv_transpose2d(x, self.filt, stride=2, padding=3, groups=x.shape[1])


def _filter(taps: tuple[float, ...], channels: int) -> Tensor:
    """Return the outer product of `taps` with itself, of sum 1, once a channel: [channels, 1, k, k]."""
    line = torch.tensor(taps) / sum(taps)
    return torch.outer(line, line).repeat(channels, 1, 1, 1)
