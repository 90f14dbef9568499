"""A translator is copied, pickled and sent to other processes; every copy translates the same."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import zoo
from zoo.translation.streaming import optimized

PIXELS = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
SMALL = {"generator": "resnet6:width=4,blocks=1"}
DISCRIMINATOR = {"discriminator": "patchgan:width=4"}
METHODS = {
    "cyclegan": SMALL | DISCRIMINATOR,
    "cut": {"method": "cut"} | SMALL | DISCRIMINATOR,
    "pix2pix": {"method": "pix2pix", "generator": "unet_auto:width=4"} | DISCRIMINATOR,
    "thermalgan": {"method": "thermalgan", "generator": "unet_auto:width=4"} | DISCRIMINATOR,
    "layergan": {"method": "layergan:channel_multiplier=0.03125,max_channels=8,latent=16"},
    "object_means": {"method": "object_means"},
    "histogram_matching": {"method": "histogram_matching"},
    "mean_image": {"method": "mean_image"},
}


@pytest.fixture(scope="module", params=METHODS)
def translator(request, saved, tmp_path_factory):
    options = METHODS[request.param]
    loaded = zoo.load(saved(tmp_path_factory.mktemp("m"), "scenes:train=2,test=2", **options), device="cpu")
    if request.param == "histogram_matching":
        loaded.method.histogram += 1
    return loaded


def translated(translator, pixels=PIXELS):
    labels = np.zeros(pixels.shape[:2], np.uint8) if translator.reads_labels else None
    return translator.translate(pixels, labels)


def saved_and_loaded(translator):
    buffer = io.BytesIO()
    torch.save(translator, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


COPIES = [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one)), saved_and_loaded]


@pytest.mark.parametrize("way", COPIES, ids=["copy", "deepcopy", "pickle", "torch.save"])
def test_a_copy_translates_the_same(translator, way):
    fresh = translated(way(translator))
    expected = translated(translator)
    used = way(translator)
    assert np.array_equal(fresh, expected) and np.array_equal(translated(used), expected)
    assert used.method.training == translator.method.training
    assert (used.config, used.reads, used.card) == (translator.config, translator.reads, translator.card)


def test_a_deep_copy_has_weights_of_its_own(saved, pairs, tmp_path):
    translator = zoo.load(saved(tmp_path, str(pairs), **SMALL), device="cpu")
    other = copy.deepcopy(translator)
    before = translated(translator)
    for weight in other.parameters():
        weight.zero_()
    assert np.array_equal(translated(translator), before) and not np.array_equal(translated(other), before)


def test_a_copy_of_an_optimized_translator(saved, pairs, tmp_path):
    translator = zoo.load(saved(tmp_path, str(pairs), **SMALL), device="cpu")
    with optimized(translator, None, "fp32"):
        translated(translator)
    assert np.array_equal(translated(pickle.loads(pickle.dumps(translator))), translated(translator))


def test_workers_of_a_spawned_loader_translate(saved, pairs, tmp_path):
    translator = zoo.load(saved(tmp_path, str(pairs), **SMALL), device="cpu")
    pictures = [PIXELS, PIXELS[:, ::-1].copy(), PIXELS[::-1].copy()]
    loader = DataLoader(
        pictures, batch_size=2, num_workers=1, multiprocessing_context="spawn", collate_fn=translator.translate
    )
    thermal = [one for batch in loader for one in batch]
    assert all(
        np.array_equal(one, translated(translator, picture)) for one, picture in zip(thermal, pictures, strict=True)
    )
