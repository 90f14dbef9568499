"""What is written is what is read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from zoo.data.images import read_celsius, read_labels, read_thermal, read_visible
from zoo.data.layout import fingerprint, list_split, read_info
from zoo.data.writer import DatasetWriter, materialize
from zoo.errors import DataError

from .conftest import THERMAL, VISIBLE


@pytest.mark.parametrize(
    ("dtype", "suffix", "bits"), [(np.uint8, ".png", 8), (np.uint16, ".png", 16), (np.float32, ".npy", 32)]
)
def test_a_pair_comes_back_bit_for_bit(tmp_path: Path, dtype: type, suffix: str, bits: int) -> None:
    thermal = (np.random.default_rng(1).uniform(0, 1, (4, 6)) * (250 if bits == 8 else 60000)).astype(dtype)
    labels = np.random.default_rng(2).integers(0, 2, (4, 6))
    celsius = np.random.default_rng(3).normal(10, 9, (4, 6)).astype(np.float16)
    with DatasetWriter(tmp_path / "set") as writer:
        writer.add("train", "a.b", visible=VISIBLE, thermal=thermal, labels=labels, celsius=celsius)
        writer.describe(
            name="x", classes=("sky", "road"), thermal_high=60000.0, license="none", citation="c", source="s"
        )
    (entry,) = list_split(tmp_path / "set", "train")
    assert (entry.stem, entry.thermal.suffix) == ("a.b", suffix)
    np.testing.assert_array_equal(read_visible(entry.visible), VISIBLE)
    np.testing.assert_array_equal(read_thermal(entry.thermal), thermal)
    np.testing.assert_array_equal(read_labels(entry.labels), labels)
    np.testing.assert_array_equal(read_celsius(entry.celsius), celsius.astype(np.float32))
    info = read_info(tmp_path / "set")
    assert (info.thermal_bits, info.splits, info.celsius) == (bits, {"train": 1, "test": 0}, True)
    assert info.offers == {"pairs", "labels", "celsius"}


def test_class_temperatures_are_means_over_the_training_images_that_show_the_class(tmp_path: Path) -> None:
    shape = (4, 6)
    with DatasetWriter(tmp_path / "set") as writer:
        common = {"visible": VISIBLE, "thermal": THERMAL}
        writer.add("train", "a", labels=np.zeros(shape, int), celsius=np.full(shape, 10.0), **common)
        half = np.zeros(shape, int)
        half[:, 3:] = 1
        writer.add("train", "b", labels=half, celsius=np.where(half, 30.0, 20.0), **common)
        writer.add("test", "c", labels=half, celsius=np.full(shape, 99.0), **common)
        given = {"sky": 40.0, "car": float("nan")}
        writer.add("train", "d", labels=half, celsius=np.full(shape, 1.0), temperatures=given, **common)
        writer.describe(name="x", classes=("sky", "road", "car"))
    assert read_info(tmp_path / "set").class_temperatures == {"sky": (10 + 20 + 40) / 3, "road": 30.0}
    with (tmp_path / "set/train/temperature.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(r["stem"], r["class"]): float(r["celsius"]) for r in rows} == {
        ("a", "sky"): 10, ("b", "sky"): 20, ("b", "road"): 30, ("d", "sky"): 40,
    }  # fmt: skip


def test_an_unpaired_set_counts_visible_images_and_offers_no_pairs(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        for i in range(3):
            writer.add_visible("train", f"a{i}", VISIBLE)
        writer.add_thermal("train", "a0", THERMAL)
        writer.add_thermal("test", "b0", THERMAL[:2])
        writer.describe(name="x")
    info = read_info(tmp_path / "set")
    assert (info.pairs, info.splits, info.offers) == (False, {"train": 3, "test": 0}, frozenset())


def test_left_out_files_are_written_down(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        writer.add("train", "a", visible=VISIBLE, thermal=THERMAL)
        writer.skip("x/b.jpg", "cannot be\n decoded")
    stored = json.loads((tmp_path / "set/dataset.json").read_text())
    assert stored["left_out"] == [{"name": "x/b.jpg", "reason": "cannot be decoded"}]


def test_progress_hears_of_every_image(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    with DatasetWriter(tmp_path / "set", progress=lambda done, out: heard.append((done, out))) as writer:
        writer.add("train", "a", visible=VISIBLE, thermal=THERMAL)
        writer.skip("b", "bad")
        writer.add("test", "a", visible=VISIBLE, thermal=THERMAL)
    assert heard == [(1, 0), (1, 1), (2, 1)]


def test_materialize_returns_what_was_written(tmp_path: Path) -> None:
    class One:
        def write(self, writer: DatasetWriter, source: Path | None) -> None:
            assert source is None
            for split in ("train", "test"):
                writer.add(split, "a", visible=VISIBLE, thermal=THERMAL)
            writer.describe(name="one")

    info = materialize(One(), tmp_path / "set")
    assert info == read_info(tmp_path / "set")
    assert info.fingerprint == fingerprint(tmp_path / "set")


def test_held_out_pairs_move_with_all_their_files(tmp_path: Path) -> None:
    labels = np.ones((4, 6), int)
    with DatasetWriter(tmp_path / "set") as writer:
        for number, stem in enumerate("abc"):
            writer.add(
                "train", stem, visible=VISIBLE, thermal=THERMAL, labels=labels, celsius=np.full((4, 6), 10.0 * number)
            )
        writer.hold_out({"b", "c"})
        with pytest.raises(DataError, match="`b` cannot be held out"):
            writer.hold_out({"b"})
        assert (writer.stems("train"), writer.stems("test", "thermal")) == (["a"], ["b", "c"])
        writer.describe(name="x", classes=("sky", "road"))
    assert read_info(tmp_path / "set").splits == {"train": 1, "test": 2}
    assert read_info(tmp_path / "set").class_temperatures == {"road": 0.0}
    for entry in list_split(tmp_path / "set", "test"):
        assert None not in (entry.visible, entry.thermal, entry.labels, entry.celsius)
        np.testing.assert_array_equal(read_celsius(entry.celsius), 10.0 * "abc".index(entry.stem))
    with (tmp_path / "set/test/temperature.csv").open() as file:
        assert [(row["stem"], float(row["celsius"])) for row in csv.DictReader(file)] == [("b", 10.0), ("c", 20.0)]
