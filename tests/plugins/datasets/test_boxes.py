"""Boxes of objects in four formats, as an import of pairs stores them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.check import check
from zoo.data.entries import read_values
from zoo.data.layout import read_info
from zoo.data.writer import materialize
from zoo.errors import DataError
from zoo_plugins.datasets.config import PairsConfig
from zoo_plugins.datasets.pairs import Pairs

VOC = """<annotation><object><name>{}</name><bndbox><xmin>3</xmin><ymin>2</ymin><xmax>6</xmax><ymax>99</ymax></bndbox></object>
</annotation>"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six pairs of 10 x 20 pixels whose names differ by `_rgb` and `_ir`."""
    for number in range(6):
        for side, channels in (("rgb", 3), ("ir", 1)):
            shape = (10, 20, 3) if channels == 3 else (10, 20)
            path = tmp_path / f"src/{side}/{number}_{side}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.random.default_rng(number).integers(0, 256, shape).astype(np.uint8)).save(path)
    return tmp_path / "src"


def _imported(source: Path, boxes: Path, classes: str = "") -> dict[str, list[tuple[object, ...]]]:
    """Import with boxes and return them by stem, after a check of the dataset."""
    dst = source.parent / "dst"
    materialize(Pairs(PairsConfig(boxes=str(boxes), classes=classes)), dst, source)
    assert check(dst) == []
    (entry,) = read_info(dst).entries
    found = {}
    for split in ("train", "test"):
        for stem, values in read_values(entry, dst / split).items():
            found[stem] = [(box.label, *box.corners) for box in values]
    return found


def test_yolo_shares_become_pixels_and_indices_names(source: Path, tmp_path: Path) -> None:
    (tmp_path / "yolo/train").mkdir(parents=True)
    (tmp_path / "yolo/train/0_rgb.txt").write_text("1 0.5 0.5 0.2 0.4\n7 0.1 0.2 0.2 0.4 0.9\n\n")
    (tmp_path / "yolo/train/1.txt").write_text("0 0.95 0.5 0.2 0.2\n0 2 2 0.1 0.1\n")
    (tmp_path / "yolo/train/2.txt").write_text("")
    found = _imported(source, tmp_path / "yolo", "person+car")
    assert [label for label, *_ in found["0"]] == ["car", "class_7"]
    np.testing.assert_allclose([corners for _, *corners in found["0"]], [[8, 3, 12, 7], [0, 0, 4, 4]])
    np.testing.assert_allclose(
        [corners for _, *corners in found["1"]], [[17, 4, 20, 6]]
    )  # cut at the edge; one is outside
    assert found["2"] == []


def test_voc_counts_from_one_and_is_cut_at_the_edges(source: Path, tmp_path: Path) -> None:
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc/3_ir.xml").write_text(VOC.format("tree"))
    assert _imported(source, tmp_path / "voc")["3"] == [("tree", 2, 1, 6, 10)]


def test_coco_and_lists_by_stem_say_the_same(source: Path, tmp_path: Path) -> None:
    coco = {
        "images": [{"id": 5, "file_name": "data/4_rgb.png"}, {"id": 6, "file_name": "none.png"}],
        "annotations": [{"image_id": 5, "category_id": 2, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 2, "name": "person"}],
    }
    expected = [("person", 1, 2, 4, 6)]
    for content in (
        coco,
        {"4": [["person", 1, 2, 4, 6]]},
        {"4_ir": [{"class": "person", "box": [1, 2, 4, 6]}]},
        {"4": [[1, 1, 2, 4, 6]]},
    ):
        (tmp_path / "boxes.json").write_text(json.dumps(content))
        assert _imported(source, tmp_path / "boxes.json", "car+person")["4"] == expected
        for path in sorted((tmp_path / "dst").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


def test_boxes_that_cannot_be_read_are_named(source: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "broken.json").write_text('{"a": [[1, 2]]}')
    (tmp_path / "list.json").write_text("[1]")
    for name in ("none", "broken.json", "list.json", "missing.json"):
        with pytest.raises(DataError, match=name):
            _imported(source, tmp_path / name)
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo/1.txt").write_text("0 a b c d\n")
    info = materialize(Pairs(PairsConfig(boxes=str(tmp_path / "yolo"))), tmp_path / "set", source)
    assert [item.name for item in info.left_out] == ["rgb/1_rgb.png"]
    assert "yolo/1.txt` cannot be read" in info.left_out[0].reason
