"""Entries that a dataset declares: written, checked, in the fingerprint, and in batches."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.data.check import check
from zoo.data.entries import Box, DatasetEntry
from zoo.data.layout import fingerprint, read_info
from zoo.data.store import PairStore, on_device
from zoo.data.streaming import open_split
from zoo.data.subset import sample_subset
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError
from zoo.sources import open_source

HEIGHT, WIDTH = 12, 16
DECLARED = (
    DatasetEntry(name="boxes", kind="boxes", classes=("car", "person")),
    DatasetEntry(name="depth", kind="mask", unit="m"),
    DatasetEntry(name="wind", kind="vector", unit="m/s"),
    DatasetEntry(name="humidity", kind="scalar"),
    DatasetEntry(name="caption", kind="text"),
    DatasetEntry(name="daytime", kind="group"),
)
NAMES = tuple(entry.name for entry in DECLARED)


def entries_of(index: int) -> dict[str, object]:
    rng = np.random.default_rng(index)
    boxes = [Box(label="person", corners=(2, 3, 6, 9)), Box(label="car", corners=(8, 0, 16, 4))]
    return {
        "boxes": boxes[: index % 3],
        "depth": rng.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8),
        "wind": [index + 0.5, -index],
        "humidity": index / 10,
        "caption": f"a street, no. {index}",
        "daytime": "night" if index % 2 else "day",
    }


def write(root: Path, *, entries=DECLARED, train=3, test=2, values=entries_of) -> Path:
    rng = np.random.default_rng(0)
    with DatasetWriter(root) as writer:
        for split, count in (("train", train), ("test", test)):
            for index in range(count):
                writer.add(
                    split,
                    f"{split}{index}",
                    visible=rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8),
                    thermal=rng.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8),
                    entries=values(index),
                )
        writer.describe(name="made", entries=entries)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "set")


def test_what_is_written_is_whole_and_offered(root):
    assert check(root) == []
    info = read_info(root)
    assert info.entries == DECLARED
    assert info.offers == {"pairs", *NAMES}
    assert info.classes_of("boxes") == ("car", "person")


def test_batches_bring_the_entries_that_are_read_and_no_others(root):
    store = PairStore.open(root, "train", size=WIDTH, device="cpu", reads=NAMES)
    batch = store.whole(torch.tensor([2, 1]))
    assert batch["wind"].tolist() == [[2.5, -2], [1.5, -1]]
    assert batch["humidity"].tolist() == pytest.approx([0.2, 0.1])
    assert batch["caption"] == ["a street, no. 2", "a street, no. 1"]
    assert batch["daytime"] == ["day", "night"]
    scaled = np.array([[2, 4, 6, 12, 1], [8, 0, 16, 16 / 3, 0]])  # 12 rows become 16
    for boxes, expected in zip(batch["boxes"], (scaled, scaled[:1]), strict=True):
        np.testing.assert_allclose(boxes.numpy(), expected, rtol=1e-6)
    stored = Image.open(root / "train/depth/train2.png").resize((WIDTH, WIDTH), Image.Resampling.NEAREST)
    assert np.array_equal(batch["depth"][0].numpy(), np.asarray(stored))
    assert set(PairStore.open(root, "train", size=8, device="cpu").whole(torch.tensor([0]))) == {"visible", "thermal"}
    some = PairStore.open(root, "train", size=8, device="cpu", reads=("daytime",)).whole(torch.tensor([0]))
    assert set(some) == {"visible", "thermal", "daytime"}


def painted(boxes, side: int) -> np.ndarray:
    """Return an image whose pixels inside a box hold its class + 1."""
    image = np.zeros((side, side), np.uint8)
    for x1, y1, x2, y2, kind in boxes:
        image[round(y1) : round(y2), round(x1) : round(x2)] = kind + 1
    return image


def test_boxes_and_masks_are_cropped_and_mirrored_as_the_image(tmp_path):
    def values(index):
        boxes = [Box(label="person", corners=(1, 2, 7, 9)), Box(label="car", corners=(8, 9, 15, 12))]
        rows = [[*box.corners, DECLARED[0].classes.index(box.label)] for box in boxes]
        return {"boxes": boxes, "depth": painted(rows, WIDTH)[:HEIGHT]}

    root = write(tmp_path / "set", entries=DECLARED[:2], values=values)
    shutil.rmtree(root / "train" / "visible")  # the visible image is the mask, so that all three must agree
    (root / "train" / "visible").mkdir()
    for path in (root / "train" / "depth").iterdir():
        grey = np.asarray(Image.open(path))
        Image.fromarray(np.stack([grey] * 3, axis=2)).save(root / "train" / "visible" / path.name)
    # At 48 every pixel is a block of 3 x 4, so that the nearest pixel is exact.
    for streamed in (0, 10**9):
        store = open_split(root, "train", size=48, device="cpu", limit=streamed, reads=("boxes", "depth"))
        index, mirrored = torch.tensor([0, 1, 2] * 8), set()
        batch = store.sample(index, index, crop=29, rng=torch.Generator().manual_seed(0))
        for boxes, mask in zip(batch["boxes"], batch["depth"], strict=True):
            assert np.array_equal(painted(boxes.tolist(), 29), mask.numpy())
            assert (boxes[:, :4] >= 0).all() and (boxes[:, :4] <= 29).all()
            mirrored.add(len(boxes))
        assert mirrored == {1, 2}  # some crops lie beside the car


def test_a_streamed_split_brings_the_same_entries(root):
    kept, streamed = (
        open_split(root, "train", size=8, device="cpu", limit=limit, reads=NAMES).whole(torch.tensor([1, 0]))
        for limit in (10**9, 0)
    )
    for name in NAMES:
        one, other = kept[name], streamed[name]
        same = torch.equal if isinstance(one, torch.Tensor) else lambda x, y: str(x) == str(y)
        assert same(one, other), name


def test_a_batch_moves_to_a_device_with_its_lists(root):
    batch = PairStore.open(root, "train", size=8, device="cpu", reads=NAMES).whole(torch.tensor([1]))
    moved = on_device(batch, "meta")
    assert moved["boxes"][0].is_meta and moved["wind"].is_meta and moved["daytime"] == ["night"]


def test_only_declared_entries_change_the_fingerprint(tmp_path, root):
    plain = write(tmp_path / "plain", entries=(), values=lambda index: {})
    before = fingerprint(plain)
    (plain / "train" / "boxes.json").write_text("{}")
    (plain / "train" / "daytime.csv").write_text("stem,daytime\n")
    assert fingerprint(plain) == before
    declared = fingerprint(root)
    assert declared != before
    table = root / "test" / "daytime.csv"
    table.write_text(table.read_text().replace("night", "dusk"))
    assert fingerprint(root) != declared


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("daytime.csv", lambda text: text.replace("train1,night\n", ""), "has no value of `train1`"),
        ("daytime.csv", lambda text: text + "other,day\n", "has values of `other`"),
        ("humidity.csv", lambda text: text.replace("0.1", "wet"), "could not convert"),
        ("humidity.csv", lambda text: text.replace("0.1", "nan"), "not finite"),
        ("wind.csv", lambda text: text.replace("1.5,-1", "1.5"), "different lengths"),
        ("boxes.json", lambda text: text.replace('"person"', '"dog"'), "class `dog`"),
        ("boxes.json", lambda text: text.replace("9", "1"), "without area"),
        ("boxes.json", lambda text: text[:-9], "cannot be read"),
    ],
)
def test_check_names_wrong_values_and_no_training_starts(root, name, change, found):
    path = root / "train" / name
    assert change(path.read_text()) != path.read_text()
    path.write_text(change(path.read_text()))
    errors = [problem for problem in check(root) if problem.severity == "error"]
    assert len(errors) >= 1 and all(error.path == path for error in errors)
    assert found in str(errors[0])
    with pytest.raises(DataError, match=r"daytime|humidity|wind|boxes"):
        PairStore.open(root, "train", size=8, device="cpu", reads=NAMES)


def test_check_names_missing_files_and_masks_of_another_size(root):
    (root / "train/boxes.json").unlink()
    (root / "train/depth/train0.png").unlink()
    Image.new("L", (4, 4)).save(root / "train/depth/train1.png")
    found = "\n".join(map(str, check(root)))
    assert "No such file" in found and "has no mask of `train0`" in found and "4x4 against 12x16" in found


@pytest.mark.parametrize("name", ["labels", "Boxes", "a/b", "", "temperature", "step", "progress", "origin"])
def test_a_name_that_is_taken_or_no_file_name_is_refused(tmp_path, root, name):
    path = root / "dataset.json"
    info = json.loads(path.read_text())
    info["entries"][0]["name"] = name
    path.write_text(json.dumps(info))
    with pytest.raises(DataError, match="entr"):
        read_info(root)
    with pytest.raises(DataError, match="entr"):
        write(tmp_path / "other", entries=(DatasetEntry(name=name, kind="text"),), values=lambda index: {name: "x"})


def test_the_writer_refuses_what_is_not_declared_or_missing(tmp_path):
    with pytest.raises(DataError, match="does not declare"):
        write(tmp_path / "one", entries=DECLARED[:1])
    with pytest.raises(DataError, match="has no text"):
        write(tmp_path / "two", values=lambda index: {**entries_of(index), "caption": np.zeros((HEIGHT, WIDTH))})
    with pytest.raises(DataError, match="has no group"):
        write(tmp_path / "three", values=lambda index: {k: v for k, v in entries_of(index).items() if k != "daytime"})


def test_classes_of_boxes_are_those_that_occur_where_none_are_declared(tmp_path):
    boxes = DatasetEntry(name="boxes", kind="boxes")
    root = write(tmp_path / "set", entries=(boxes,), values=lambda index: {"boxes": entries_of(index)["boxes"]})
    assert read_info(root).entries[0].classes == ("car", "person")


def test_samples_and_held_out_images_keep_their_entries(tmp_path, root):
    subset = tmp_path / "subset"
    info = sample_subset(root, subset, train=2, test=1, seed=0)
    assert info.entries == DECLARED and check(subset) == []
    with DatasetWriter(tmp_path / "held") as writer:
        for index in range(3):
            image = np.full((HEIGHT, WIDTH, 3), index, np.uint8)
            writer.add("train", f"i{index}", visible=image, thermal=image[..., 0], entries=entries_of(index))
        writer.hold_out(["i1"])
        writer.describe(name="held", entries=DECLARED)
    assert check(tmp_path / "held") == []
    batch = PairStore.open(tmp_path / "held", "test", size=8, device="cpu", reads=NAMES).whole(torch.tensor([0]))
    assert batch["caption"] == ["a street, no. 1"]


def test_boxes_of_images_that_are_not_square_are_resized_by_height_and_width(tmp_path):
    root = open_source("scenes:train=1,test=1,entries=true", size=32).root
    square, wide = (
        PairStore.open(root, "test", size=size, device="cpu", reads=("boxes",)).whole(torch.tensor([0]))
        for size in (32, (16, 64))
    )
    scale = torch.tensor([2.0, 0.5, 2.0, 0.5, 1.0])
    assert len(square["boxes"][0])
    torch.testing.assert_close(wide["boxes"][0], square["boxes"][0] * scale)
    assert wide["visible"].shape[-2:] == (16, 64)
