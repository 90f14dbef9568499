"""Thermal images in colors: the levels of each map, and a bar that shows degrees and changes no pixel of the image."""

from typing import get_args

import numpy as np
import pytest
from matplotlib.cm import ScalarMappable

from zoo.cli.translate import ColormapName as Offered
from zoo.errors import DataError, UsageError
from zoo.translation.colors import COLORMAPS, ColormapName, colored

LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def test_hot_is_white_or_black_and_grey_levels_stay_what_they_are():
    white, black = colored(LEVELS, "white-hot"), colored(LEVELS, "black-hot")
    np.testing.assert_array_equal(white, np.repeat(LEVELS[..., None], 3, axis=2))
    np.testing.assert_array_equal(black, 255 - white)


@pytest.mark.parametrize("name", ["inferno", "turbo"])
def test_colors_are_those_of_matplotlib_over_all_levels(name):
    scale = ScalarMappable(cmap=name)
    scale.set_clim(0, 255)
    expected = scale.to_rgba(LEVELS.astype(float), bytes=True)[..., :3]
    np.testing.assert_allclose(colored(LEVELS, name).astype(int), expected, atol=3)


def test_the_command_line_offers_every_map():
    assert get_args(Offered) == get_args(ColormapName) == tuple(COLORMAPS)


@pytest.mark.parametrize("name", COLORMAPS)
@pytest.mark.parametrize("height", [1, 17, 40, 300])
def test_the_bar_stands_beside_the_image_from_hot_to_cold(name, height):
    thermal = np.full((height, 20), 128, dtype=np.uint8)
    plain, with_bar = colored(thermal, name), colored(thermal, name, (-10.0, 40.0))
    np.testing.assert_array_equal(with_bar[:, :20], plain)
    strip = with_bar[:, 20:]
    ends = colored(np.array([[255, 0]], dtype=np.uint8), name)[0]
    assert (strip[0] == ends[0]).all(axis=1).any()
    assert height == 1 or (strip[-1] == ends[1]).all(axis=1).any()


def test_labels_differ_with_the_range_where_there_is_room():
    thermal = np.zeros((200, 10), dtype=np.uint8)
    cold, warm = (colored(thermal, "inferno", limits) for limits in ((0.0, 10.0), (50.0, 90.0)))
    assert cold.shape != warm.shape or not np.array_equal(cold, warm)


def test_an_unknown_map_is_answered_with_all_names():
    with pytest.raises(UsageError, match=f"'jet'. Use {', '.join(list(COLORMAPS)[:-1])} or turbo"):
        colored(LEVELS, "jet")


@pytest.mark.parametrize(
    ("thermal", "found"),
    [
        ("file.png", "this is str"),
        (LEVELS / 255, r"this is float64 \[16, 16\]"),
        (LEVELS > 9, r"this is bool \[16, 16\]"),
        (LEVELS.astype(np.uint16), r"this is uint16 \[16, 16\]"),
        (np.zeros((8, 8, 3), np.uint8), r"this is uint8 \[8, 8, 3\]"),
        (np.zeros((0, 8), np.uint8), r"this is uint8 \[0, 8\]"),
    ],
)
def test_only_images_of_8_bits_are_colored(thermal, found):
    with pytest.raises(DataError, match=found):
        colored(thermal, "inferno")
