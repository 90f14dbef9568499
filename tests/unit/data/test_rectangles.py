"""Stores of images that are not square, against loops over pillow's own resizing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.data.store import PairStore
from zoo.data.streaming import StreamedStore, open_split

SIZE, CROP = (7, 11), (5, 8)
BICUBIC, NEAREST = Image.Resampling.BICUBIC, Image.Resampling.NEAREST


def stored(path, method=BICUBIC) -> np.ndarray:
    height, width = SIZE
    return np.array(Image.open(path).resize((width, height), method))


def test_images_are_resized_to_height_and_width(make_pairs):
    root = make_pairs(shape=(9, 6), labels=True)
    batch = PairStore.open(root, "train", size=SIZE, device="cpu").whole(torch.tensor([1]))
    visible, thermal = (stored(root / f"train/{kind}/train1.png") for kind in ("visible", "thermal"))
    torch.testing.assert_close(batch["visible"][0], torch.tensor(visible).permute(2, 0, 1) / 127.5 - 1)
    torch.testing.assert_close(batch["thermal"][0, 0], torch.tensor(thermal) / 127.5 - 1)
    labels = torch.tensor(stored(root / "train/labels/train1.png", NEAREST)).long()
    assert torch.equal(batch["labels"][0], labels) and labels.shape == SIZE


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("aligned", [True, False])
def test_crops_and_mirrors_are_those_of_a_loop(make_pairs, streamed, aligned):
    root = make_pairs(shape=(9, 6))
    store = open_split(root, "train", size=SIZE, device="cpu", limit=0 if streamed else 1 << 30)
    assert isinstance(store, StreamedStore) == streamed
    index = torch.arange(24) % 3
    batch = store.sample(index, index if aligned else index.clone(), crop=CROP, rng=torch.Generator().manual_seed(5))
    assert batch["visible"].shape == (24, 3, *CROP) and batch["thermal"].shape == (24, 1, *CROP)

    rng = torch.Generator().manual_seed(5)  # the same draws: tops, lefts and mirrors of a batch, once or for each kind
    windows = {}
    for kind in ("visible",) if aligned else ("visible", "thermal"):
        tops = torch.randint(SIZE[0] - CROP[0] + 1, (24, 1), generator=rng).flatten().tolist()
        lefts = torch.randint(SIZE[1] - CROP[1] + 1, (24, 1), generator=rng).flatten().tolist()
        windows[kind] = list(
            zip(tops, lefts, (torch.rand((24, 1), generator=rng) < 0.5).flatten().tolist(), strict=True)
        )
    assert {top for top, _, _ in windows["visible"]} == set(range(3))
    assert {left for _, left, _ in windows["visible"]} == set(range(4))
    for kind in ("visible", "thermal"):
        for place, number in enumerate(index.tolist()):
            top, left, mirrored = windows.get(kind, windows["visible"])[place]
            window = stored(root / f"train/{kind}/train{number}.png")[top : top + CROP[0], left : left + CROP[1]]
            window = np.ascontiguousarray(window[:, ::-1]) if mirrored else window
            found = ((batch[kind][place] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
            np.testing.assert_array_equal(found.squeeze(), window)


def test_a_square_crop_draws_the_same_numbers_as_a_pair_of_equal_sides(make_pairs):
    store = PairStore.open(make_pairs(shape=(9, 6)), "train", size=8, device="cpu")
    index = torch.tensor([0, 2, 1])
    one, two = (store.sample(index, index, crop=c, rng=torch.Generator().manual_seed(1)) for c in (6, (6, 6)))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("crop", [(8, 8), (5, 12), (0, 8)])
def test_a_crop_that_does_not_fit_is_refused(make_pairs, crop):
    store = PairStore.open(make_pairs(), "train", size=SIZE, device="cpu")
    with pytest.raises(ValueError, match="does not fit into images of 7x11"):
        store.sample(torch.tensor([0]), torch.tensor([0]), crop=crop, rng=torch.Generator())
