"""Lists and batches: every image comes out as it would alone; reduced precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.errors import DataError


@pytest.fixture(scope="module")
def pix2pix(saved, pairs, tmp_path_factory):
    """A model with dropout and the statistics of a batch on."""
    folder = tmp_path_factory.mktemp("pix2pix")
    options = {"method": "pix2pix", "generator": "unet_auto:width=4", "discriminator": "patchgan:width=4"}
    return zoo.load(saved(folder, str(pairs), **options), device="cpu")


def noise(seed: int, width: int, height: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_list_of_sizes_and_kinds_gives_each_its_own(pix2pix, tmp_path):
    pixels = [noise(0, 32, 32), noise(1, 50, 37), noise(2, 20, 90)]
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    mixed = [tmp_path / "a.png", Image.fromarray(pixels[1]), pixels[2]]
    thermal = pix2pix.translate(mixed)
    for one, picture in zip(thermal, pixels, strict=True):
        assert np.array_equal(np.asarray(one), pix2pix.translate(picture))
    assert isinstance(thermal[0], Image.Image) and isinstance(thermal[2], np.ndarray)
    assert pix2pix.translate([]) == []


def test_an_image_of_a_tensor_does_not_depend_on_its_neighbours(pix2pix):
    batch = torch.rand(3, 3, 32, 32) * 2 - 1
    together = pix2pix.translate(batch)
    assert torch.equal(together, torch.stack([pix2pix.translate(one) for one in batch]))


def test_each_image_has_its_labels_and_temperatures(saved, tmp_path):
    translator = zoo.load(saved(tmp_path, "scenes:train=2,test=2", method="object_means"), device="cpu")
    car = translator.classes.index("car")
    visible, labels = torch.zeros(2, 3, 8, 8), torch.full((2, 8, 8), car)
    thermal = translator.translate(visible, labels=labels, temperatures=[{"car": 20.0}, {"car": 30.0}])
    expected = np.array([20.0, 30.0])
    assert np.allclose(translator.to_celsius(thermal)[:, 0, 0, 0], expected, atol=1e-4)
    pictures = [np.zeros((8, 8, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)]
    maps = [np.full((8, 8), car), np.full((4, 6), car)]
    thermal = translator.translate(pictures, labels=maps, temperatures={"car": 20.0}, depth="float")
    assert all(np.allclose(translator.to_celsius(one), 20.0, atol=1e-4) for one in thermal)
    with pytest.raises(DataError, match="2 images and 1 labels"):
        translator.translate(pictures, labels=maps[:1])
    with pytest.raises(DataError, match="3 maps of labels for 2 images"):
        translator.translate(visible, labels=torch.zeros(3, 8, 8, dtype=torch.int64))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "options",
    [
        {"generator": "resnet6:width=4,blocks=1"},
        {"method": "layergan:channel_multiplier=0.03125,max_channels=8,latent=16", "discriminator": "stylegan2_gp"},
        {"method": "pix2pix", "generator": "unet_auto:width=4", "discriminator": "patchgan:width=4"},
        {"method": "thermalgan:evaluation=eval", "generator": "unet_auto:width=4", "discriminator": "patchgan:width=4"},
    ],
    ids=["resnet", "layergan", "pix2pix", "thermalgan"],
)
def test_half_precision_takes_any_floats_and_gives_float32(saved, tmp_path, options, dtype):
    translator = zoo.load(saved(tmp_path, "scenes:train=2,test=2", **options), device="cpu")
    visible = torch.rand(1, 3, 32, 32) * 2 - 1
    indices = torch.arange(32).remainder(len(translator.classes)).expand(1, 32, 32)
    labels = indices if translator.reads_labels else None
    full = translator.translate(visible.to(dtype), labels=labels)
    half = translator.to(dtype).translate(visible.to(dtype), labels=labels)
    assert translator.dtype == dtype
    assert full.dtype == half.dtype == torch.float32
    assert (full - half).abs().mean() < 0.05
