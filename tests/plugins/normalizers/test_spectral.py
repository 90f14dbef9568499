"""Spectral norm against numpy's singular values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from zoo.errors import UsageError
from zoo_plugins.normalizers import zoo_components
from zoo_plugins.normalizers.config import SpectralNormConfig
from zoo_plugins.normalizers.spectral import SpectralNormalizer


def critic() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 6, 4, 2, 1), nn.LeakyReLU(0.2), nn.ConvTranspose2d(6, 5, 3), nn.Flatten(), nn.Linear(180, 1)]
    return nn.Sequential(*layers).double()


def images(n: int = 2) -> Tensor:
    return torch.rand(n, 1, 8, 8, dtype=torch.float64)


def largest_singular_value(layer: nn.Module) -> float:
    weight = layer.weight.detach()
    rows = weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight
    return float(np.linalg.svd(rows.flatten(1).numpy(), compute_uv=False)[0])


@pytest.mark.parametrize("iterations", [1, 5])
def test_largest_singular_value_of_every_layer_becomes_one(iterations: int) -> None:
    net = SpectralNormalizer(SpectralNormConfig(iterations=iterations)).wrap(critic())
    for _ in range(200 // iterations):
        net(images())
    for index in (0, 2, 4):
        assert largest_singular_value(net[index]) == pytest.approx(1.0, abs=1e-6)


def test_weights_are_the_originals_divided_by_their_singular_value() -> None:
    plain, net = critic(), SpectralNormalizer(SpectralNormConfig()).wrap(critic())
    for _ in range(200):
        net(images())
    for index in (0, 2, 4):
        expected = plain[index].weight / largest_singular_value(plain[index])
        torch.testing.assert_close(net[index].weight, expected, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(net[index].bias, plain[index].bias)


def test_every_weight_is_trained_and_the_iteration_is_saved_with_it() -> None:
    net = SpectralNormalizer(SpectralNormConfig()).wrap(critic())
    net(images()).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in net.parameters())
    fresh = SpectralNormalizer(SpectralNormConfig()).wrap(critic())
    fresh.load_state_dict(net.state_dict())
    x = images()
    assert torch.equal(fresh(x), net(x))  # another power iteration from the same vectors


def test_a_network_without_torchs_layers_is_refused() -> None:
    with pytest.raises(UsageError, match="has none"):
        SpectralNormalizer(SpectralNormConfig()).wrap(nn.Sequential(nn.ReLU()))


def test_row_asks_for_features_that_are_not_normalized() -> None:
    contract = {row.name: row.contract for row in zoo_components()}["sn"]
    assert contract.defaults["discriminator"]["norm"] == "none"
