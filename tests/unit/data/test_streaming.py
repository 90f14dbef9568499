"""Splits that do not fit: the same batches as from memory, bit for bit, and decoding only once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from zoo.data import streaming
from zoo.data.decoding import SplitFiles
from zoo.data.store import PairStore
from zoo.data.streaming import StreamedStore, open_split
from zoo.data.writer import DatasetWriter
from zoo.errors import UsageError


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(streaming.LIMIT_VARIABLE, raising=False)


def both(root: Path, size: int = 8, channels: int = 1) -> tuple[PairStore, StreamedStore]:
    kept, streamed = (
        open_split(root, "train", size=size, device="cpu", thermal_channels=channels, limit=limit)
        for limit in (1 << 30, 0)
    )
    assert isinstance(kept, PairStore) and isinstance(streamed, StreamedStore)
    return kept, streamed


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name].nan_to_num(9.0), b[name].nan_to_num(9.0))] == []


@pytest.mark.parametrize("part", [slice(None), slice(0, 2), slice(2, 4)])
@pytest.mark.parametrize("aligned", [True, False])
def test_streamed_batches_are_those_from_memory(make_pairs, aligned, part):
    root = make_pairs(shape=(8, 9), labels=True, unit="celsius", thermal_low=-5.0, thermal_high=30.0)
    index = torch.tensor([2, 0, 0, 1])
    others = index if aligned else torch.tensor([1, 1, 2, 0])
    drawn = []
    for store in both(root, channels=3):
        rng = torch.Generator().manual_seed(7)
        batches = [store.sample(index, others, crop=5, rng=rng, aligned=aligned, part=part) for _ in range(3)]
        drawn.append((batches, rng.get_state()))
    (first, left), (second, also_left) = drawn
    assert torch.equal(left, also_left), "the stores used different random numbers"
    assert {"labels", "celsius", "temperatures", "thermal_segmentation"} <= first[0].keys()
    for a, b in zip(first, second, strict=True):
        assert len(a["visible"]) == len(index[part])
        assert_same(a, b)


def test_whole_images_are_those_from_memory(make_pairs):
    kept, streamed = both(make_pairs(shape=(6, 6)))
    index = torch.tensor([1, 2])
    assert_same(kept.whole(index), streamed.whole(index))
    assert (len(streamed), streamed.stems, streamed.paired) == (len(kept), kept.stems, True)


def test_an_unpaired_set_streams(tmp_path):
    rng = np.random.default_rng(0)
    with DatasetWriter(tmp_path / "set") as writer:
        for number in range(5):
            writer.add_visible("train", f"v{number}", rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        for number in range(3):
            writer.add_thermal("train", f"t{number}", rng.integers(0, 256, (8, 8), dtype=np.uint8))
    kept, streamed = both(tmp_path / "set")
    visible, thermal = torch.tensor([4, 1]), torch.tensor([2, 0])
    batches = [
        store.sample(visible, thermal, crop=6, rng=torch.Generator().manual_seed(1), aligned=False)
        for store in (kept, streamed)
    ]
    assert_same(*batches)
    assert_same(kept.whole(visible), streamed.whole(visible))
    assert_same(kept.whole(visible, thermal), streamed.whole(visible, thermal))


def test_a_split_is_decoded_once_and_again_when_a_file_changes(make_pairs, monkeypatch):
    root = make_pairs(shape=(6, 6))
    decode, count = SplitFiles.decode, []
    monkeypatch.setattr(SplitFiles, "decode", lambda self, make: count.append(1) or decode(self, make))
    for _ in range(2):
        StreamedStore.open(root, "train", size=6, device="cpu")
    assert len(count) == 1
    os.utime(root / "train" / "visible" / "train0.png", (1, 1))
    StreamedStore.open(root, "train", size=6, device="cpu")
    assert len(count) == 2


def test_its_size_decides_and_the_user_may(make_pairs, monkeypatch):
    root = make_pairs(shape=(6, 6))
    files = SplitFiles.find(root, "train", 6)
    stored = files.decode(lambda name, shape, dtype: np.empty(shape, dtype))
    assert files.bytes == sum(array.nbytes for array in stored.values())
    assert isinstance(open_split(root, "train", size=6, device="cpu", limit=files.bytes), PairStore)
    assert isinstance(open_split(root, "train", size=6, device="cpu", limit=files.bytes - 1), StreamedStore)
    monkeypatch.setenv(streaming.LIMIT_VARIABLE, "0.0000001")
    assert isinstance(open_split(root, "train", size=6, device="cpu"), StreamedStore)
    monkeypatch.setenv(streaming.LIMIT_VARIABLE, "much")
    with pytest.raises(UsageError, match="is 'much'"):
        open_split(root, "train", size=6, device="cpu")


def test_the_size_of_a_labelled_set_counts_what_is_made_of_it(make_pairs):
    root = make_pairs(shape=(8, 8), labels=True, unit="celsius", thermal_low=-5.0, thermal_high=30.0)
    files = SplitFiles.find(root, "train", 8)
    stored = files.decode(lambda name, shape, dtype: np.empty(shape, dtype))
    assert files.bytes == sum(array.nbytes for array in stored.values())


def test_a_broken_file_leaves_nothing_in_the_cache(make_pairs, tmp_path):
    root = make_pairs(shape=(6, 6))
    path = root / "train" / "thermal" / "train1.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(20) + whole[60:])  # its end and header are as they should be
    with pytest.raises(UsageError, match="train1"):
        StreamedStore.open(root, "train", size=6, device="cpu")
    assert not list((tmp_path / "cache").rglob("*.npy"))
