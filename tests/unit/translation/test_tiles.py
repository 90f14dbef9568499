"""Tiles: they cover the image, equal the whole where the network sees no more than their overlap, and leave no seam."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import zoo
from zoo.errors import UsageError
from zoo.translation.tiles import in_tiles, ramp, starts


@pytest.mark.parametrize(("length", "tile", "multiple"), [(64, 64, 1), (65, 64, 1), (1000, 96, 4), (512, 256, 256)])
def test_tiles_cover_the_side_overlap_and_keep_to_the_networks_grid(length, tile, multiple):
    places = starts(length, tile, multiple)
    assert places[0] == 0 and places[-1] == length - tile
    weights = torch.zeros(length)
    for before, after in pairwise(places):
        assert 0 < after - before <= 0.75 * tile
        assert after % multiple == 0 or tile == multiple
    for place in places:
        weights[place : place + tile] += ramp(length, tile, place)
    assert weights.min() > 0.99


def test_a_network_that_sees_few_pixels_gives_what_the_whole_image_gives():
    kernel = torch.randn(1, 3, 17, 17, generator=torch.Generator().manual_seed(0)) / 30  # sees 8 pixels around each

    def network(batch):
        return F.conv2d(F.pad(batch["visible"], [8] * 4, mode="reflect"), kernel).tanh()

    batch = {"visible": torch.rand(2, 3, 203, 341) * 2 - 1, "temperatures": torch.zeros(2, 5)}
    tiled = in_tiles(network, batch, tile=(128, 128))  # 32 pixels of overlap, 8 of them margin
    assert torch.allclose(tiled, network(batch), atol=1e-6)


def test_tiles_that_differ_in_level_blend_without_a_step():
    calls = iter(range(100))

    def network(batch):
        return batch["visible"][:, :1] * 0 + next(calls) % 2

    blended = in_tiles(network, {"visible": torch.zeros(1, 3, 64, 400)}, tile=(64, 64))[0, 0, 32]
    assert blended.min() == 0 and blended.max() == 1
    # A raised cosine over 8 of the 16 pixels that neighbours share rises by at most pi / 2 / 8 a pixel.
    assert blended.diff().abs().max() <= np.pi / 16 + 1e-6


def test_a_translator_in_tiles_equals_the_whole_and_keeps_the_size(saved, pairs, tmp_path):
    folder = saved(tmp_path, str(pairs), generator="resnet6:width=2,blocks=1,norm=none,init_gain=0.3")
    translator = zoo.load(folder, device="cpu").double()  # convolutions of another size round otherwise in float32
    image = torch.rand(1, 3, 410, 701) * 2 - 1
    whole, tiled = translator.translate(image), translator.translate(image, tile=383)  # 24 pixels of margin
    assert tiled.shape == whole.shape == (1, 1, 410, 701)
    assert float(whole.std()) > 1e-4
    assert torch.allclose(tiled, whole, atol=1e-6)


def test_tiles_with_instance_norm_show_no_seam(saved, pairs, tmp_path):
    folder = saved(tmp_path, str(pairs), generator="resnet6:width=2,blocks=1")
    translator = zoo.load(folder, device="cpu")
    side = torch.linspace(-1, 1, 256)
    image = torch.stack([side.expand(256, 256), side[:, None].expand(256, 256), side.flip(0).expand(256, 256)])
    whole, tiled = translator.translate(image)[0], translator.translate(image, tile=96)[0]
    assert not torch.allclose(whole, tiled, atol=1e-3)  # statistics of a tile are not those of the image
    steps = (tiled - whole).diff().abs()
    assert steps.max() < 4 * steps.quantile(0.99)


def test_labels_are_cut_with_their_image(saved, tmp_path):
    folder = saved(tmp_path, "scenes:train=2,test=2", method="object_means")
    translator = zoo.load(folder, device="cpu")
    labels = np.random.default_rng(0).integers(0, len(translator.classes), (70, 150))
    labels[:4, :4] = 0
    image = np.zeros((70, 150, 3), np.uint8)
    whole = translator.translate(image, labels=labels, depth="float")
    assert np.allclose(translator.translate(image, labels=labels, tile=32, depth="float"), whole, atol=1e-6)


def test_a_tile_of_a_few_pixels_is_refused(saved, pairs, tmp_path):
    translator = zoo.load(saved(tmp_path, str(pairs), method="grey_copy"), device="cpu")
    with pytest.raises(UsageError, match="`tile` is 8; it must be 32 pixels or more"):
        translator.translate(torch.zeros(3, 40, 40), tile=8)


def test_progress_counts_the_tiles_of_an_image_up_to_all(saved, pairs, tmp_path):
    translator = zoo.load(saved(tmp_path, str(pairs), method="grey_copy"), device="cpu")
    calls = []
    translator.on_tile = lambda done, tiles: calls.append((done, tiles))
    translator.translate(torch.zeros(3, 64, 176), tile=64)
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]  # starts at 0, 48, 96 and 112
    calls.clear()
    translator.translate(torch.zeros(3, 64, 176))
    assert calls == []
