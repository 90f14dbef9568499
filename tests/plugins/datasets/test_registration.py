"""Registration by crop and homography, held against scipy's interpolation and plain geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from zoo.errors import DataError
from zoo_plugins.datasets.registration import CropBox, central_box, crop_to_box, read_homography, visible_share, warp


def _smooth(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(*shape, 3))
    blurred = ndimage.gaussian_filter(noise, (5, 5, 0))
    return (255 * (blurred - blurred.min()) / np.ptp(blurred)).astype(np.uint8)


def test_a_warp_fetches_each_thermal_pixel_from_where_the_homography_says() -> None:
    visible = _smooth((120, 160))
    matrix = np.array([[0.9, 0.03, -8.0], [-0.02, 0.88, -6.0], [1e-4, -5e-5, 1.0]])
    got = warp(visible, matrix, (90, 110)).astype(np.float64)
    ys, xs = np.indices((90, 110))
    back = np.linalg.inv(matrix) @ np.stack([xs, ys, np.ones_like(xs)]).reshape(3, -1).astype(np.float64)
    x, y = (back[:2] / back[2]).reshape(2, 90, 110)
    want = np.stack(
        [ndimage.map_coordinates(visible[..., c].astype(np.float64), (y, x), order=3) for c in range(3)], -1
    )
    inside = slice(3, -3)
    assert np.abs(got - want)[inside, inside].max() < 4
    assert np.abs(got - want)[inside, inside].mean() < 0.7


def test_a_shrinking_warp_does_not_alias() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    small = warp(stripes, np.diag([0.25, 0.25, 1.0]) @ [[1, 0, 0], [0, 1, 0], [0, 0, 1]], (99, 99))
    assert np.abs(small[5:-5, 5:-5].astype(int) - 127).max() < 20


def test_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(DataError, match="outside the visible one"):
        warp(_smooth((60, 80)), np.diag([3.0, 3.0, 1.0]) @ [[1, 0, 50], [0, 1, 0], [0, 0, 1]], (60, 80))


@pytest.mark.parametrize(
    "text", ["1 0 2\n0 1 3\n0 0 1\n", "# camera 1\n1,0,2\n0,1,3\n0,0,1\n", "1, 0, 2\n0, 1, 3\n\n0, 0, 1"]
)
def test_a_homography_is_read_from_text_or_npy(tmp_path: Path, text: str) -> None:
    want = [[1, 0, 2], [0, 1, 3], [0, 0, 1]]
    (tmp_path / "h.txt").write_text(text)
    np.save(tmp_path / "h.npy", np.array(want, float))
    for name in ("h.txt", "h.npy"):
        np.testing.assert_array_equal(read_homography(tmp_path / name), want)


@pytest.mark.parametrize("text", ["", "1 2 3", "1 0 0\n0 0 0\n0 0 1", "a b c", "nan 0 0\n0 1 0\n0 0 1"])
def test_what_is_no_homography_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "h.txt").write_text(text)
    with pytest.raises(DataError, match="homography"):
        read_homography(tmp_path / "h.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_homography(tmp_path / "none.txt")


def test_fields_of_view_give_the_share_of_the_width() -> None:
    assert visible_share(60, 60) == pytest.approx(1)
    assert visible_share(45.0, 52.8) == pytest.approx(0.41421356 / 0.49642, abs=1e-4)


def test_a_central_box_has_the_thermal_aspect_and_fits() -> None:
    view = central_box((1024, 1280), (512, 640), 0.5)
    assert (view.left, view.top, view.right, view.bottom) == pytest.approx((0.25, 0.25, 0.75, 0.75))
    tall = central_box((500, 1000), (640, 512), 1.0)
    assert (tall.top, tall.bottom) == (0, 1)
    assert (tall.right - tall.left) * 1000 / 500 == pytest.approx(512 / 640)


def test_a_crop_shows_the_view() -> None:
    visible = np.zeros((100, 200, 3), np.uint8)
    visible[20:60, 50:150] = 200
    got = crop_to_box(visible, CropBox(left=0.25, top=0.2, right=0.75, bottom=0.6), (20, 50))
    assert got.shape == (20, 50, 3)
    assert (got[1:-1, 2:-2] > 180).all()
    assert (crop_to_box(visible, CropBox(left=0.3, top=0.25, right=0.7, bottom=0.55), (10, 20)) == 200).all()
    with pytest.raises(DataError, match="exceeds the image"):
        CropBox(left=0.5, top=0, right=1.2, bottom=1)
