"""Initial weights against the distributions that the papers' code states."""

from __future__ import annotations

import math

import torch
from torch import nn

from zoo.layers.init import initialize


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(32, 64, 5),
        nn.BatchNorm2d(2000),
        nn.ConvTranspose2d(64, 32, 5),
        nn.Linear(300, 200),
        nn.SyncBatchNorm(4),
    )


def test_normal_weights_have_the_gain_as_deviation_and_biases_are_zero() -> None:
    torch.manual_seed(0)
    conv, norm, transposed, linear, sync = net = network()
    initialize(net, "normal", 0.02)
    for layer in (conv, transposed, linear):
        values = layer.weight.detach().flatten()
        deviations = 5 / math.sqrt(2 * values.numel())
        assert abs(values.std().item() / 0.02 - 1) < deviations
        assert abs(values.mean().item()) < 0.02 * 5 / math.sqrt(values.numel())
        assert not layer.bias.any()
    assert abs(norm.weight.std().item() - 0.02) < 0.002
    assert abs(norm.weight.mean().item() - 1) < 0.003
    assert not norm.bias.any()
    assert torch.equal(sync.weight, torch.ones(4))


def test_xavier_weights_have_glorots_deviation_times_the_gain() -> None:
    torch.manual_seed(0)
    conv, _, _, linear, _ = net = network()
    initialize(net, "xavier", 0.02)
    for layer, fans in ((conv, (32 + 64) * 25), (linear, 300 + 200)):
        expected = 0.02 * math.sqrt(2 / fans)
        assert abs(layer.weight.std().item() / expected - 1) < 0.03


def test_weights_follow_torchs_seed() -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(7)
        net = nn.Conv2d(1, 4, 3)
        initialize(net, "normal")
        drawn.append(net.weight.detach())
    assert torch.equal(*drawn)
