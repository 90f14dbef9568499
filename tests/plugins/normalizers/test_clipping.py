"""Weight clipping against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from zoo.errors import UsageError
from zoo_plugins.normalizers.config import ClippingConfig
from zoo_plugins.normalizers.simple import WeightClipping


def test_every_parameter_is_moved_to_the_nearest_value_in_range() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 1))
    before = [parameter.detach().numpy().copy() for parameter in net.parameters()]
    WeightClipping(ClippingConfig()).after_step(net)
    for parameter, old in zip(net.parameters(), before, strict=True):
        assert parameter.requires_grad
        assert parameter.detach().numpy() == pytest.approx(np.clip(old, -0.01, 0.01))
    WeightClipping(ClippingConfig(c=0.005)).after_step(net)
    assert max(parameter.abs().max().item() for parameter in net.parameters()) == pytest.approx(0.005)


def test_clipping_to_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="c=0"):
        ClippingConfig(c=0)
