"""AVIID, VEDAI, NII-CU, Freiburg Thermal, CVC-14 and IRVI, on small trees of the published shape."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo.data.check import check
from zoo.data.entries import Box, read_values
from zoo.data.images import read_labels, read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split, read_info
from zoo.data.writer import materialize
from zoo.errors import DataError
from zoo_plugins.datasets import examples, zoo_components

ROWS = {row.name: row for row in zoo_components()}


def _import(name: str, source: Path, dst: Path, **options: Any) -> DatasetInfo:
    module, _, target = ROWS[name].target.partition(":")
    config = type(ROWS[name].config)(**options)
    info = materialize(getattr(import_module(module), target)(config), dst, source)
    assert check(dst) == []
    return info


@pytest.fixture
def example(tmp_path: Path) -> Any:
    """Return a function that writes the example of an importer and returns its folder."""

    def make(name: str) -> Path:
        (tmp_path / "src").mkdir()
        getattr(examples, name)(tmp_path / "src")
        return tmp_path / "src"

    return make


def _stems(root: Path, split: str) -> list[str]:
    return [entry.stem for entry in list_split(root, split)]


def _boxes(root: Path, split: str, name: str = "boxes") -> dict[str, list[Box]]:
    entry = next(entry for entry in read_info(root).entries if entry.name == name)
    return read_values(entry, root / split)


@pytest.mark.parametrize(
    ("name", "alignment", "spectrum", "paired"),
    [
        ("aviid", "pixel", "", True),
        ("vedai", "pixel", "nir", True),
        ("niicu", "pixel", "", True),
        ("freiburg", "pixel", "lwir", True),
        ("cvc14", "time", "lwir", False),
        ("irvi", "none", "", False),
    ],
)
def test_the_facts_of_a_set_are_in_dataset_json(
    example: Any, tmp_path: Path, name: str, alignment: str, spectrum: str, paired: bool
) -> None:
    options = {"left": 4, "right": 28} if name == "freiburg" else {}
    info = _import(name, example(name), tmp_path / "dst", **options)
    assert info == read_info(tmp_path / "dst")
    assert (info.alignment, info.spectrum, info.pairs, info.left_out) == (alignment, spectrum, paired, ())
    assert info.source and info.license and info.citation and info.split_origin
    assert info.unit == "grey" and "celsius" not in info.offers
    assert name == "vedai" or any("publishers state" in note for note in info.notes)


def test_aviid_reads_one_tree_or_several_beside_each_other(example: Any, tmp_path: Path) -> None:
    source = example("aviid")
    assert _import("aviid", source, tmp_path / "one").splits == {"train": 3, "test": 3}
    for part in ("AVIID-1", "AVIID-3"):
        (tmp_path / "all" / part).mkdir(parents=True)
        examples.aviid(tmp_path / "all" / part)
    info = _import("aviid", tmp_path / "all", tmp_path / "two")
    assert info.splits == {"train": 6, "test": 6}
    assert _stems(tmp_path / "two", "test")[::3] == ["AVIID-1_0000", "AVIID-3_0000"]
    entry = list_split(tmp_path / "one", "train")[1]
    np.testing.assert_array_equal(read_visible(entry.visible), np.asarray(Image.open(source / "trainA/0001.png")))
    np.testing.assert_array_equal(read_thermal(entry.thermal), np.asarray(Image.open(source / "trainB/0001.png")))


def test_vedai_splits_by_id_and_turns_four_corners_into_boxes(example: Any, tmp_path: Path) -> None:
    source = example("vedai")
    info = _import("vedai", source, tmp_path / "dst")
    assert _stems(tmp_path / "dst", "test") == ["00001000", "00001001", "00001002"]
    assert info.splits == {"train": 3, "test": 3}
    assert _boxes(tmp_path / "dst", "test")["00001000"] == [Box(label="car", corners=(5, 4, 16, 13))]
    assert any("near infrared" in note for note in info.notes)
    for half, ids in (("", "00000997 00001001"), ("test", "00000998")):
        (source / f"Annotations512/fold01{half}.txt").write_text("\n".join(ids.split()) + "\n")
    folded = _import("vedai", source, tmp_path / "fold", split="fold01")
    assert (folded.splits, len(folded.left_out)) == ({"train": 2, "test": 1}, 3)
    assert folded.split_origin == "the publishers' fold01"
    with pytest.raises(DataError, match=r"lacks fold02.txt and fold02test.txt"):
        _import("vedai", source, tmp_path / "none", split="fold02")
    with pytest.raises(DataError, match="lacks Vehicules1024"):
        _import("vedai", source, tmp_path / "none", size="1024")


def test_a_vedai_line_of_another_form_leaves_its_pair_out(example: Any, tmp_path: Path) -> None:
    source = example("vedai")
    (source / "Annotations512/00001001.txt").write_text("00001001 10 9 0.5 5 15 16 6 4 5 13 12 99 0 0\n")
    (source / "Annotations512/00001002.txt").unlink()
    info = _import("vedai", source, tmp_path / "dst")
    assert [item.name for item in info.left_out] == ["Vehicules512/00001001_co.png"]
    assert "no line of 14 fields" in info.left_out[0].reason
    assert _boxes(tmp_path / "dst", "test")["00001002"] == []


def test_niicu_resizes_the_visible_image_and_its_boxes_and_says_so(example: Any, tmp_path: Path) -> None:
    source = example("niicu")
    lines = ["10\t12\t20\t40\t0\t0\t0", "2\t2\t8\t8\t2\t0\t0", "40\t30\t99\t99\t1\t1\t0"]
    (source / "4-channel/labels/val/001.txt").write_text("\n".join(lines) + "\n")
    (source / "4-channel/labels/val/002.txt").write_text("")
    info = _import("niicu", source, tmp_path / "dst")
    assert info.splits == {"train": 3, "test": 3}
    entry = list_split(tmp_path / "dst", "test")[0]
    assert read_visible(entry.visible).shape == (24, 32, 3)
    assert any("resized (bicubic) from 48x64 to 24x32" in note for note in info.notes)
    boxes = _boxes(tmp_path / "dst", "test")
    assert boxes["001"] == [
        Box(label="person", corners=(5, 6, 10, 20)), Box(label="person", corners=(20, 15, 32, 24)),
    ]  # fmt: skip
    assert boxes["002"] == []
    assert info.license == "CC BY-NC-SA 3.0"


def test_freiburg_crops_keeps_counts_and_pairs_by_the_rules_of_its_names(example: Any, tmp_path: Path) -> None:
    source = example("freiburg")
    info = _import("freiburg", source, tmp_path / "dst", left=4, right=28)
    assert info.splits == {"train": 4, "test": 4}
    assert (info.thermal_bits, info.thermal_low, info.thermal_high) == (16, 21800, 25000)
    stem = "seq_00_day_00_1571_123456791"
    assert stem in _stems(tmp_path / "dst", "train")
    entry = next(each for each in list_split(tmp_path / "dst", "train") if each.stem == stem)
    folder = source / "train/seq_00_day/00"
    for path, part, read in ((entry.visible, "fl_rgb", read_visible), (entry.thermal, "fl_ir_aligned", read_thermal)):
        whole = np.asarray(Image.open(folder / part / f"{part}_1571_123456791.png"))
        np.testing.assert_array_equal(read(path), whole[:, 4:28])
    times = read_values(info.entries[0], tmp_path / "dst" / "test")
    assert times == {stem: "night" if "night" in stem else "day" for stem in _stems(tmp_path / "dst", "test")}


def test_freiburg_leaves_out_black_borders_other_depths_and_ambiguous_names(example: Any, tmp_path: Path) -> None:
    source = example("freiburg")
    drive = source / "train/seq_00_day/00"
    border = np.full((24, 32), 22000, np.uint16)
    border[:, 5] = 0
    Image.fromarray(border).save(drive / "fl_ir_aligned/fl_ir_aligned_1570_123456780.png")
    eight = source / "train/seq_00_night/00/fl_ir_aligned/fl_ir_aligned_1570_123456780.png"
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(eight)
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(source / "test/seq_day/ImagesRGB/1570_123456785_rgb.png")
    info = _import("freiburg", source, tmp_path / "dst", left=4, right=28)
    said = [item.reason for item in info.left_out]
    for reason, count in {
        "black border": 1,
        "has 8 bits": 1,
        "several, by the rule": 1,
        "no thermal partner": 2,
    }.items():
        assert sum(reason in each for each in said) == count
    assert len(said) == 5
    assert info.splits == {"train": 2, "test": 3}
    assert len(_import("freiburg", source, tmp_path / "wide", left=8, right=28).left_out) == len(info.left_out) - 1


def test_freiburg_with_labels_keeps_only_frames_that_have_them(example: Any, tmp_path: Path) -> None:
    source = example("freiburg")
    labels = np.arange(24 * 32).reshape(24, 32) % 14
    (source / "train/seq_00_day/00/fl_rgb_labels").mkdir()
    Image.fromarray(labels.astype(np.uint8)).save(
        source / "train/seq_00_day/00/fl_rgb_labels/fl_rgb_labels_1570_123456780.png"
    )
    (source / "test/seq_night/SegmentationClass").mkdir()
    np.save(source / "test/seq_night/SegmentationClass/1570_123456780_rgb.npy", labels)
    info = _import("freiburg", source, tmp_path / "dst", left=4, right=28, labels=True)
    assert info.splits == {"train": 1, "test": 1}
    assert len(info.classes) == 14
    for split in ("train", "test"):
        written = read_labels(list_split(tmp_path / "dst", split)[0].labels)
        np.testing.assert_array_equal(written, labels[:, 4:28])


def test_cvc14_is_paired_by_time_only_so_that_no_pixel_metric_compares_it(example: Any, tmp_path: Path) -> None:
    source = example("cvc14")
    frames = source / "Day/Visible/Train/FramesPos"
    (frames / "2014_05_05_17_29_23_000000.tif").rename(frames / "2014_05_05_17_29_23_777777.tif")
    info = _import("cvc14", source, tmp_path / "dst")
    assert info.splits == {"train": 3, "test": 4}
    assert "pairs" not in info.offers
    assert any("no pixel metric" in note for note in info.notes)
    for entry in list_split(tmp_path / "dst", "train"):
        assert entry.visible and entry.thermal  # of one moment
    assert {item.reason for item in info.left_out} == {"no thermal partner", "no visible partner"}
    stem = "night_2014_05_05_17_29_23_000001"
    # The centre of the first pixel is (1, 1): 10 - 0.5 - 4 / 2 is the left edge.
    assert _boxes(tmp_path / "dst", "train", "boxes_thermal")[stem] == [
        Box(label="pedestrian", corners=(7.5, 3, 11.5, 12))
    ]
    assert _boxes(tmp_path / "dst", "train")[stem] == []


def test_irvi_cuts_three_frames_and_pairs_them_only_where_the_user_says_so(example: Any, tmp_path: Path) -> None:
    source = example("irvi")
    info = _import("irvi", source, tmp_path / "dst")
    assert info.splits == {"train": 6, "test": 2}
    entry = next(each for each in list_split(tmp_path / "dst", "train") if each.stem == "Traffic_0001_2")
    np.testing.assert_array_equal(
        read_visible(entry.visible), np.asarray(Image.open(source / "Traffic/trainB/0001.png"))[:, 48:]
    )
    np.testing.assert_array_equal(
        read_thermal(entry.thermal), np.asarray(Image.open(source / "Traffic/trainA/0001.png"))[:, 48:]
    )
    paired = _import("irvi", source, tmp_path / "paired", paired=True)
    assert paired.pairs and paired.splits == {"train": 6, "test": 2}
    assert any("as the user chose" in note for note in paired.notes)
