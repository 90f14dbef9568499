"""Crops, flips and scaling on the device, against plain loops over pillow's own resizing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.data.store import PairStore
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError


def _open(root: Path, split: str = "train", *, size: int = 8, thermal_channels: int = 1) -> PairStore:
    return PairStore.open(root, split, size=size, device="cpu", thermal_channels=thermal_channels)


def _rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _locate(crop: np.ndarray, image: np.ndarray) -> list[tuple[int, int, bool]]:
    """Return every (top, left, mirrored) at which `crop` [c, c, ...] is found in `image` [S, S, ...]."""
    c, s = crop.shape[0], image.shape[0]
    return [
        (top, left, mirrored)
        for top in range(s - c + 1)
        for left in range(s - c + 1)
        for mirrored in (False, True)
        if np.array_equal(image[top : top + c, left : left + c][:, :: -1 if mirrored else 1], crop)
    ]


def test_resizing_is_pillows_bicubic_without_regard_to_aspect(make_pairs) -> None:
    root = make_pairs(shape=(6, 9))
    batch = _open(root, size=5).whole(torch.tensor([1]))
    visible = Image.open(root / "train/visible/train1.png").resize((5, 5), Image.Resampling.BICUBIC)
    thermal = Image.open(root / "train/thermal/train1.png").resize((5, 5), Image.Resampling.BICUBIC)
    expected = torch.tensor(np.array(visible)).permute(2, 0, 1) / 127.5 - 1
    torch.testing.assert_close(batch["visible"][0], expected)
    torch.testing.assert_close(batch["thermal"][0, 0], torch.tensor(np.array(thermal)) / 127.5 - 1)
    assert batch["visible"].shape == (1, 3, 5, 5)
    assert set(batch) == {"visible", "thermal"}


def test_every_crop_is_a_window_of_its_own_image_and_all_windows_occur(make_pairs) -> None:
    root = make_pairs(shape=(6, 6))
    store = _open(root, size=6)
    images = np.stack([np.array(Image.open(root / f"train/visible/train{i}.png")) for i in range(3)])
    index = torch.arange(300) % 3
    batch = store.sample(index, index.clone(), crop=4, rng=_rng())
    crops = ((batch["visible"] + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    places = [_locate(crop, images[i]) for crop, i in zip(crops, index.tolist(), strict=True)]
    assert all(len(place) == 1 for place in places)
    counts = dict.fromkeys(np.ndindex(3, 3, 2), 0)
    for ((top, left, mirrored),) in places:
        counts[top, left, int(mirrored)] += 1
    # 300 draws of 18: mean 16.7, standard deviation 4.
    assert min(counts.values()) > 2
    assert max(counts.values()) < 35


def test_without_flip_no_image_is_mirrored_and_every_window_occurs(make_pairs) -> None:
    root = make_pairs(shape=(5, 5))
    image = np.array(Image.open(root / "train/visible/train0.png"))
    batch = _open(root, size=5).sample(
        torch.zeros(60, dtype=torch.int64), torch.zeros(60, dtype=torch.int64), crop=4, rng=_rng(), flip=False
    )
    crops = ((batch["visible"] + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    places = {place for crop in crops for place in _locate(crop, image)}
    assert places == {(top, left, False) for top in (0, 1) for left in (0, 1)}


def test_aligned_crops_are_alike_in_every_entry(tmp_path: Path) -> None:
    # Every pixel is its own place: red is the row, green the column; thermal and labels repeat them.
    row, column = np.mgrid[0:8, 0:8].astype(np.uint8)
    with DatasetWriter(tmp_path / "set") as writer:
        for i in range(2):
            visible = np.stack([row, column, np.full_like(row, i)], axis=2)
            place = 16 * row + column
            writer.add("train", str(i), visible=visible, thermal=place, labels=place % 120, celsius=place.astype(float))
        writer.describe(name="x", classes=tuple(f"c{i}" for i in range(120)))
    store = _open(tmp_path / "set", size=8)
    index = torch.tensor([0, 1, 1, 0, 1, 0])
    batch = store.sample(index, index, crop=5, rng=_rng())
    seen = ((batch["visible"] + 1) * 127.5).round()
    place = 16 * seen[:, 0] + seen[:, 1]
    torch.testing.assert_close(((batch["thermal"][:, 0] + 1) * 127.5), place, atol=1e-3, rtol=0)
    assert torch.equal(batch["labels"], (place % 120).long())
    torch.testing.assert_close(batch["celsius"][:, 0], place)
    assert torch.equal(seen[:, 2, 0, 0], index.float())
    assert len({tuple(p.flatten().tolist()) for p in place}) > 1


def test_unaligned_crops_are_drawn_apart_and_labels_follow_the_visible_image(make_pairs) -> None:
    root = make_pairs(shape=(8, 8), labels=True)
    store = _open(root, size=8)
    index = torch.zeros(40, dtype=torch.int64)
    batch = store.sample(index, index, crop=5, rng=_rng(), aligned=False)
    visible = ((batch["visible"] + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    thermal = ((batch["thermal"][:, 0] + 1) * 127.5).round().byte().numpy()
    images = [np.array(Image.open(root / f"train/{kind}/train0.png")) for kind in ("visible", "thermal", "labels")]
    places = [(_locate(v, images[0]), _locate(t, images[1])) for v, t in zip(visible, thermal, strict=True)]
    assert sum(v != t for v, t in places) > 30
    for (((top, left, mirrored),), _), labels in zip(places, batch["labels"].numpy(), strict=True):
        window = images[2][top : top + 5, left : left + 5][:, :: -1 if mirrored else 1]
        np.testing.assert_array_equal(labels, window)


def test_the_same_stream_gives_the_same_crops(make_pairs) -> None:
    store = _open(make_pairs())
    index = torch.tensor([0, 2])
    one, two, three = (store.sample(index, index, crop=4, rng=_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one["visible"], two["visible"])
    assert not torch.equal(one["visible"], three["visible"])


@pytest.mark.parametrize(
    ("dtype", "described", "values", "expected"),
    [
        (np.uint8, {}, [0, 255, 51], [-1, 1, -0.6]),
        (np.uint16, {"thermal_low": 20000.0, "thermal_high": 24000.0}, [20000, 24000, 22001], [-1, 1, 2001 / 2000 - 1]),
        (np.uint16, {"thermal_low": 20000.0, "thermal_high": 24000.0}, [0, 65535, 22000], [-1, 1, 0]),
        (np.uint16, {"thermal_low": -20.0, "thermal_high": 60.0, "unit": "celsius"}, [0, 65535, 13107], [-1, 1, -0.6]),
        (np.float32, {"thermal_low": -20.0, "thermal_high": 60.0, "unit": "celsius"}, [-20, 60, 20.04], [-1, 1, 0.001]),
    ],
)
def test_thermal_values_keep_their_precision_on_the_way_to_the_network(
    tmp_path, dtype, described, values, expected
) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        for i, value in enumerate(values):
            thermal = np.full((4, 4), value, dtype)
            writer.add("train", str(i), visible=np.zeros((4, 4, 3), np.uint8), thermal=thermal)
        writer.describe(name="x", **described)
    batch = _open(tmp_path / "set", size=4).whole(torch.arange(3))
    np.testing.assert_allclose(batch["thermal"][:, 0, 1, 1].numpy(), expected, atol=2e-6)
    if "unit" in described:  # degrees by the line through (-1, low) and (1, high)
        degrees = [-20 + (e + 1) / 2 * 80 for e in expected]
        np.testing.assert_allclose(batch["celsius"][:, 0, 1, 1].numpy(), degrees, atol=1e-4)


def test_thermal_channels_repeat_the_one(make_pairs) -> None:
    batch = _open(make_pairs(), thermal_channels=3).whole(torch.tensor([0, 1]))
    assert batch["thermal"].shape == (2, 3, 8, 8)
    assert torch.equal(batch["thermal"][:, 0], batch["thermal"][:, 2])


def test_labels_stay_indices_when_resized_and_temperatures_go_along(make_pairs) -> None:
    root = make_pairs(shape=(30, 30), labels=True)
    store = _open(root, size=7)
    batch = store.whole(torch.tensor([2, 0]))
    assert set(batch["labels"].unique().tolist()) <= {0, 1, 2}
    labels = np.array(Image.open(root / "train/labels/train2.png"))
    celsius = np.load(root / "train/celsius/train2.npy")
    expected = [celsius[labels == k].mean(dtype=np.float64) for k in range(3)]
    np.testing.assert_allclose(batch["temperatures"][0].numpy(), expected, rtol=1e-5)
    all_three = store.whole(torch.arange(3))["temperatures"]
    np.testing.assert_allclose(store.class_temperatures, all_three.double().mean(dim=0), rtol=1e-6)
    np.testing.assert_allclose(store.class_temperatures, list(store.info.class_temperatures.values()), rtol=1e-6)


def test_a_class_that_is_absent_has_no_temperature(tmp_path: Path) -> None:
    shape = (4, 4)
    with DatasetWriter(tmp_path / "set") as writer:
        writer.add("train", "a", visible=np.zeros((4, 4, 3), np.uint8), thermal=np.zeros(shape, np.uint8),
                   labels=np.ones(shape, int), celsius=np.full(shape, 7.0))  # fmt: skip
        writer.describe(name="x", classes=("sky", "road"))
    store = _open(tmp_path / "set", size=4)
    assert torch.isnan(store.whole(torch.tensor([0]))["temperatures"][0]).tolist() == [True, False]
    assert np.isnan(store.class_temperatures[0])
    assert store.class_temperatures[1] == 7.0


def test_objects_are_at_their_mean_in_the_thermal_range(make_pairs) -> None:
    root = make_pairs(shape=(8, 8), labels=True, unit="celsius", thermal_low=-5.0, thermal_high=30.0)
    batch = _open(root).whole(torch.tensor([1]))
    labels = np.array(Image.open(root / "train/labels/train1.png"))
    celsius = np.load(root / "train/celsius/train1.npy").astype(np.float64)
    expected = np.empty((8, 8))
    for start in np.ndindex(8, 8):
        reached, waiting = {start}, [start]
        while waiting:
            row, column = waiting.pop()
            for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if all(0 <= i < 8 for i in near) and labels[near] == labels[start] and near not in reached:
                    reached.add(near)
                    waiting.append(near)
        expected[start] = np.mean([celsius[place] for place in reached])
    in_range = np.clip((expected + 5) / 35 * 2 - 1, -1, 1)
    assert (np.abs(in_range) == 1).any()
    np.testing.assert_allclose(batch["thermal_segmentation"][0, 0].numpy(), in_range, atol=1e-6)
    index = torch.tensor([1, 0])
    crops = _open(root).sample(index, index, crop=5, rng=_rng())["thermal_segmentation"]
    assert crops.shape == (2, 1, 5, 5)
    (place,) = _locate(crops[0, 0].numpy(), batch["thermal_segmentation"][0, 0].numpy())
    assert place == _locate(_open(root).sample(index, index, crop=5, rng=_rng())["labels"][0].numpy(), labels)[0]


@pytest.mark.parametrize("described", [{"unit": "celsius"}, {"unit": "grey"}])
def test_a_batch_holds_the_conditions_that_are_offered(make_pairs, described: dict[str, str]) -> None:
    root = make_pairs(shape=(8, 8), labels=True, **described)
    store = _open(root)
    assert ("thermal_segmentation" in store.whole(torch.tensor([0]))) == (described["unit"] == "celsius")
    assert store.info.offers - {"pairs"} <= set(store.whole(torch.tensor([0])))


def test_an_unpaired_set_keeps_two_lists(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        for i in range(3):
            writer.add_visible("train", f"v{i}", np.full((4, 4, 3), 10 * i, np.uint8))
        for i in range(5):
            writer.add_thermal("train", f"t{i}", np.full((6, 4), 20 * i, np.uint8))
    store = _open(tmp_path / "set", size=4)
    assert (store.paired, len(store), store.n_visible, store.n_thermal) == (False, 3, 3, 5)
    assert store.stems == ("v0", "v1", "v2")
    index = torch.tensor([2, 0])
    batch = store.sample(index, torch.tensor([4, 1]), crop=3, rng=_rng())
    assert ((batch["visible"][:, 0, 0, 0] + 1) * 127.5).round().tolist() == [20, 0]
    assert ((batch["thermal"][:, 0, 0, 0] + 1) * 127.5).round().tolist() == [80, 20]
    assert set(store.whole(index)) == {"visible"}
    with pytest.raises(ValueError, match="no pairs"):
        store.sample(index, index, crop=3, rng=_rng())


def test_a_crop_larger_than_the_images_is_refused(make_pairs) -> None:
    index = torch.tensor([0])
    with pytest.raises(ValueError, match="crop of 9"):
        _open(make_pairs()).sample(index, index, crop=9, rng=_rng())


def test_a_bad_file_stops_the_opening_with_its_name(make_pairs) -> None:
    root = make_pairs()
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(root / "train/thermal/train2.png")
    with pytest.raises(DataError, match=r"train2\.png` has 16 bits"):
        _open(root)
    (root / "train/thermal/train2.png").unlink()
    with pytest.raises(DataError, match="no partner"):
        _open(root)
    assert len(_open(root, "test")) == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_no_sample_waits_for_the_device(make_pairs) -> None:
    root = make_pairs(shape=(8, 8), labels=True)
    store = PairStore.open(root, "train", size=8, device="cuda")
    rng, index = torch.Generator("cuda").manual_seed(0), torch.tensor([2, 0])
    torch.cuda.set_sync_debug_mode("error")
    try:
        batch = store.sample(index, index, crop=5, rng=rng)
        store.whole(index)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    visible = ((batch["visible"] + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    for crop, i in zip(visible, index.tolist(), strict=True):
        assert len(_locate(crop, np.array(Image.open(root / f"train/visible/train{i}.png")))) == 1
