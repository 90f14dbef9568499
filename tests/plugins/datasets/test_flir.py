"""FLIR ADAS, versions 1 and 2, on small trees in the published layouts: faults, splits, and registration."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from zoo.data.check import check
from zoo.data.images import read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split
from zoo.data.registration import estimate_shift
from zoo.data.writer import materialize
from zoo.errors import DataError, UsageError
from zoo_plugins.datasets.config import FLIRConfig
from zoo_plugins.datasets.flir import FLIR

RNG = np.random.default_rng(0)


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape).astype(np.uint8)


def _import(source: Path, **options: object) -> tuple[Path, DatasetInfo]:
    dst = source.parent / f"dst{len(list(source.parent.iterdir()))}"
    return dst, materialize(FLIR(FLIRConfig(**options)), dst, source)


@pytest.fixture(
    params=[("train", "val", "thermal_8_bit", "thermal_16_bit"), ("training", "validation", "PreviewData", "Data")]
)
def first(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A tree of version 1 (1.3 or 1.0): 7 training and 2 validation frames, with faults."""
    train, val, eight, sixteen = request.param
    for half, numbers in ((train, range(1, 8)), (val, range(8863, 8865))):
        for number in numbers:
            name = f"FLIR_{number:05}"
            _save(tmp_path / f"flir/{half}/RGB/{name}.jpg", _noise(20, 30, 3))
            _save(tmp_path / f"flir/{half}/{eight}/{name}.jpeg", _noise(16, 20))
            counts = RNG.integers(7000, 8000, (16, 20)).astype(np.uint16)
            _save(tmp_path / f"flir/{half}/{sixteen}/{name}.tiff", counts)
    half = tmp_path / "flir" / train
    (half / "RGB/FLIR_00001.jpg").unlink()
    (half / "RGB/FLIR_00002.jpg").rename(half / "RGB/FLIR_00002.JPG")
    (half / f"{eight}/FLIR_00003.jpeg").write_bytes(b"\xff\xd8")
    _save(half / "RGB/FLIR_00004.png", _noise(20, 30, 3))
    (half / "RGB/Thumbs.db").write_bytes(b"x")
    (half / f"{eight}/FLIR_00005.jpeg").unlink()
    _save(half / f"{eight}/FLIR_00005.tiff", RNG.integers(0, 9999, (16, 20)).astype(np.uint16))
    (tmp_path / "flir/video").mkdir()
    return tmp_path / "flir"


def test_version_1_keeps_its_split_and_names_what_is_left_out(first: Path) -> None:
    root, info = _import(first)
    assert info.splits == {"train": 4, "test": 2}
    said = {item.name.rpartition("/")[2]: item.reason for item in info.left_out}
    assert said.keys() == {"FLIR_00001.jpeg", "FLIR_00003.jpg", "FLIR_00004.png", "Thumbs.db", "FLIR_00005.jpg"}
    assert said["FLIR_00001.jpeg"] == "no visible partner"
    assert "16 bits, the published set 8" in said["FLIR_00005.jpg"]
    assert [entry.stem for entry in list_split(root, "train")] == [f"FLIR_{i:05}" for i in (2, 4, 6, 7)]
    assert all(read_visible(entry.visible).shape == (16, 20, 3) for entry in list_split(root, "test"))
    assert check(root) == []


def test_16_bit_frames_come_as_counts_or_with_a_stated_scale_as_degrees(first: Path) -> None:
    root, counts = _import(first, thermal="16")
    assert (counts.thermal_bits, counts.unit) == (16, "grey")
    assert 7000 <= counts.thermal_low < counts.thermal_high < 8000
    other, degrees = _import(first, thermal="16", celsius_per_count=0.04)
    assert (degrees.thermal_bits, degrees.unit) == (32, "celsius")
    for raw, warm in zip(list_split(root, "test"), list_split(other, "test"), strict=True):
        np.testing.assert_allclose(read_thermal(warm.thermal), read_thermal(raw.thermal) * 0.04 - 273.15, atol=1e-4)
    with pytest.raises(UsageError, match="8-bit images hold none"):
        FLIR(FLIRConfig(celsius_per_count=0.04))


def test_version_1_crops_the_common_size_where_it_was_measured(tmp_path: Path) -> None:
    visible = np.zeros((1600, 1800, 3), np.uint8)
    visible[155:1423, 155:1740] = 200
    for half in ("train", "val"):
        _save(tmp_path / f"flir/{half}/RGB/FLIR_1.png", visible)
        _save(tmp_path / f"flir/{half}/thermal_8_bit/FLIR_1.png", _noise(512, 640))
    root, _ = _import(tmp_path / "flir")
    got = read_visible(list_split(root, "train")[0].visible)
    assert (got[1:-1, 1:-1] > 195).all()
    wide, _ = _import(tmp_path / "flir", view_width=1.0)
    assert (read_visible(list_split(wide, "train")[0].visible)[:, 0] == 0).all()


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """A tree of version 2: six test videos of four frames each, whose partners only the map names."""
    names = {}
    for video in range(6):
        for frame in range(4):
            rgb, thermal = (f"video-V{video}x-frame-{frame:06}-{side}{frame}" for side in "rt")
            names[f"{rgb}.jpg"] = f"{thermal}.jpg"
            _save(tmp_path / f"flir/video_rgb_test/data/{rgb}.jpg", _noise(24, 32, 3))
            _save(tmp_path / f"flir/video_thermal_test/data/{thermal}.jpg", _noise(16, 20))
            counts = RNG.integers(7000, 8000, (16, 20)).astype(np.uint16)
            _save(tmp_path / f"flir/video_thermal_test/analyticsData/{thermal}.TIFF", counts)
    _save(tmp_path / "flir/video_thermal_test/data/video-V9x-frame-000000-q.jpg", _noise(16, 20))
    (tmp_path / "flir/video_rgb_test/data/video-V0x-frame-000001-r1.jpg").unlink()
    (tmp_path / "flir/video_rgb_test/data/Thumbs.db").write_bytes(b"x")
    for folder in ("images_rgb_train", "images_thermal_train"):
        _save(tmp_path / f"flir/{folder}/data/other.jpg", _noise(16, 20))
    (tmp_path / "flir/rgb_to_thermal_vid_map.json").write_text(json.dumps(names))
    return tmp_path / "flir"


def test_version_2_pairs_by_the_map_and_holds_whole_videos_out(second: Path) -> None:
    root, info = _import(second, test_share=0.3)
    videos = {split: {e.stem.split("-")[1] for e in list_split(root, split)} for split in ("train", "test")}
    assert not videos["train"] & videos["test"]
    assert sum(info.splits.values()) == 23
    assert info.splits["test"] in (7, 8)
    assert {item.name: item.reason.partition(" by")[0] for item in info.left_out} == {
        "data/video-V9x-frame-000000-q.jpg": "no partner",
        "data/video-V0x-frame-000001-t1.jpg": "no partner",
        "data/Thumbs.db": "not an image of this layout",
    }
    assert check(root) == []
    _, sixteen = _import(second, thermal="16")
    assert sixteen.thermal_bits == 16


def test_version_2_shows_the_part_that_the_thermal_lens_sees(second: Path) -> None:
    stem = "video-V3x-frame-000002-r2"
    columns = np.linspace(0, 250, 1000).astype(np.uint8)[None, :, None].repeat(800, 0).repeat(3, 2)
    _save(second / f"video_rgb_test/data/{stem}.jpg", columns)
    root, _ = _import(second)
    path = next(e.visible for split in ("train", "test") for e in list_split(root, split) if e.stem == stem)
    shown = read_visible(path).mean(axis=(0, 2))
    share = np.tan(np.radians(22.5)) / np.tan(np.radians(26.4))
    want = 250 * (0.5 + share * ((np.arange(20) + 0.5) / 20 - 0.5))
    np.testing.assert_allclose(shown, want, atol=3)


def test_a_homography_file_takes_the_place_of_the_crop(tmp_path: Path) -> None:
    scene = ndimage.gaussian_filter(RNG.normal(size=(300, 400)), 4)
    scene = (255 * (scene - scene.min()) / np.ptp(scene)).astype(np.uint8)
    matrix = np.array([[0.6, 0.01, -15.0], [0.0, 0.6, -12.0], [0.0, 1e-5, 1.0]])
    ys, xs = np.indices((128, 160))
    back = np.linalg.inv(matrix) @ np.stack([xs, ys, np.ones_like(xs)]).reshape(3, -1).astype(float)
    x, y = (back[:2] / back[2]).reshape(2, 128, 160)
    thermal = 255 - ndimage.map_coordinates(scene, (y, x), order=1)
    for half in ("train", "val"):
        _save(tmp_path / f"flir/{half}/RGB/FLIR_1.png", scene[..., None].repeat(3, 2))
        _save(tmp_path / f"flir/{half}/thermal_8_bit/FLIR_1.png", thermal)
    np.savetxt(tmp_path / "h.txt", matrix)
    root, _ = _import(tmp_path / "flir", homography=str(tmp_path / "h.txt"))
    entry = list_split(root, "train")[0]
    shift = estimate_shift(read_visible(entry.visible), read_thermal(entry.thermal))
    assert shift is not None
    assert shift.sure
    assert shift.length <= 1
    with pytest.raises(DataError, match="homography"):
        _import(tmp_path / "flir", homography=str(tmp_path / "none.txt"))


def test_what_is_neither_version_is_refused(tmp_path: Path) -> None:
    _save(tmp_path / "flir/train/RGB/FLIR_1.jpg", _noise(8, 8, 3))
    with pytest.raises(DataError, match=r"lacks train/RGB and train/thermal_8_bit \(version 1\), or rgb_to_thermal"):
        _import(tmp_path / "flir")
    (tmp_path / "flir/rgb_to_thermal_vid_map.json").write_text("[")
    for side in ("rgb", "thermal"):
        _save(tmp_path / f"flir/video_{side}_test/data/a.jpg", _noise(8, 8))
    with pytest.raises(DataError, match=r"vid_map.json` cannot be read"):
        _import(tmp_path / "flir")
