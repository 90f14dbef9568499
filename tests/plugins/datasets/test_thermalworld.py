"""ThermalWorld's VOC tree and ThermalGAN's folders: labels, degrees, the temperature of each object, faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.check import check
from zoo.data.images import read_labels, read_thermal
from zoo.data.layout import DatasetInfo, list_split
from zoo.data.store import PairStore
from zoo.data.temperatures import read_temperatures
from zoo.data.writer import materialize
from zoo.errors import DataError
from zoo_plugins.datasets.config import ThermalWorldConfig
from zoo_plugins.datasets.thermalworld import ThermalWorld
from zoo_plugins.datasets.voc import palette, read_indices

RNG = np.random.default_rng(0)
SIZE = (24, 32)


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels.dtype.kind == "f":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path)


def _painted(path: Path, indices: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(indices, "P")
    image.putpalette(palette().ravel().tolist())
    image.save(path)


def _maps() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Classes, objects and degrees of two cars (1) that touch, beside a house (2)."""
    classes, objects = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    classes[4:14, 4:24], classes[16:22, 6:30] = 1, 2
    objects[4:14, 4:14], objects[4:14, 14:24], objects[16:22, 6:30] = 1, 2, 3
    degrees = np.choose(objects, [8.0, 25.0, 45.0, 15.0]).astype(np.float32)
    return classes, objects, degrees + RNG.normal(0, 0.1, SIZE).astype(np.float32)


def _import(source: Path, **options: object) -> tuple[Path, DatasetInfo]:
    dst = source.parent / f"dst{len(list(source.parent.iterdir()))}"
    return dst, materialize(ThermalWorld(ThermalWorldConfig(**options)), dst, source)


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """A VOC tree of ten images with degrees, and four more with a fault each."""
    root = tmp_path / "tw"
    for i in range(14):
        classes, objects, degrees = _maps()
        _save(root / f"ColorImages/{i:03}.jpg", RNG.integers(0, 256, (*SIZE, 3)).astype(np.uint8))
        _save(root / f"ThermalImages/{i:03}.npy", degrees)
        _painted(root / f"SegmentationClass/{i:03}.png", classes)
        _painted(root / f"SegmentationObject/{i:03}.png", objects)
    (root / "ThermalImages/010.npy").unlink()
    _save(root / "ThermalImages/011.npy", np.zeros((5, 5), np.float32))
    (root / "ThermalImages/012.npy").unlink()
    _save(root / "ThermalImages/012.png", np.full(SIZE, 300, np.uint16))
    (root / "SegmentationObject/013.png").write_bytes(b"x")
    (root / "ColorImages/Thumbs.db").write_bytes(b"x")
    _save(root / "ColorImages/000.png", RNG.integers(0, 256, (*SIZE, 3)).astype(np.uint8))
    (root / "ColorImages/001.jpg").rename(root / "ColorImages/001.JPG")
    return root


def test_the_voc_tree_comes_with_labels_degrees_and_edges(voc: Path) -> None:
    root, info = _import(voc, classes="background+car+house", test_share=0.2)
    assert info.classes == ("background", "car", "house", "edge")
    assert (info.unit, info.thermal_bits, sum(info.splits.values())) == ("celsius", 32, 10)
    said = {item.name: item.reason for item in info.left_out}
    expected = {
        "ColorImages/000.png": "same stem as 000.jpg",
        "ColorImages/Thumbs.db": "not an image",
        "SegmentationClass/010.png": "no partner in ThermalImages",
        "ColorImages/011.jpg": "differ in size",
        "ColorImages/012.jpg": "16 bits, most files 32",
        "ColorImages/013.jpg": "cannot be decoded",
    }
    assert said.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in said[name]
    assert check(root) == []
    assert info.offers >= {"labels", "celsius", "temperatures", "thermal_segmentation"}


def test_each_of_two_cars_that_touch_has_the_mean_of_its_own_area(voc: Path) -> None:
    root, info = _import(voc, classes="background+car+house")
    store = PairStore.open(root, "train", size=96, device="cpu")
    batch = store.whole(np_index(0))
    low, high = info.thermal_range
    degrees = (batch["thermal_segmentation"][0, 0].numpy() + 1) / 2 * (high - low) + low
    places = {"left car": (9 * 4, 8 * 3), "right car": (9 * 4, 20 * 3), "house": (19 * 4, 18 * 3)}
    want = {"left car": 25, "right car": 45, "house": 15}
    for name, place in places.items():
        assert degrees[place] == pytest.approx(want[name], abs=1.5)
    merged, _ = _import(voc, classes="background+car+house", edges=0)
    table = read_temperatures(merged, "train")
    assert next(iter(table.values()))["car"] == pytest.approx(35, abs=0.1)


def np_index(place: int):
    import torch

    return torch.tensor([place])


def test_class_names_come_from_the_tree_and_lists_make_the_split(voc: Path) -> None:
    (voc / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nnothing:0,0,0::\ncar:128,0,0::\nhouse:0,128,0::\n"
    )
    (voc / "ImageSets/Segmentation").mkdir(parents=True)
    (voc / "ImageSets/Segmentation/train.txt").write_text("000\n001\n002\n")
    (voc / "ImageSets/Segmentation/val.txt").write_text("003\n")
    root, info = _import(voc)
    assert info.classes == ("nothing", "car", "house", "edge")
    assert [entry.stem for entry in list_split(root, "test")] == ["003"]
    assert info.splits["train"] == 3
    with pytest.raises(DataError, match=r"no image could be imported.*labels up to 2, but 2 classes are named"):
        _import(voc, classes="a+b")


def test_integer_thermals_are_grey_until_their_scale_is_stated(tmp_path: Path) -> None:
    root = tmp_path / "tw"
    for i in range(4):
        classes, objects, degrees = _maps()
        _save(root / f"JPEGImages/{i}.png", RNG.integers(0, 256, (*SIZE, 3)).astype(np.uint8))
        _save(root / f"ThermalImages/{i}.TIFF", ((degrees + 273.15) / 0.04).round().astype(np.uint16))
        _painted(root / f"SegmentationClass/{i}.png", classes)
        _painted(root / f"SegmentationObject/{i}.png", objects)
    _, grey = _import(root)
    assert (grey.unit, grey.thermal_bits, grey.class_temperatures) == ("grey", 16, {})
    assert grey.classes == ("class_0", "class_1", "class_2", "edge")
    dst, warm = _import(root, celsius_per_count=0.04)
    assert warm.class_temperatures["class_2"] == pytest.approx(15, abs=0.1)
    assert read_thermal(list_split(dst, "train")[0].thermal)[18, 18] == pytest.approx(15, abs=0.5)


def test_painted_labels_and_void_borders_are_read_by_vocs_colours(tmp_path: Path) -> None:
    # From the VOC development kit: aeroplane, bicycle, bird, person, void.
    for index, colour in {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 15: (192, 128, 128)}.items():
        assert tuple(palette()[index]) == colour
    assert tuple(palette()[255]) == (224, 224, 192)
    indices = RNG.choice(np.array([0, 1, 15, 20, 255], np.uint8), (9, 9))
    colours = palette()[indices]
    colours[0, 0], indices[0, 0] = 255, 255
    Image.fromarray(colours).save(tmp_path / "painted.png")
    np.testing.assert_array_equal(read_indices(tmp_path / "painted.png"), indices)
    colours[3, 3] = (1, 2, 3)
    Image.fromarray(colours).save(tmp_path / "odd.png")
    with pytest.raises(DataError, match=r"colour \(1, 2, 3\)"):
        read_indices(tmp_path / "odd.png")


def test_thermalgans_folders_give_degrees_and_parted_objects(tmp_path: Path) -> None:
    root = tmp_path / "tg"
    for split, count in (("train", 4), ("test", 2)):
        for i in range(count):
            _, objects, degrees = _maps()
            means = np.choose(objects, [degrees[objects == k].mean() for k in range(4)]).astype(np.float32)
            _save(root / f"{split}/TV/{i}.png", RNG.integers(0, 256, (*SIZE, 3)).astype(np.uint8))
            _save(root / f"{split}/IR_32/{i}.npy", degrees)
            _save(root / f"{split}/LABEL_TEMP/{i}.npy", means)
    (root / "train/LABEL_TEMP/3.npy").unlink()
    dst, info = _import(root)
    assert info.splits == {"train": 3, "test": 2}
    assert (info.unit, info.classes) == ("celsius", ("object", "edge"))
    assert {item.name for item in info.left_out} == {"TV/3.png"}
    entry = list_split(dst, "train")[0]
    np.testing.assert_array_equal(read_thermal(entry.thermal), np.load(root / "train/IR_32/0.npy"))
    labels = read_labels(entry.labels)
    assert labels[9, 8] == labels[9, 20] == 0
    assert labels[9, 13] == labels[9, 14] == 1
    assert check(dst) == []
