"""Folders in batches by size: each image as alone, in bounded memory, with faults beside results."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.compute import networks
from zoo.compute.options import ComputeOptions
from zoo.errors import DataError, UsageError
from zoo.translation.streaming import (
    READERS,
    WINDOW,
    BatchTranslator,
    InputImage,
    optimized,
    read_input,
    translate_stream,
)

SIZES = [(32, 32), (40, 24), (32, 32), (32, 32), (24, 40), (32, 32), (40, 24)]


@pytest.fixture(scope="module")
def resnet(saved, pairs, tmp_path_factory):
    options = {"method": "pix2pix:evaluation=eval", "generator": "resnet6:width=4,blocks=1"}
    return zoo.load(saved(tmp_path_factory.mktemp("resnet"), str(pairs), **options), device="cpu")


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for width, height in SIZES]


def batcher_of(translator, **options) -> BatchTranslator:
    return BatchTranslator(translator, **({"temperatures": {}, "tile": None, "depth": 8, "batch": 3} | options))


def reader(pixels):
    return lambda: InputImage(visible=pixels)


@pytest.mark.parametrize("batch", [None, 1, 3, 100])
def test_every_image_comes_out_as_it_would_alone(resnet, pictures, batch):
    outcomes = dict(translate_stream(map(reader, pictures), batcher_of(resnet, batch=batch)))
    assert sorted(outcomes) == list(range(len(pictures)))
    for number, pixels in enumerate(pictures):
        alone = resnet.translate(pixels)
        assert outcomes[number].shape == alone.shape
        assert np.abs(outcomes[number].astype(int) - alone).max() <= 1  # sums of a batch may round otherwise


def test_batches_are_of_one_size_and_few_images_wait(resnet, pictures, monkeypatch):
    batcher, batches, waiting = batcher_of(resnet, batch=2), [], []
    held = set()

    def reader(number):
        held.add(number)
        return InputImage(visible=np.zeros((32 + number % 20, 32, 3), np.uint8))

    def fake(images):
        batches.append([image.visible.shape for image in images])
        waiting.append(len(held))
        return [np.zeros(1)] * len(images)

    monkeypatch.setattr(batcher, "_translate", fake)
    for number, _ in translate_stream((partial(reader, number) for number in range(60)), batcher):
        held.discard(number)
    assert sum(map(len, batches)) == 60
    assert all(len(set(shapes)) == 1 and len(shapes) <= 2 for shapes in batches)
    assert max(waiting) <= 2 * WINDOW + 5 * READERS  # those that wait for their like, and those read ahead


def test_a_fault_is_reported_and_the_others_are_translated(resnet, pictures, tmp_path):
    Image.fromarray(pictures[0]).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    readers = [partial(read_input, tmp_path / name, None, resnet) for name in ("a.png", "b.png", "a.png")]
    outcomes = dict(translate_stream(readers, batcher_of(resnet)))
    assert isinstance(outcomes[1], DataError) and "truncated" in str(outcomes[1])
    assert np.array_equal(outcomes[0], outcomes[2])


def test_labels_go_with_their_images(saved, tmp_path):
    translator = zoo.load(saved(tmp_path / "m", "scenes:train=2,test=2", method="object_means"), device="cpu")
    car, road = translator.classes.index("car"), translator.classes.index("road")
    jobs = []
    for name, label, side in (("a", car, 16), ("b", road, 16), ("wrong", road, 8)):
        Image.new("RGB", (16, 16)).save(tmp_path / f"{name}.png")
        Image.new("L", (side, side), label).save(tmp_path / f"{name}_labels.png")
        jobs.append(partial(read_input, tmp_path / f"{name}.png", tmp_path / f"{name}_labels.png", translator))
    outcomes = dict(
        translate_stream(jobs, batcher_of(translator, temperatures={"car": 30.0, "road": 10.0}, depth="float"))
    )
    assert np.allclose(translator.to_celsius(outcomes[0]), 30, atol=1e-4)
    assert np.allclose(translator.to_celsius(outcomes[1]), 10, atol=1e-4)
    assert "labels are 8x8 and the image 16x16" in str(outcomes[2])


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: no memory")])
def test_batches_shrink_to_what_memory_holds(resnet, pictures, monkeypatch, caplog, error):
    batcher, sizes = batcher_of(resnet, batch=8), []
    small = InputImage(visible=np.zeros((1, 2, 3), np.uint8))

    def scarce(images):
        sizes.append(len(images))
        if len(images) > 2:
            raise error
        return [np.full(1, image.visible[0, 0, 0]) for image in images]

    monkeypatch.setattr(batcher, "_translate", scarce)
    images = [InputImage(visible=np.full((4, 4, 3), number, np.uint8)) for number in range(8)]
    assert [int(one[0]) for one in batcher(images)] == list(range(8))
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert batcher.batch_size(images[0]) == 2 and batcher.batch_size(small) == 8
    assert "8 images of 4x4 pixels do not fit into memory; the batch size is reduced to 4" in caplog.text


def test_one_image_beyond_memory_is_its_own_fault_and_any_other_error_is_none(resnet, monkeypatch):
    batcher = batcher_of(resnet)
    image = InputImage(visible=np.zeros((4, 6, 3), np.uint8))

    def full(images):
        raise torch.OutOfMemoryError("CUDA")

    monkeypatch.setattr(batcher, "_translate", full)
    [(_, fault)] = translate_stream([lambda: image], batcher)
    assert "6x4 pixels does not fit into the memory of cpu" in str(fault) and "`tile`" in str(fault)

    def broken(images):
        raise RuntimeError("a bug")

    monkeypatch.setattr(batcher, "_translate", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        list(translate_stream([lambda: image], batcher))


def test_optimized_networks_translate_the_same_and_are_restored(resnet, pictures):
    before = resnet.translate(pictures[0], depth="float")
    with optimized(resnet, ComputeOptions(channels_last=True), "fp32"):
        weight = next(p for p in resnet.parameters() if p.dim() == 4 and min(p.shape) > 1)
        assert weight.is_contiguous(memory_format=torch.channels_last)
        assert np.abs(resnet.translate(pictures[0], depth="float") - before).max() < 1e-4
    assert weight.is_contiguous()
    assert np.array_equal(resnet.translate(pictures[0], depth="float"), before)
    with pytest.raises(UsageError, match="is only for training"), optimized(resnet, ComputeOptions(graph=True), "fp32"):
        pass
    with pytest.raises(UsageError, match="the device is cpu"), optimized(resnet, None, "tf32"):
        pass


def test_only_translations_compute_thin_convolutions_another_way(resnet, monkeypatch):
    """The weights of a training would have other last bits than those of the same training before."""
    monkeypatch.setattr(networks, "_networks", networks._generators)  # trained weights come without a discriminator

    def replaced(**options):
        compute = ComputeOptions(channels_last=True)
        with networks.prepared(resnet.method, compute, "fp32", torch.device("cpu"), **options):
            return [layer for layer in resnet.modules() if type(layer) is torch.nn.Conv2d and "forward" in vars(layer)]

    assert replaced(translating=True) and not replaced()


def test_networks_of_a_method_are_optimized_too(saved, tmp_path):
    options = {"method": "layergan:latent=8,channel_multiplier=0.01,max_channels=8", "data": "scenes:train=2,test=2"}
    translator = zoo.load(saved(tmp_path / "m", options.pop("data"), **options), device="cpu")
    with optimized(translator, None, "fp32"):
        assert any(p.is_contiguous(memory_format=torch.channels_last) for p in translator.parameters() if p.dim() == 4)
    assert [type(network).__name__ for network in networks._generators(translator.method)] == ["LayeredGenerator"]


@pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has no bf16 units")
def test_bf16_translates_nearly_the_same(resnet, pictures):
    before = resnet.translate(pictures[0], depth="float")
    with optimized(resnet, None, "bf16"):
        half = resnet.translate(pictures[0], depth="float")
    assert half.dtype == np.float32
    assert 0 < np.abs(half - before).max() < 0.1


@pytest.mark.parametrize("evaluation", ["train", "eval"])
def test_several_processes_return_what_one_returns(saved, pairs, pictures, tmp_path, evaluation):
    model = saved(
        tmp_path, str(pairs), method=f"pix2pix:evaluation={evaluation}", generator="resnet6:width=4,dropout=true"
    )
    translator = zoo.load(model, device="cpu")
    state = torch.get_rng_state()
    one, two = (
        dict(translate_stream(map(reader, pictures), batcher_of(translator, depth="float", batch=1, processes=count)))
        for count in (1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert list(one) == list(two) == sorted(one)
    for number, thermal in one.items():
        assert np.abs(two[number] - thermal).max() < 1e-5  # of other numbers of threads
