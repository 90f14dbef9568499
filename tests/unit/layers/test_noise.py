"""Noise tied to pixel coordinates: its distribution, its independence, its bits, and that tiles agree with the whole."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from zoo.layers.noise import pixel_noise

CPU = torch.device("cpu")


def noise(
    channels: int = 1, height: int = 256, width: int = 256, seed: int = 0, draw: int = 0, origin=None
) -> torch.Tensor:
    n = 1 if origin is None else len(origin)
    where = None if origin is None else torch.tensor(origin)
    return pixel_noise((n, channels, height, width), seed=seed, draw=draw, origin=where, device=CPU)


@pytest.mark.parametrize("seed", [0, 1, 2**63, -5])
def test_the_noise_is_standard_normal(seed):
    values = noise(4, seed=seed).double().numpy().ravel()
    n = len(values)
    assert abs(values.mean()) < 4 / math.sqrt(n) and abs(values.var() - 1) < 4 * math.sqrt(2 / n)
    assert stats.kstest(values, "norm").pvalue > 1e-3
    assert abs(stats.skew(values)) < 4 * math.sqrt(6 / n) and abs(stats.kurtosis(values)) < 4 * math.sqrt(24 / n)
    assert np.isfinite(values).all() and np.abs(values).max() > 4


def test_neighbours_channels_seeds_and_draws_are_independent():
    whole = noise(2)
    one, other = whole[0, 0], whole[0, 1]
    pairs = {
        "columns": (one[:, :-1], one[:, 1:]),
        "rows": (one[:-1], one[1:]),
        "diagonals": (one[:-1, :-1], one[1:, 1:]),
        "channels": (one, other),
        "transposed": (one, one.T),
        **{f"seed {seed}": (one, noise(seed=seed)[0, 0]) for seed in (1, 2, 2**32)},
        **{f"draw {draw}": (one, noise(draw=draw)[0, 0]) for draw in (1, 2)},
        "seed for draw": (noise(seed=1)[0, 0], noise(draw=1)[0, 0]),
    }
    for name, (a, b) in pairs.items():
        limit = 4.5 / math.sqrt(a.numel())
        for first, second in ((a, b), (a.abs(), b.abs()), (a.square(), b.square())):
            correlation = np.corrcoef(first.numpy().ravel(), second.numpy().ravel())[0, 1]
            assert abs(correlation) < (limit if name != "transposed" else 1.5 * limit), name


def test_its_spectrum_is_flat():
    power = torch.fft.rfft2(noise()[0, 0].double()).abs().square()[1:, 1:-1] / 256**2
    blocks = power[: 8 * 31, : 4 * 31].reshape(31, 8, 31, 4).mean((1, 3))
    assert abs(float(power.mean()) - 1) < 0.03
    assert float(blocks.min()) > 0.3 and float(blocks.max()) < 2.5  # means of 32 exponential numbers


def splitmix(x: int) -> int:
    """The output function of SplitMix64 (Vigna's public-domain reference), in Python's unbounded integers."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


def test_the_bits_are_those_of_splitmix64():
    golden = 0x9E3779B97F4A7C15
    # The first outputs for the seed 1234567, published with the reference.
    assert splitmix((1234567 + golden) % 2**64) == 6457827717110365317
    assert splitmix((1234567 + 2 * golden) % 2**64) == 3203168211198807973
    key = splitmix((splitmix((7 + golden) % 2**64) + 3 + golden) % 2**64)
    found = noise(2, 3, 4, seed=7, draw=3, origin=[[100, 5000]])[0]
    for channel, row, column in itertools.product(range(2), range(3), range(4)):
        bits = splitmix((key + golden * (channel + 1)) % 2**64)
        bits = splitmix((bits + golden * (row + 100)) % 2**64)
        bits = splitmix((bits + golden * (column + 5000)) % 2**64)
        high, low = ((half + 0.5) / 2**32 for half in (bits >> 32, bits % 2**32))
        expected = math.sqrt(-2 * math.log(high)) * math.cos(2 * math.pi * low)
        assert float(found[channel, row, column]) == pytest.approx(expected, abs=2e-5)


def test_tiles_agree_with_the_whole_and_images_do_not_depend_on_the_batch():
    whole = noise(3, 40, 60, seed=4)
    corners = [[0, 0], [24, 0], [7, 31]]
    tiles = noise(3, 16, 29, seed=4, origin=corners)
    for tile, (row, column) in zip(tiles, corners, strict=True):
        assert torch.equal(tile, whole[0, :, row : row + 16, column : column + 29])
    batch = pixel_noise((3, 3, 40, 60), seed=4, origin=None, device=CPU)
    assert torch.equal(batch, whole.expand(3, -1, -1, -1))


def test_noise_can_be_traced_as_one_graph():
    def drawn(x: torch.Tensor) -> torch.Tensor:
        return x + pixel_noise((*x.shape,), seed=2**64 - 1, origin=None, device=x.device)

    compiled = torch.compile(drawn, backend="aot_eager", fullgraph=True, dynamic=False)
    x = torch.zeros(2, 1, 4, 5)
    torch.testing.assert_close(compiled(x), drawn(x))
