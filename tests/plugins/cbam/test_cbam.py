"""CBAM against its equations as plain loops, and the published counts."""

from __future__ import annotations

import math

import pytest
import torch

from zoo_plugins.cbam import zoo_components
from zoo_plugins.cbam.config import CBAMResNetConfig
from zoo_plugins.cbam.network import CBAM, CBAMResNet


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def looped(cbam: CBAM, x: list[list[list[float]]]) -> list[list[list[float]]]:
    """The two attentions over one sample [C][h][w], one number at a time."""
    channels, height, width = len(x), len(x[0]), len(x[0][0])
    first, second = cbam.channel.mlp[0], cbam.channel.mlp[2]

    def mlp(pooled: list[float]) -> list[float]:
        hidden = [
            max(0.0, sum(w * p for w, p in zip(row, pooled, strict=True)) + b)
            for row, b in zip(first.weight.tolist(), first.bias.tolist(), strict=True)
        ]
        return [
            sum(w * h for w, h in zip(row, hidden, strict=True)) + b
            for row, b in zip(second.weight.tolist(), second.bias.tolist(), strict=True)
        ]

    flat = [[v for row in channel for v in row] for channel in x]
    averages = mlp([sum(values) / len(values) for values in flat])
    maxima = mlp([max(values) for values in flat])
    scaled = [[[v * sigmoid(averages[c] + maxima[c]) for v in row] for row in channel] for c, channel in enumerate(x)]
    kernel = cbam.spatial.conv.weight[0].tolist()
    out = [[[0.0] * width for _ in range(height)] for _ in range(channels)]
    for i in range(height):
        for j in range(width):
            total = 0.0
            for di in range(7):
                for dj in range(7):
                    p, q = i + di - 3, j + dj - 3
                    if 0 <= p < height and 0 <= q < width:
                        column = [scaled[c][p][q] for c in range(channels)]
                        total += kernel[0][di][dj] * max(column) + kernel[1][di][dj] * sum(column) / channels
            for c in range(channels):
                out[c][i][j] = scaled[c][i][j] * sigmoid(total)
    return out


def test_attention_equals_its_equations_as_loops() -> None:
    torch.manual_seed(0)
    cbam = CBAM(6, reduction=2).double()
    x = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    expected = torch.tensor([looped(cbam, sample) for sample in x.tolist()], dtype=torch.float64)
    torch.testing.assert_close(cbam(x), expected)


def test_one_official_module_has_the_published_parameters() -> None:
    assert sum(p.numel() for p in CBAM(256, reduction=16, spatial_bn=True).parameters()) == 8_564
    assert sum(p.numel() for p in CBAM(256, reduction=16).parameters()) == 8_562


@pytest.mark.parametrize(("blocks", "count"), [(6, 7_889_083), (9, 11_455_255)])
def test_official_attention_in_every_block_has_the_published_parameters(blocks: int, count: int) -> None:
    with torch.device("meta"):
        net = CBAMResNet(CBAMResNetConfig(blocks=blocks, out_channels=3, spatial_bn=True))
    assert sum(p.numel() for p in net.parameters()) == count


def test_placement_decides_which_blocks_attend() -> None:
    def attended(placement: str) -> list[bool]:
        with torch.device("meta"):
            net = CBAMResNet(CBAMResNetConfig(width=4, blocks=3, placement=placement))
        return [isinstance(net.model[10 + block].attention, CBAM) for block in range(3)]

    assert attended("every") == [True, True, True]
    assert attended("last") == [False, False, True]


def test_default_has_no_batch_norm_and_works_at_batch_one_in_training() -> None:
    net = CBAMResNet(CBAMResNetConfig(width=4, blocks=2))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
    y = net(torch.rand(1, 3, 16, 12))
    assert y.shape == (1, 1, 16, 12)
    assert y.abs().max() <= 1


def test_taps_are_the_numbered_entries() -> None:
    net = CBAMResNet(CBAMResNetConfig(width=4, blocks=2))
    shapes = [tuple(t.shape) for t in net.taps(torch.rand(1, 3, 16, 16), [0, 4, 7, 10])]
    assert shapes == [(1, 3, 22, 22), (1, 8, 8, 8), (1, 16, 4, 4), (1, 16, 4, 4)]


def test_rows_describe_what_they_build() -> None:
    assert {row.name: row.config.blocks for row in zoo_components()} == {"resnet6_cbam": 6, "resnet9_cbam": 9}
