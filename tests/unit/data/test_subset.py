"""`sample_subset` copies part of a dataset, each split out of its own, the same for a seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.data.check import check
from zoo.data.layout import list_split, read_info
from zoo.data.subset import sample_subset
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
    import numpy as np

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
    with pytest.raises(UsageError, match=r"500 train pairs were requested, but .* has 3.*`train` from 1 to 3"):
        sample_subset(source, tmp_path / "dst", train=500, test=2, seed=0)
    with pytest.raises(UsageError, match="0 test pairs"):
        sample_subset(source, tmp_path / "dst", train=3, test=0, seed=0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with pytest.raises(DataError, match="not an empty folder"):
        sample_subset(source, tmp_path / "full", train=1, test=1, seed=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "set"]
