"""Blurred halving and doubling against sums written as loops."""

from __future__ import annotations

import pytest
import torch
from scipy.ndimage import correlate1d
from torch import Tensor

from zoo.layers.blur import BlurDown, BlurUp


def mirrored(i: int, n: int) -> int:
    return -i if i < 0 else 2 * (n - 1) - i if i >= n else i


def looped_down(x: Tensor) -> Tensor:
    (_, _, height, width), weights = x.shape, (0.25, 0.5, 0.25)
    out = torch.zeros(*x.shape[:2], -(-height // 2), -(-width // 2), dtype=x.dtype)
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            for p, a in enumerate(weights):
                for q, b in enumerate(weights):
                    out[:, :, i, j] += a * b * x[:, :, mirrored(2 * i + p - 1, height), mirrored(2 * j + q - 1, width)]
    return out


@pytest.mark.parametrize("size", [(6, 8), (2, 2), (5, 7)])
def test_halving_is_the_blurred_image_at_every_second_pixel(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(BlurDown(3).double()(x), looped_down(x))


def test_halving_agrees_with_scipys_mirrored_filter() -> None:
    x = torch.randn(1, 1, 8, 6, dtype=torch.float64)
    smooth = x[0, 0].numpy()
    for axis in (0, 1):
        smooth = correlate1d(smooth, [0.25, 0.5, 0.25], axis=axis, mode="mirror")
    torch.testing.assert_close(BlurDown(1).double()(x)[0, 0], torch.from_numpy(smooth[::2, ::2].copy()))


def doubled_line(line: list[float]) -> list[float]:
    """[1, 3, 3, 1] / 4 over zeros between the numbers: three parts of the nearest, one of the next nearest."""
    padded = [line[0], *line, line[-1]]
    pairs = [
        (0.75 * padded[i] + 0.25 * padded[i - 1], 0.75 * padded[i] + 0.25 * padded[i + 1])
        for i in range(1, len(line) + 1)
    ]
    return [value for pair in pairs for value in pair]


def test_doubling_takes_three_parts_of_the_nearest_pixel_and_one_of_the_next() -> None:
    x = torch.randn(1, 1, 4, 5, dtype=torch.float64)
    rows = [doubled_line(row) for row in x[0, 0].tolist()]
    columns = [doubled_line(list(column)) for column in zip(*rows, strict=True)]
    expected = torch.tensor(columns, dtype=torch.float64).T
    torch.testing.assert_close(BlurUp(1).double()(x)[0, 0], expected)


def test_channels_do_not_mix_and_flat_images_stay_flat() -> None:
    x = torch.tensor([1.0, -2.0, 5.0]).view(1, 3, 1, 1).expand(1, 3, 4, 6)
    torch.testing.assert_close(BlurDown(3)(x), x[..., ::2, ::2])
    torch.testing.assert_close(BlurUp(3)(x), x.repeat(1, 1, 2, 2))


def test_the_finest_stripes_vanish_where_plain_dropping_would_keep_them() -> None:
    stripes = torch.tensor([1.0, -1.0]).repeat(4).expand(1, 1, 8, 8)
    assert stripes[..., ::2].mean() == 1
    assert not BlurDown(1)(stripes).any()


def test_filters_are_saved_and_not_trained() -> None:
    for blur, size in ((BlurDown(5), 3), (BlurUp(5), 4)):
        assert {name: tuple(value.shape) for name, value in blur.state_dict().items()} == {"filt": (5, 1, size, size)}
        assert not list(blur.parameters())
