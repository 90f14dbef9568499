"""`sample_subset` copies part of a dataset, each split out of its own; `redraw_split` splits all of it anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.data.check import check
from zoo.data.entries import Box, DatasetEntry, read_values
from zoo.data.images import read_labels
from zoo.data.layout import list_split, read_info
from zoo.data.subset import redraw_split, sample_subset
from zoo.data.temperatures import read_temperatures
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, UsageError


def _stems(root: Path, split: str) -> list[str]:
    return [entry.stem for entry in list_split(root, split)]


def test_a_subset_is_a_dataset_of_its_own_that_passes_every_check(make_pairs, tmp_path: Path) -> None:
    source = make_pairs(train=12, test=6, labels=True, unit="grey")
    info = sample_subset(source, tmp_path / "a", train=5, test=2, seed=0)
    assert info == read_info(tmp_path / "a")
    assert info.splits == {"train": 5, "test": 2}
    assert info.drawn.startswith("5 train and 2 test of made ")
    assert info.drawn.endswith(" with seed 0")
    assert check(tmp_path / "a") == []
    for split in ("train", "test"):
        assert set(_stems(tmp_path / "a", split)) < set(_stems(source, split))
        assert read_temperatures(tmp_path / "a", split).keys() == set(_stems(tmp_path / "a", split))
        for entry in list_split(tmp_path / "a", split):
            for path in (entry.visible, entry.thermal, entry.labels, entry.celsius):
                assert path.read_bytes() == (source / path.relative_to(tmp_path / "a")).read_bytes()


def test_a_seed_samples_the_same_and_another_seed_others(make_pairs, tmp_path: Path) -> None:
    source = make_pairs(train=30, test=10)
    same = [sample_subset(source, tmp_path / name, train=8, test=3, seed=7) for name in "ab"]
    sample_subset(source, tmp_path / "c", train=8, test=3, seed=8)
    sample_subset(source, tmp_path / "d", train=9, test=4, seed=7)
    assert same[0].fingerprint == same[1].fingerprint
    assert _stems(tmp_path / "a", "train") != _stems(tmp_path / "c", "train")
    assert set(_stems(tmp_path / "a", "train")) < set(_stems(tmp_path / "d", "train"))


def test_an_unpaired_set_gives_as_many_of_each_kind(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with DatasetWriter(tmp_path / "src") as writer:
        for split in ("train", "test"):
            for i in range(9):
                writer.add_visible(split, f"{i}", rng.integers(0, 256, (5, 6, 3)).astype(np.uint8))
                writer.add_thermal(split, f"{i}", rng.integers(0, 256, (5, 6)).astype(np.uint8))
    info = sample_subset(tmp_path / "src", tmp_path / "dst", train=4, test=2, seed=0)
    entries = list_split(tmp_path / "dst", "train")
    assert not info.pairs
    assert (
        sum(entry.visible is not None for entry in entries) == sum(entry.thermal is not None for entry in entries) == 4
    )
    assert check(tmp_path / "dst") == []


def test_too_many_and_too_few_are_refused_and_leave_nothing(make_pairs, tmp_path: Path) -> None:
    source = make_pairs(train=3, test=2)
    with pytest.raises(UsageError, match=r"500 train pairs cannot be sampled: .* has 3.*`train` from 1 to 3"):
        sample_subset(source, tmp_path / "dst", train=500, test=2, seed=0)
    with pytest.raises(UsageError, match="0 test pairs"):
        sample_subset(source, tmp_path / "dst", train=3, test=0, seed=0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with pytest.raises(DataError, match="not an empty folder"):
        sample_subset(source, tmp_path / "full", train=1, test=1, seed=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "set"]


def test_a_redrawn_split_pools_all_images_and_keeps_every_file(make_pairs, tmp_path: Path) -> None:
    source = make_pairs(train=14, test=6, labels=True, unit="grey")
    info = redraw_split(source, tmp_path / "a", test="0.25", validation="3", seed=1)
    assert info == read_info(tmp_path / "a")
    assert info.splits == {"train": 12, "validation": 3, "test": 5}
    assert info.drawn.startswith("12 train, 3 validation, 5 test of made ")
    assert check(tmp_path / "a") == []
    splits = {split: set(_stems(tmp_path / "a", split)) for split in ("train", "validation", "test")}
    everything = set(_stems(source, "train")) | set(_stems(source, "test"))
    assert set.union(*splits.values()) == everything
    assert sum(map(len, splits.values())) == 20
    assert splits["test"] != set(_stems(source, "test"))
    degrees = read_temperatures(source, "train") | read_temperatures(source, "test")
    for split, stems in splits.items():
        assert read_temperatures(tmp_path / "a", split) == {stem: degrees[stem] for stem in stems}
        for entry in list_split(tmp_path / "a", split):
            old = source / ("test" if entry.stem.startswith("test") else "train")
            for path in (entry.visible, entry.thermal, entry.labels, entry.celsius):
                assert path.read_bytes() == (old / path.relative_to(tmp_path / "a" / split)).read_bytes()


def test_a_redrawn_split_is_the_same_for_a_seed_and_gives_back_a_validation_set(make_pairs, tmp_path: Path) -> None:
    source = make_pairs(train=14, test=6)
    first, second = (redraw_split(source, tmp_path / name, test="5", validation="4", seed=2) for name in "ab")
    assert first.fingerprint == second.fingerprint
    again = redraw_split(tmp_path / "a", tmp_path / "c", test="0.5", train=7)
    assert again.splits == {"train": 7, "test": 10}
    everything = redraw_split(tmp_path / "a", tmp_path / "d", test="all")
    assert everything.splits == {"train": 0, "test": 20}
    assert check(tmp_path / "d") == []
    with pytest.raises(UsageError, match=r"has 0.*zoo data split"):
        sample_subset(tmp_path / "d", tmp_path / "e", train=1, test=1, seed=0)
    assert sample_subset(tmp_path / "a", tmp_path / "f", train=2, test=1, seed=0).splits == {"train": 2, "test": 1}
    with pytest.raises(UsageError, match=r"16 train pairs cannot be sampled: the rest has 15.*`train` from 1 to 15"):
        redraw_split(source, tmp_path / "e", test="5", train=16)
    with pytest.raises(UsageError, match="a share such as"):
        redraw_split(source, tmp_path / "e", test="some")
    with pytest.raises(DataError, match="inside the folder"):
        redraw_split(source, source / "new")
    assert not (tmp_path / "e").exists()


def test_equal_stems_of_two_splits_both_survive_a_redrawn_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with DatasetWriter(tmp_path / "src") as writer:
        for split in ("train", "test"):
            for stem in ("a", "b", f"{split}_a"):
                visible = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
                writer.add(split, stem, visible=visible, thermal=visible[..., 0])
    redraw_split(tmp_path / "src", tmp_path / "dst", test="2")
    stems = {*_stems(tmp_path / "dst", "train"), *_stems(tmp_path / "dst", "test")}
    assert len(stems) == 6
    assert {"train_b", "test_b"} < stems
    pixels = {entry.visible.read_bytes() for half in ("train", "test") for entry in list_split(tmp_path / "dst", half)}
    assert len(pixels) == 6


def test_a_redrawn_split_brings_declared_entries_along(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    entries = (
        DatasetEntry(name="boxes", kind="boxes", classes=("car",)),
        DatasetEntry(name="time", kind="group"),
        DatasetEntry(name="sky", kind="mask"),
    )
    with DatasetWriter(tmp_path / "src") as writer:
        writer.describe(name="x", entries=entries)
        for split, count in (("train", 6), ("test", 4)):
            for i in range(count):
                visible = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
                values = {
                    "boxes": [Box(label="car", corners=(0, 0, 1 + i % 5, 2))],
                    "time": split,
                    "sky": np.full((5, 6), i, np.uint8),
                }
                writer.add(split, f"{i}", visible=visible, thermal=visible[..., 0], entries=values)
    redraw_split(tmp_path / "src", tmp_path / "dst", test="0.3", validation="2", seed=4)
    assert check(tmp_path / "dst") == []
    for split in ("train", "validation", "test"):
        values = {entry.name: read_values(entry, tmp_path / "dst" / split) for entry in entries[:2]}
        for stem in _stems(tmp_path / "dst", split):
            assert values["boxes"][stem][0].corners[2] == 1 + int(stem[-1]) % 5
            assert "_" not in stem or values["time"][stem] == stem.split("_")[0]
            mask = read_labels(tmp_path / "dst" / split / "sky" / f"{stem}.png")
            assert (mask == int(stem[-1])).all()
