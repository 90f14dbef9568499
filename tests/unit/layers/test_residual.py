"""The residual trunk's blocks and the order in which an attention acts."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from zoo.layers.residual import ResidualBlock, ResNetTrunk


class Recorded(nn.Module):
    """Multiplies by its number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.number


def test_block_adds_the_attended_residual_and_ends_without_an_activation() -> None:
    block = ResidualBlock(4, norm="instance", dropout=False, attention=Recorded(3)).double()
    first, second = (layer for layer in block.conv_block if isinstance(layer, nn.Conv2d))
    x = torch.randn(2, 4, 6, 5, dtype=torch.float64)

    def convolve(y: torch.Tensor, conv: nn.Conv2d) -> torch.Tensor:
        return F.instance_norm(F.conv2d(F.pad(y, (1, 1, 1, 1), mode="reflect"), conv.weight, conv.bias))

    expected = x + 3 * convolve(F.relu(convolve(x, first)), second)
    torch.testing.assert_close(block(x), expected)
    assert (expected < 0).any()


def test_trunk_asks_for_each_blocks_attention_by_index() -> None:
    trunk = ResNetTrunk(
        in_channels=1,
        out_channels=1,
        width=2,
        blocks=3,
        norm="none",
        dropout=False,
        init="normal",
        init_gain=0.02,
        attention=Recorded,
    )
    numbers = [block.attention.number for block in trunk.modules() if isinstance(block, ResidualBlock)]
    assert numbers == [0, 1, 2]
