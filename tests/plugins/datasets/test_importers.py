"""Importers of public layouts, on small trees made by hand and, where it is there, on the real set."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from zoo.contracts import Dataset
from zoo.data.check import check
from zoo.data.images import read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split
from zoo.data.writer import materialize
from zoo.errors import DataError
from zoo.hookspec import Component
from zoo_plugins.datasets import zoo_components
from zoo_plugins.datasets.aligned import SideBySide
from zoo_plugins.datasets.config import NoOptions, RoadSceneConfig
from zoo_plugins.datasets.cyclegan import CycleGANFolders
from zoo_plugins.datasets.public_pairs import RoadScene

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "roadscene"


def _noise(seed: int, height: int = 6, width: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _built(row: Component) -> Any:
    module, _, name = row.target.partition(":")
    return getattr(import_module(module), name)(row.config)


def _left_out(info: DatasetInfo) -> dict[str, str]:
    return {item.name: item.reason for item in info.left_out}


@pytest.fixture
def road(tmp_path: Path) -> Path:
    """A tree in RoadScene's layout with 9 pairs."""
    for i in range(9):
        _save(tmp_path / f"src/crop_LR_visible/FLIR_{i:05}.jpg", _noise(i))
        _save(tmp_path / f"src/cropinfrared/FLIR_{i:05}.jpg", _noise(100 + i)[..., 0])
    return tmp_path / "src"


def _import_road(road: Path, test_pairs: int = 3) -> DatasetInfo:
    return materialize(RoadScene(RoadSceneConfig(test_pairs=test_pairs)), road.parent / "dst", road)


NAMES = [
    "roadscene",
    "osu",
    "flir",
    "thermalworld",
    "llvip",
    "kaist",
    "msrs",
    "m3fd",
    "aviid",
    "vedai",
    "niicu",
    "freiburg",
    "cvc14",
    "irvi",
    "radiometric",
    "pairs",
    "cyclegan",
    "aligned",
]


def test_every_row_builds_a_dataset_from_its_config() -> None:
    rows = list(zoo_components())
    assert [row.name for row in rows] == NAMES
    for row in rows:
        assert isinstance(_built(row), Dataset)
        assert row.contract.needs == {"source"}
        assert msgspec.json.decode(msgspec.json.encode(row.config), type=type(row.config)) == row.config


@pytest.mark.parametrize("row", zoo_components(), ids=lambda row: row.name)
def test_a_source_in_another_layout_is_refused_with_what_was_found(tmp_path: Path, row: Component) -> None:
    dataset = _built(row)
    (tmp_path / "src/summer").mkdir(parents=True)
    with pytest.raises(DataError, match=r"src` (is not in (the|a) layout of|cannot be split: the test set is)"):
        materialize(dataset, tmp_path / "dst", tmp_path / "src")
    with pytest.raises(DataError, match="does not exist"):
        materialize(dataset, tmp_path / "dst", tmp_path / "none")
    with pytest.raises(DataError, match="imported from a folder"):
        materialize(dataset, tmp_path / "dst", None)
    assert [p.name for p in tmp_path.iterdir()] == ["src"]


def test_roadscene_holds_out_the_smallest_digests_of_the_file_names(road: Path) -> None:
    info = _import_road(road)
    names = sorted(
        (p.name for p in (road / "crop_LR_visible").iterdir()), key=lambda n: hashlib.sha256(n.encode()).hexdigest()
    )
    assert info.splits == {"train": 6, "test": 3}
    assert [e.stem + ".jpg" for e in list_split(road.parent / "dst", "test")] == sorted(names[:3])
    assert check(road.parent / "dst") == []


def test_roadscene_images_come_through_unchanged(road: Path) -> None:
    _import_road(road)
    for split in ("train", "test"):
        for entry in list_split(road.parent / "dst", split):
            for path, folder, read in (
                (entry.visible, "crop_LR_visible", read_visible), (entry.thermal, "cropinfrared", read_thermal)
            ):  # fmt: skip
                np.testing.assert_array_equal(read(path), np.array(Image.open(road / folder / f"{entry.stem}.jpg")))


def test_bad_pairs_are_left_out_by_name_and_the_test_set_is_drawn_from_the_others(road: Path) -> None:
    visible, thermal = road / "crop_LR_visible", road / "cropinfrared"
    (visible / "FLIR_00001.jpg").write_bytes((visible / "FLIR_00001.jpg").read_bytes()[:-60])
    _save(thermal / "FLIR_00002.jpg", _noise(1, 5, 8)[..., 0])
    _save(thermal / "FLIR_00003.jpg", _noise(1))
    (visible / "Thumbs.db").write_bytes(b"x")
    (visible / ".DS_Store").write_bytes(b"x")
    _save(visible / "FLIR_00004.png", _noise(4))
    (visible / "FLIR_00005.jpg").rename(visible / "FLIR_00005.JPG")
    _save(visible / "lonely.jpg", _noise(4))
    _save(thermal / "other.png", _noise(4)[..., 0])
    info = materialize(RoadScene(RoadSceneConfig(test_pairs=3)), road.parent / "again", road)
    reasons = _left_out(info)
    expected = {
        "crop_LR_visible/FLIR_00001.jpg": "truncated",
        "crop_LR_visible/FLIR_00002.jpg": "differ in size: visible 6x8, thermal 5x8",
        "crop_LR_visible/FLIR_00003.jpg": "false colours",
        "crop_LR_visible/FLIR_00004.png": "same stem as FLIR_00004.jpg",
        "crop_LR_visible/Thumbs.db": "not an image",
        "crop_LR_visible/lonely.jpg": "no thermal partner",
        "cropinfrared/other.png": "no visible partner",
    }
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in reasons[name]
        assert "\n" not in reasons[name]
    usable = [f"FLIR_{i:05}" for i in (0, 4, 5, 6, 7, 8)]
    smallest = sorted(usable, key=lambda stem: hashlib.sha256(f"{stem}.jpg".encode()).hexdigest())[:3]
    assert [e.stem for e in list_split(road.parent / "again", "test")] == sorted(smallest)
    assert sum(info.splits.values()) == 6


def test_a_set_too_small_for_its_test_split_is_refused(road: Path) -> None:
    with pytest.raises(DataError, match="9 usable pairs, too few to hold 20 out"):
        _import_road(road, test_pairs=20)


def test_a_set_without_one_usable_pair_is_refused(road: Path) -> None:
    for path in (road / "cropinfrared").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no image could be imported; 9 were left out"):
        _import_road(road)
    assert not (road.parent / "dst").exists()


@pytest.fixture
def unpaired(tmp_path: Path) -> Path:
    """A tree in the layout of CycleGAN with 3 + 2 visible and 4 + 1 thermal images, two of them of one name."""
    for folder, count in (("trainA", 3), ("testA", 2)):
        for i in range(count):
            _save(tmp_path / f"horses/{folder}/{i}.jpg", _noise(i, 6 + i, 8))
    for folder, count in (("trainB", 4), ("testB", 1)):
        for i in range(count):
            _save(tmp_path / f"horses/{folder}/{i}.png", _noise(i)[..., 0])
    return tmp_path / "horses"


def test_cyclegan_folders_become_an_unpaired_set(unpaired: Path) -> None:
    (unpaired / "trainA/bad.jpg").write_bytes(b"x")
    info = materialize(CycleGANFolders(NoOptions()), unpaired.parent / "dst", unpaired)
    assert (info.name, info.pairs, info.splits) == ("horses", False, {"train": 3, "test": 2})
    assert (info.thermal_low, info.thermal_high) == (0, 255)
    entries = list_split(unpaired.parent / "dst", "train")
    assert sum(e.thermal is not None for e in entries) == 4
    assert list(_left_out(info)) == ["trainA/bad.jpg"]
    assert check(unpaired.parent / "dst") == []


def test_16_bit_counts_are_scaled_to_the_span_of_the_training_images(unpaired: Path) -> None:
    for path in (*(unpaired / "trainB").iterdir(), *(unpaired / "testB").iterdir()):
        path.unlink()
    for i, (low, high) in enumerate([(21000, 23000), (22000, 25000)]):
        _save(unpaired / f"trainB/{i}.TIFF", np.linspace(low, high, 48).round().astype(np.uint16).reshape(6, 8))
    _save(unpaired / "testB/0.png", np.full((6, 8), 60000, np.uint16))
    _save(unpaired / "trainB/x.png", _noise(0)[..., 0])
    info = materialize(CycleGANFolders(NoOptions()), unpaired.parent / "dst", unpaired)
    assert (info.thermal_bits, info.thermal_low, info.thermal_high) == (16, 21000, 25000)
    assert "8 bits, most files 16" in _left_out(info)["trainB/x.png"]


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_side_by_side_images_are_cut_into_pairs(tmp_path: Path, held_out: str) -> None:
    left, right = _noise(0), _noise(1)[..., :1].repeat(3, axis=2)
    for folder, count in (("train", 2), (held_out, 1)):
        for i in range(count):
            _save(tmp_path / f"maps/{folder}/{i}.png", np.concatenate([left, right], axis=1))
    _save(tmp_path / "maps/train/odd.png", _noise(0, 6, 7))
    _save(tmp_path / "maps/train/colour.png", _noise(0, 6, 8))
    info = materialize(SideBySide(NoOptions()), tmp_path / "dst", tmp_path / "maps")
    assert (info.name, info.pairs, info.splits) == ("maps", True, {"train": 2, "test": 1})
    (entry,) = list_split(tmp_path / "dst", "test")
    np.testing.assert_array_equal(read_visible(entry.visible), left)
    np.testing.assert_array_equal(read_thermal(entry.thermal), right[..., 0])
    assert "cannot be cut into two equal halves" in _left_out(info)["train/odd.png"]
    assert "false colours" in _left_out(info)["train/colour.png"]


@pytest.mark.skipif(not REAL.is_dir(), reason="the RoadScene images are not here")
def test_the_real_roadscene_gives_141_training_and_20_test_pairs(tmp_path: Path) -> None:
    info = materialize(RoadScene(RoadSceneConfig()), tmp_path / "dst", REAL)
    names = sorted(p.name for p in (REAL / "crop_LR_visible").iterdir())
    by_digest = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert (info.splits, info.left_out) == ({"train": 141, "test": 20}, ())
    assert {e.stem + ".jpg" for e in list_split(tmp_path / "dst", "test")} == set(by_digest[:20])
