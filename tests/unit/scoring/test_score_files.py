"""The files that `zoo.score` reads: depths, colours, scales and degrees, and those that are missing or unreadable."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from zoo.data.writer import DatasetWriter
from zoo.errors import UsageError, ZooError
from zoo.report.records_check import check_folder

from .conftest import grey, images, score


def in_colour(seed: int) -> np.ndarray:
    return np.stack([grey(seed), grey(seed + 1), grey(seed + 2)], axis=-1)


def with_alpha(seed: int) -> np.ndarray:
    return np.dstack([np.repeat(grey(seed)[..., None], 3, axis=2), np.full((32, 40), 255, np.uint8)])


@pytest.mark.parametrize(
    ("like", "ending"),
    [
        (lambda seed: grey(seed).astype(np.uint16) * 257, "png"),
        (lambda seed: grey(seed).astype(np.uint16) * 257, "tif"),
        (lambda seed: (grey(seed) / 127.5 - 1).astype(np.float32), "tiff"),
        (lambda seed: np.repeat(grey(seed)[..., None], 3, axis=2), "bmp"),
        (with_alpha, "png"),
    ],
)
def test_depth_and_channels_of_the_files_do_not_change_the_scores(pairs, tmp_path, like, ending):
    out = tmp_path / "out"
    (usual,) = score(images(tmp_path / "usual"), pairs, out)
    (other,) = score(images(tmp_path / "other", like=like, ending=ending), pairs, out)
    assert [each.per_image for each in other.scores] == [each.per_image for each in usual.scores]


def test_colours_become_grey_by_bt601_and_are_named(pairs, tmp_path):
    def luma(seed: int) -> np.ndarray:
        return (in_colour(seed) @ [0.299, 0.587, 0.114]).round().astype(np.uint8)

    (colour,) = score(images(tmp_path / "colour", like=in_colour), pairs, tmp_path / "out")
    (by_hand,) = score(images(tmp_path / "luma", like=luma), pairs, tmp_path / "out")
    assert colour.scores[0].value == pytest.approx(by_hand.scores[0].value, abs=0.01)
    assert colour.notes == ["3 of 3 predictions have colours; they are scored in grey (BT.601)."]


def test_transparent_pixels_are_refused(pairs, tmp_path):
    folder = images(tmp_path / "PID", like=lambda seed: with_alpha(seed) // 2)
    with pytest.raises(ZooError, match="has transparent pixels"):
        score(folder, pairs, tmp_path / "out")


def test_missing_and_unreadable_predictions_are_named(pairs, tmp_path, capsys):
    folder, out = images(tmp_path / "PID"), tmp_path / "out"
    (folder / "test0.png").unlink()
    (folder / "test1.png").write_bytes((folder / "test1.png").read_bytes()[:60])
    with pytest.raises(
        ZooError, match=r"1 of 3 test images have a prediction: no prediction of test0; .*test1.png"
    ) as found:
        score(folder, pairs, out)
    assert found.value.exit_code == 1 and not out.exists()
    (record,) = score(folder, pairs, out, allow_missing=True)
    assert [each.n for each in record.scores] == [1, 1] and record.scores[0].low is None
    assert record.scores[0].protocol["scored images"] == "1 of 3"
    assert record.scores[0].notes == ["no interval from one image"]
    assert check_folder(out) == (1, [])


def test_extra_and_constant_predictions_are_named(pairs, tmp_path, capsys):
    folder = images(tmp_path / "PID", like=lambda seed: np.full((32, 40), 7, np.uint8) if seed else grey(0))
    Image.fromarray(grey(0)).save(folder / "other.png")
    (record,) = score(folder, pairs, tmp_path / "out")
    assert record.notes == ["Predictions without contrast: test1, test2."]
    assert "left out, of no test image: other.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("like", "message", "value_range"),
    [
        (lambda seed: grey(seed).astype(np.uint16) * 4, "counts of fewer bits", (0.0, 1020.0)),
        (lambda seed: (grey(seed) / 255).astype(np.float32), "whose range is not known", (0.0, 1.0)),
    ],
)
def test_a_scale_that_is_not_clear_is_refused_until_it_is_stated(pairs, tmp_path, like, message, value_range):
    folder, out = images(tmp_path / "PID", like=like, ending="tif"), tmp_path / "out"
    with pytest.raises(UsageError, match=message):
        score(folder, pairs, out)
    (record,) = score(folder, pairs, out, value_range=value_range)
    (usual,) = score(images(tmp_path / "usual"), pairs, out)
    assert record.scores[0].per_image == pytest.approx(usual.scores[0].per_image)


def test_degrees_are_compared_where_the_files_hold_them(tmp_path):
    root, folder = tmp_path / "set", tmp_path / "PID"
    folder.mkdir()
    with DatasetWriter(root) as writer:
        writer.describe(name="warm", unit="celsius", thermal_low=0.0, thermal_high=50.0)
        for split in ("train", "test"):
            for index in range(2):
                visible = np.repeat(grey(index)[..., None], 3, axis=2)
                writer.add(split, f"{split}{index}", visible=visible, thermal=np.full((32, 40), 20 + index, np.float32))
    for index in range(2):
        np.save(folder / f"test{index}.npy", np.full((32, 40), 23.5 + 3 * index, np.float32))
    (record,) = score(folder, root, tmp_path / "out", metrics="mae_celsius")
    assert record.scores[0].per_image == pytest.approx({"test0": 3.5, "test1": 5.5}, abs=1e-4)
    for index in range(2):
        (folder / f"test{index}.npy").unlink()
        Image.fromarray(grey(index)).save(folder / f"test{index}.png")
    with pytest.raises(UsageError, match=r"8-bit predictions have one level for 0.2 degrees"):
        score(folder, root, tmp_path / "out", metrics="mae_celsius")
