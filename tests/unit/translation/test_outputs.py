"""Depths of thermal images, and degrees against the linear formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.errors import DataError, UsageError

RANGE = (-10.0, 50.0)


@pytest.fixture(scope="module")
def warm(saved, tmp_path_factory):
    """A model of data in degrees whose translation is the visible image in grey."""
    translator = zoo.load(saved(tmp_path_factory.mktemp("warm"), "scenes:train=2,test=2", method="grey_copy"))
    assert translator.thermal_range is not None
    return translator


@pytest.fixture(scope="module")
def grey(saved, pairs, tmp_path_factory):
    """A model of data in grey levels."""
    return zoo.load(saved(tmp_path_factory.mktemp("grey"), str(pairs), method="grey_copy"))


PIXELS = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
"""Every grey level."""


def test_depths_hold_the_same_temperatures(warm):
    eight, sixteen, floats = (warm.translate(PIXELS, depth=depth) for depth in (8, 16, "float"))
    assert (eight.dtype, sixteen.dtype, floats.dtype) == (np.uint8, np.uint16, np.float32)
    exact = np.arange(256).reshape(16, 16) / 255
    assert np.array_equal(eight, PIXELS[..., 0])
    assert np.abs(sixteen - exact * 65535).max() <= 0.5 + 0.01
    assert np.abs(floats - (exact * 2 - 1)).max() < 1e-6


def test_pictures_and_tensors_have_depths_too(warm):
    picture = Image.fromarray(PIXELS)
    assert [warm.translate(picture, depth=depth).mode for depth in (8, 16, "float")] == ["L", "I;16", "F"]
    tensor = torch.zeros(2, 3, 8, 8)
    types = [warm.translate(tensor, depth=depth).dtype for depth in (8, 16, "float", None)]
    assert types == [torch.uint8, torch.uint16, torch.float32, torch.float32]
    with pytest.raises(UsageError, match="depth of 8, 16 or 'float', not 12"):
        warm.translate(picture, depth=12)


@pytest.mark.parametrize("depth", [8, 16, "float"])
def test_degrees_follow_the_linear_formula(warm, depth):
    low, high = warm.thermal_range
    thermal = warm.translate(PIXELS, depth=depth)
    share = {8: lambda v: v / 255, 16: lambda v: v / 65535, "float": lambda v: (v + 1) / 2}[depth]
    expected = low + share(np.asarray(thermal, np.float64)) * (high - low)
    degrees = warm.to_celsius(thermal)
    assert degrees.dtype == np.float32
    assert np.abs(degrees - expected).max() < 4e-6  # the last bit of a float32 near 50
    assert np.isclose(degrees.min(), low) and np.isclose(degrees.max(), high)
    assert np.array_equal(warm.to_celsius(Image.fromarray(thermal)), degrees)
    assert np.array_equal(warm.to_celsius(torch.from_numpy(thermal)).numpy(), degrees)
    assert np.array_equal(warm.to_celsius([thermal])[0], degrees)


def test_degrees_of_a_saved_file(warm, tmp_path):
    warm.translate(Image.fromarray(PIXELS), depth=16).save(tmp_path / "thermal.png")
    fine = warm.to_celsius(warm.translate(PIXELS, depth="float"))
    low, high = warm.thermal_range
    assert np.abs(warm.to_celsius(tmp_path / "thermal.png") - fine).max() <= (high - low) / 65535


def test_degrees_of_other_numbers_are_refused(warm, grey):
    with pytest.raises(UsageError, match="grey levels, not degrees: their training data, blocks"):
        grey.to_celsius(np.zeros((2, 2), np.uint8))
    with pytest.raises(DataError, match="is it in degrees already"):
        warm.to_celsius(np.full((2, 2), 21.5, np.float32))
    with pytest.raises(DataError, match="uint8, uint16 or float; this one is int64"):
        warm.to_celsius(np.zeros((2, 2), np.int64))


def test_degrees_of_colors_are_refused_in_memory_as_in_a_file(warm, tmp_path):
    colors = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(colors).save(tmp_path / "colors.png")
    for thermal in (tmp_path / "colors.png", Image.fromarray(colors)):
        with pytest.raises(DataError, match="is in false colours"):
            warm.to_celsius(thermal)
    with pytest.raises(DataError, match=r"\[H, W\] or \[H, W, 1\]; this is uint8 \[8, 8, 3\]"):
        warm.to_celsius(colors)
    with pytest.raises(DataError, match="a tensor; this is NoneType"):
        warm.to_celsius(None)
    assert warm.to_celsius(Image.fromarray(PIXELS)).shape == (16, 16)  # grey in three channels, as files may be
