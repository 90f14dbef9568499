"""Unions of datasets: one thermal scale, merged classes, unique stems, and batches that are those of the members."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from zoo.data.check import require_usable
from zoo.data.layout import DataQuality, DatasetInfo, list_split, read_info, write_info
from zoo.data.store import PairStore
from zoo.data.streaming import StreamedStore, open_split
from zoo.data.temperatures import write_temperatures
from zoo.data.union import join_infos, unique_names
from zoo.errors import DataError, RefusedError, UsageError
from zoo.sources import open_source, split_union

CELSIUS = {"unit": "celsius", "thermal_low": -10.0, "thermal_high": 40.0}


def union_of(*roots: Path) -> Path:
    return open_source("+".join(map(str, roots)), size=8).root


def thermal_of(root: Path, split: str = "test") -> torch.Tensor:
    store = PairStore.open(root, split, size=8, device="cpu")
    return store.whole(torch.arange(len(store)))["thermal"]


def degrees_of(root: Path) -> torch.Tensor:
    low, high = read_info(root).thermal_range or (0.0, 0.0)
    return (thermal_of(root) + 1) / 2 * (high - low) + low


def test_grey_images_of_a_union_are_those_of_its_members_bit_for_bit(make_pairs):
    a, b = make_pairs(name="a"), make_pairs(name="b", shape=(9, 5), train=4, test=1)
    root = union_of(a, b)
    info = read_info(root)
    assert (info.splits, info.unit, info.thermal_bits) == ({"train": 7, "test": 3}, "grey", 8)
    assert torch.equal(thermal_of(root), torch.cat([thermal_of(a), thermal_of(b)]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_calibrated_images_keep_their_degrees_on_the_union_of_both_ranges(make_pairs, dtype):
    a = make_pairs(name="a", **CELSIUS)
    b = make_pairs(name="b", dtype=dtype, unit="celsius", thermal_low=0.0, thermal_high=100.0)
    root = union_of(a, b)
    assert read_info(root).thermal_range == (-10.0, 100.0)
    expected = torch.cat([degrees_of(a), degrees_of(b)])
    torch.testing.assert_close(degrees_of(root), expected, atol=1e-4, rtol=0)
    store = PairStore.open(root, "test", size=8, device="cpu")
    torch.testing.assert_close(store.whole(torch.arange(4))["celsius"], expected, atol=1e-4, rtol=0)


def test_calibrated_images_of_one_range_stay_as_stored(make_pairs):
    a, b = make_pairs(name="a", **CELSIUS), make_pairs(name="b", train=4, **CELSIUS)
    root = union_of(a, b)
    assert (read_info(root).thermal_range, read_info(root).thermal_bits) == ((-10.0, 40.0), 8)
    assert torch.equal(thermal_of(root), torch.cat([thermal_of(a), thermal_of(b)]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_and_calibrated_images_are_joined_as_grey_and_the_notes_say_so(make_pairs, dtype):
    grey, calibrated = make_pairs(name="a"), make_pairs(name="b", dtype=dtype, **CELSIUS)
    root = union_of(grey, calibrated)
    info = read_info(root)
    assert (info.unit, info.thermal_range, "celsius" in info.offers) == ("grey", None, False)
    assert any("without degrees" in note and "-10 to 40 °C" in note for note in info.notes)
    torch.testing.assert_close(
        thermal_of(root), torch.cat([thermal_of(grey), thermal_of(calibrated)]), atol=1e-6, rtol=0
    )


def test_classes_are_merged_by_name_and_labels_follow_them(make_pairs):
    a = make_pairs(name="a", labels=True)
    b = make_pairs(name="b", labels=True, train=4, classes=("car", "sky", "tree"))
    root = union_of(a, b)
    classes = read_info(root).classes
    assert classes == ("sky", "road", "car", "tree")
    store, *members = (PairStore.open(one, "test", size=8, device="cpu") for one in (root, a, b))
    names = np.array(classes)[store.labels.numpy()]
    expected = np.concatenate([np.array(one.info.classes)[one.labels.numpy()] for one in members])
    assert (names == expected).all()
    assert torch.equal(store.celsius, torch.cat([one.celsius for one in members]))


def test_labels_that_a_member_lacks_are_left_out_with_a_note(make_pairs):
    root = union_of(make_pairs(name="a", labels=True), make_pairs(name="b"))
    info = read_info(root)
    assert info.classes == () and not {"labels", "celsius"} & info.offers
    assert any("Labels are left out" in note for note in info.notes)
    store = PairStore.open(root, "train", size=8, device="cpu")
    assert store.labels is None and store.celsius is None


def test_mean_temperatures_are_of_the_images_of_all_members(make_pairs):
    described = {**CELSIUS, "labels": True}
    a, b = make_pairs(name="a", **described), make_pairs(name="b", train=4, **described)
    write_temperatures(a, "train", [("train0", "sky", 1.0), ("train1", "sky", 2.0)])
    write_temperatures(b, "train", [("train0", "sky", 9.0), ("train0", "car", 30.0)])
    root = union_of(a, b)
    assert read_info(root).class_temperatures == {"sky": 4.0, "car": 30.0}
    store = PairStore.open(root, "train", size=8, device="cpu")
    np.testing.assert_equal(store.temperatures[:, 0].numpy(), np.float32([1, 2, np.nan, 9, np.nan, np.nan, np.nan]))


def test_stems_name_the_dataset_and_nothing_is_copied(make_pairs):
    a, b = make_pairs(name="a", test=1), make_pairs(name="b", test=1, train=4)
    root = union_of(a, b)
    entries = list_split(root, "test")
    assert [entry.stem for entry in entries] == ["made/test0", "made-2/test0"]
    assert [entry.member for entry in entries] == [0, 1]
    assert entries[1].visible.resolve() == (b / "test/visible/test0.png").resolve()
    assert sorted(path.name for path in root.rglob("*") if path.is_file() and not path.is_symlink()) == ["dataset.json"]


def test_a_streamed_union_gives_the_batches_of_one_in_memory(make_pairs):
    root = union_of(make_pairs(name="a"), make_pairs(name="b", dtype=np.uint16, thermal_high=60000.0))
    kept, streamed = (open_split(root, "train", size=8, device="cpu", limit=limit) for limit in (2**30, 0))
    assert isinstance(streamed, StreamedStore) and not isinstance(kept, StreamedStore)
    index = torch.tensor([4, 0, 5])
    for name, tensor in kept.whole(index).items():
        assert torch.equal(tensor, streamed.whole(index)[name]), name


def test_paired_and_unpaired_members_are_joined_as_unpaired(make_pairs):
    a, b = make_pairs(name="a"), make_pairs(name="b", train=4)
    write_info(b, replace(read_info(b), pairs=False))
    root = union_of(a, b)
    info = read_info(root)
    assert not info.pairs and any("unpaired" in note for note in info.notes)


def test_the_fingerprint_is_of_the_members_and_their_order(make_pairs):
    infos = [replace(read_info(make_pairs(name=name, train=n)), name=name) for name, n in (("a", 3), ("b", 4))]
    joined = join_infos(infos).fingerprint
    assert joined == join_infos(infos).fingerprint
    assert joined == join_infos([replace(info, license="x") for info in infos]).fingerprint
    others = [
        infos[::-1],
        [infos[0], replace(infos[1], fingerprint="0" * 64)],
        [replace(infos[0], thermal_low=1), infos[1]],
    ]
    assert len({joined, *(join_infos(other).fingerprint for other in others)}) == 4


def test_health_is_stated_by_member_and_only_if_all_were_checked():
    checked = [
        DatasetInfo(
            name=name, splits={}, fingerprint=name, health=DataQuality(images=4, constant=count, fingerprint=name)
        )
        for name, count in (("a", 1), ("b", 2))
    ]
    joined = join_infos(checked)
    assert joined.health_summary(joined.fingerprint) == "a: 1 thermal images constant; b: 2 thermal images constant"
    joined = join_infos([checked[0], replace(checked[1], health=None)])
    assert joined.health_summary(joined.fingerprint) == ""


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("a++b", "an empty name"),
        ("a+", "an empty name"),
        ("+b", "an empty name"),
        ("a+a", "names a twice"),
        ("a+b+./a", "names a and ./a"),
        ("a+nowhere", "no folder 'nowhere'"),
    ],
)
def test_a_union_that_cannot_be_made_is_refused(make_pairs, monkeypatch, tmp_path, spec, message):
    make_pairs(name="a"), make_pairs(name="b", train=4)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        open_source(spec, size=8)


def test_more_classes_than_labels_can_number_are_refused():
    infos = [
        DatasetInfo(name=name, splits={}, classes=tuple(f"{name}{i}" for i in range(200)), fingerprint=name)
        for name in ("a", "b")
    ]
    with pytest.raises(RefusedError, match="400 classes together"):
        join_infos(infos)


def test_a_plus_in_the_name_of_a_folder_is_no_union(tmp_path, monkeypatch):
    (tmp_path / "c++" / "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert split_union("c++/x") == ["c++/x"]
    assert split_union("scenes+c++/x+rs") == ["scenes", "c++/x", "rs"]


def test_names_are_unique_and_can_begin_a_stem():
    infos = [DatasetInfo(name=name, splits={}) for name in ("x/y", "x_y", "z", "x_y-2", "x/y")]
    names = unique_names(infos)
    assert names == ["x_y", "x_y-2", "z", "x_y-2-2", "x_y-3"]


def test_damaged_images_are_named_with_the_dataset_that_they_are_in(make_pairs):
    roots = [make_pairs(name="a"), make_pairs(name="b", shape=(9, 5))]
    union = union_of(*roots)
    image = sorted((roots[1] / "test" / "visible").iterdir())[0]
    content = image.read_bytes()
    image.write_bytes(content[:60])
    with pytest.raises(DataError) as raised:
        require_usable(union)
    assert str(image) in str(raised.value)
    assert raised.value.fix == f"To see all problems, run: zoo data check {roots[1]}"
    image.write_bytes(content[:60] + bytes(len(content) - 72) + content[-12:])  # found only when it is decoded
    with pytest.raises(DataError, match=str(image)):
        PairStore.open(union, "test", size=8, device="cpu")
