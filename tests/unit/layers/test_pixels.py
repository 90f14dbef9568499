"""Levels, grey and degrees against numpy and Pillow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.errors import UsageError
from zoo.layers import conditions, pixels


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_every_level_comes_back_and_values_between_go_to_the_nearest(bits: int, dtype: type) -> None:
    top = 2**bits - 1
    levels = torch.from_numpy(np.arange(top + 1).astype(dtype))
    values = pixels.from_levels(levels, bits)
    assert values.dtype == torch.float64
    np.testing.assert_allclose(values.numpy(), np.arange(top + 1) / top * 2 - 1, atol=1e-15)
    assert torch.equal(pixels.to_levels(values, bits).int(), levels.int())
    drawn = noise(1000)
    expected = (drawn.double().numpy() + 1) / 2 * top
    assert np.abs(pixels.to_levels(drawn, bits).int().numpy() - expected).max() <= 0.5 + 1e-2
    assert pixels.to_levels(torch.tensor([-9.0, 9.0]), bits).tolist() == [0, top]


def test_bytes_become_the_floats_that_networks_see() -> None:
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_allclose(pixels.from_bytes(torch.from_numpy(levels)).numpy(), levels / 127.5 - 1, atol=1e-7)
    assert [pixels.level_of(value) for value in (-1.0, 0.001, 1.0)] == [0, 128, 255]


def test_grey_is_that_of_pillow_in_floats() -> None:
    """Pillow weighs floats in its own arithmetic only through 8 bits, so the levels are compared before rounding by a half."""
    levels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    ours = pixels.grey(pixels.from_bytes(torch.from_numpy(levels)).permute(2, 0, 1)[None])
    pillow = np.asarray(Image.fromarray(levels).convert("L")).astype(float)
    assert np.abs((ours[0, 0].numpy() + 1) * 127.5 - pillow).max() <= 0.5 + 1e-2


def test_equal_channels_are_their_own_grey() -> None:
    one = noise(2, 1, 30, 30)
    three = one.expand(-1, 3, -1, -1)
    assert (pixels.grey(three) - pixels.grey(one)).abs().max() < 1e-6
    assert torch.equal(pixels.as_saved(three), pixels.as_saved(pixels.grey(three)))


def test_each_channel_is_clipped_before_it_is_weighed() -> None:
    beyond = torch.tensor([9.0, -9.0, 0.0]).view(1, 3, 1, 1)
    assert pixels.grey(beyond).item() == pytest.approx(0.299 - 0.587, abs=1e-6)


def test_other_numbers_of_channels_are_refused() -> None:
    with pytest.raises(UsageError, match="from 1 or 3 channels, and these have 2"):
        pixels.as_saved(noise(1, 2, 4, 4))


def test_degrees_of_three_channels_are_those_of_their_grey() -> None:
    thermal = noise(1, 3, 8, 8)
    expected = -10 + (np.tensordot((0.299, 0.587, 0.114), thermal[0].double().numpy(), 1) + 1) / 2 * 60
    np.testing.assert_allclose(pixels.shown_degrees(thermal, (-10.0, 50.0))[0, 0].numpy(), expected, atol=1e-4)


def test_the_names_that_plugins_import_from_conditions_are_the_same_functions() -> None:
    assert (conditions.to_celsius, conditions.to_range) == (pixels.to_celsius, pixels.to_range)


def test_importing_it_imports_no_torch() -> None:
    code = "import sys, zoo.layers.pixels; print('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
