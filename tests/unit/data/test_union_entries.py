"""Declared entries, groups and validation splits of unions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from zoo.data.entries import Box, DatasetEntry
from zoo.data.layout import read_info
from zoo.data.matching import match_files
from zoo.data.store import PairStore
from zoo.data.streaming import open_split
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError
from zoo.sources import open_source

SIDE = 8
NAMES = ("region", "boxes", "wind", "humidity", "caption", "daytime")


def declared(classes: tuple[str, ...], unit: str = "%") -> tuple[DatasetEntry, ...]:
    return (
        DatasetEntry(name="region", kind="mask", classes=classes),
        DatasetEntry(name="boxes", kind="boxes", classes=classes),
        DatasetEntry(name="wind", kind="vector"),
        DatasetEntry(name="humidity", kind="scalar", unit=unit),
        DatasetEntry(name="caption", kind="text"),
        DatasetEntry(name="daytime", kind="group"),
    )


def make(
    root: Path,
    entries: tuple[DatasetEntry, ...],
    counts: dict[str, int],
    wind: int = 2,
    seed: int = 0,
) -> Path:
    rng = np.random.default_rng(seed)
    with DatasetWriter(root) as writer:
        writer.describe(name=root.name, entries=entries)
        for split, count in counts.items():
            for index in range(count):
                classes = {entry.kind: entry.classes for entry in entries}
                values = {
                    "region": rng.integers(0, len(classes.get("mask") or "ab"), (SIDE, SIDE)).astype(np.uint8),
                    "boxes": [
                        Box(label=name, corners=(1, 1, 3, 4 + index)) for name in classes.get("boxes", ())[index:]
                    ],
                    "wind": rng.uniform(0, 9, wind).tolist(),
                    "humidity": float(rng.uniform(0, 100)),
                    "caption": f"{root.name} {index}",
                    "daytime": ("day", "night")[index % 2],
                    "dataset": "mine",
                }
                writer.add(
                    split,
                    f"{split}{index}",
                    visible=rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8),
                    thermal=rng.integers(0, 256, (SIDE, SIDE)).astype(np.uint8),
                    entries={entry.name: values[entry.name] for entry in entries},
                )
    return root


def batch_of(root: Path, split: str = "test", reads: tuple[str, ...] = (*NAMES, "dataset"), limit: int = 2**30) -> dict:
    store = open_split(root, split, size=SIDE, device="cpu", reads=reads, limit=limit)
    return store.whole(torch.arange(len(store)))


@pytest.mark.parametrize("limit", [0, 2**30])
def test_entries_that_all_declare_alike_are_those_of_the_members(tmp_path, limit):
    """Streamed and in memory; class indices of masks and boxes follow the names."""
    a = make(tmp_path / "a", declared(("car", "person")), {"train": 2, "test": 3})
    b = make(tmp_path / "b", declared(("tree", "person", "car")), {"train": 2, "test": 2}, seed=1)
    union = open_source(f"{a}+{b}", size=SIDE)
    merged = ("car", "person", "tree")
    assert union.info.classes_of("region") == union.info.classes_of("boxes") == merged
    assert union.offers == {"pairs", "dataset", *NAMES}
    joined, *each = (batch_of(root, limit=limit) for root in (union.root, a, b))
    assert joined["dataset"] == ["a"] * 3 + ["b"] * 2
    for name in ("caption", "daytime"):
        assert joined[name] == each[0][name] + each[1][name]
    for name in ("wind", "humidity"):
        assert torch.equal(joined[name], torch.cat([one[name] for one in each]))
    classes = (np.array(("car", "person")), np.array(("tree", "person", "car")))
    names = [own[one["region"].numpy()] for own, one in zip(classes, each, strict=True)]
    assert (np.array(merged)[joined["region"].numpy()] == np.concatenate(names)).all()
    expected = [(own, boxes) for own, one in zip(classes, each, strict=True) for boxes in one["boxes"]]
    for found, (own, boxes) in zip(joined["boxes"], expected, strict=True):
        assert torch.equal(found[:, :4], boxes[:, :4])
        assert [merged[int(kind)] for kind in found[:, 4]] == [own[int(kind)] for kind in boxes[:, 4]]


def test_entries_that_differ_are_left_out_with_a_note(tmp_path):
    a = make(tmp_path / "a", (*declared(("car",)), DatasetEntry(name="dataset", kind="group")), {"train": 1, "test": 1})
    b = make(tmp_path / "b", declared((), unit="g/m3")[:5], {"train": 1, "test": 1}, seed=1)
    info = read_info(open_source(f"{a}+{b}", size=SIDE).root)
    assert [entry.name for entry in info.entries] == ["boxes", "wind", "caption", "dataset"]
    (note,) = [note for note in info.notes if "Entries" in note]
    assert note.endswith("left out: region, humidity, daytime and dataset.")
    assert batch_of(open_source(f"{a}+{b}", size=SIDE).root)["dataset"] == ["a", "b"]


def test_vectors_of_two_lengths_are_refused_only_where_they_are_read(tmp_path):
    entries = declared(("car",))
    a, b = (make(tmp_path / str(n), entries, {"train": 1, "test": 1}, wind=n, seed=n) for n in (2, 3))
    root = open_source(f"{a}+{b}", size=SIDE).root
    assert batch_of(root, reads=("caption",))["caption"] == ["2 0", "3 0"]
    with pytest.raises(DataError, match=r"the vectors of wind in 2\+3 have 2 and 3 numbers"):
        batch_of(root, reads=("wind",))


def test_the_validation_split_is_that_of_the_members_that_have_one(tmp_path):
    entries = declared(("car", "person"))
    a = make(tmp_path / "a", entries, {"train": 1, "test": 1})
    b = make(tmp_path / "b", entries, {"train": 1, "validation": 2, "test": 1}, seed=1)
    union = open_source(f"{a}+{b}", size=SIDE)
    assert union.info.splits == {"train": 2, "validation": 2, "test": 2}
    store = PairStore.open(union.root, "validation", size=SIDE, device="cpu", reads=("caption",))
    assert store.stems == ("b/validation0", "b/validation1") and store.entries["caption"] == ["b 0", "b 1"]
    assert (
        "validation"
        not in open_source(f"{a}+{make(tmp_path / 'c', entries, {'train': 1, 'test': 1}, seed=2)}", size=8).info.splits
    )


@pytest.mark.parametrize("nested", [True, False])
def test_predictions_of_a_union_match_by_folder_or_by_unique_names(tmp_path, nested):
    """The images of two datasets lie in a folder each, or in one."""
    stems = ["a/one", "a/two", "b/three"]
    for stem in stems:
        path = tmp_path / (stem if nested else stem.partition("/")[2])
        path.parent.mkdir(exist_ok=True)
        path.with_name(f"{path.name}_fake_B.png").write_bytes(b"")
    matched = match_files(tmp_path, [*stems, "b/four"])
    assert list(matched.files) == stems and matched.missing == ("b/four",) and matched.extra == ()


def test_predictions_of_a_union_with_one_name_in_two_datasets_need_folders(tmp_path):
    (tmp_path / "one.png").write_bytes(b"")
    matched = match_files(tmp_path, ["a/one", "b/one"])
    assert matched.files == {} and matched.extra == ("one.png",)
