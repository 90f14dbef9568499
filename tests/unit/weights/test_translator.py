"""zoo.load and translate: sizes, kinds of picture, conditions, and model folders that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import zoo
from zoo.bench.environment import provenance
from zoo.build import build_method
from zoo.data.layout import read_info
from zoo.errors import DataError, UsageError, ZooError
from zoo.sources import open_source
from zoo.weights.folder import ModelConfig, save_model


def model(folder: Path, data: str, **asked: object) -> Path:
    """Save a freshly initialised model as a bench would."""
    source = open_source(data, size=32)
    recipe = zoo.compose(data=source, size=32, **asked)
    torch.manual_seed(1)
    method = build_method(recipe, read_info(source.root), torch.Generator(), training=False)
    save_model(folder, method, ModelConfig(recipe=recipe, dataset=source.info, plugins=provenance(recipe)))
    return folder


@pytest.fixture(scope="module")
def cyclegan(pairs, tmp_path_factory) -> Path:
    return model(tmp_path_factory.mktemp("cyclegan"), str(pairs), generator="resnet6:width=4,blocks=1")


@pytest.fixture(scope="module")
def layergan(tmp_path_factory) -> Path:
    return model(
        tmp_path_factory.mktemp("layergan"),
        "scenes:train=3,test=2",
        method="layergan:channel_multiplier=0.03125,max_channels=8,latent=16",
        discriminator="stylegan2_gp",
    )


@pytest.mark.parametrize("size", [(64, 64), (37, 53), (5, 90), (1, 1)])
def test_any_size_in_the_same_size_out(cyclegan, size):
    translator = zoo.load(cyclegan, device="cpu")
    picture = Image.effect_noise(size, 50).convert("RGB")
    thermal = translator.translate(picture)
    assert (thermal.size, thermal.mode) == (size, "L")


def test_files_pictures_arrays_and_tensors_agree(cyclegan, tmp_path):
    translator = zoo.load(cyclegan, device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = translator.translate(pixels)
    assert expected.shape == (40, 48) and expected.dtype == np.uint8
    assert np.array_equal(np.asarray(translator.translate(tmp_path / "a.png")), expected)
    assert np.array_equal(np.asarray(translator.translate(Image.fromarray(pixels))), expected)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1
    levels = ((translator.translate(tensor) + 1) * 127.5).round().byte().numpy()
    assert np.array_equal(levels[0], expected)
    batch = translator.translate(torch.stack([tensor, tensor]))
    assert batch.shape == (2, 1, 40, 48)


@pytest.mark.parametrize("picture", [np.zeros((4, 4)), np.zeros((4, 4, 3)), torch.zeros(4, 4), torch.zeros(1, 8, 8)])
def test_arrays_and_tensors_of_another_shape_are_told(cyclegan, picture):
    with pytest.raises(DataError, match="to translate is"):
        zoo.load(cyclegan, device="cpu").translate(picture)


def test_pix2pix_keeps_its_dropout_and_still_repeats_itself(pairs, tmp_path):
    folder = model(
        tmp_path, str(pairs), method="pix2pix", generator="unet_auto:width=4", discriminator="patchgan:width=4"
    )
    translator, picture = zoo.load(folder, device="cpu"), Image.effect_noise((32, 32), 50)
    state = torch.get_rng_state()
    first, second = translator.translate(picture), translator.translate(picture)
    assert translator.method.training
    assert first == second
    assert torch.equal(torch.get_rng_state(), state)


def test_a_model_that_reads_labels_says_so_and_takes_temperatures(layergan):
    translator = zoo.load(layergan, device="cpu")
    visible = np.full((32, 32, 3), 128, np.uint8)
    with pytest.raises(UsageError, match=r"reads class labels .* --labels FILE; the indices are 0 sky"):
        translator.translate(visible)
    labels = np.zeros((32, 32), np.uint8)
    labels[:, :16] = translator.classes.index("car")
    cool, warm = (translator.translate(visible, labels=labels, temperatures={"car": c}) for c in (5.0, 30.0))
    assert (warm[:, :16].astype(int) - cool[:, :16]).mean() > 50
    assert np.abs(warm[:, 16:].astype(int) - cool[:, 16:]).max() <= 1
    usual = zoo.load(layergan, device="cpu").config.dataset.class_temperatures["car"]
    default = translator.translate(visible, labels=labels)
    assert np.array_equal(default, translator.translate(visible, labels=labels, temperatures={"car": usual}))
    with pytest.raises(UsageError, match="Did you mean car"):
        translator.translate(visible, labels=labels, temperatures={"cra": 3.0})
    with pytest.raises(DataError, match="the labels are 8x8 and the image 32x32"):
        translator.translate(visible, labels=labels[:8, :8])
    with pytest.raises(DataError, match="label 99 has no class"):
        translator.translate(visible, labels=np.full((32, 32), 99))


def change(folder: Path, tmp_path: Path, edit) -> Path:
    """Copy a model with its tensors edited."""
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    return tmp_path


def test_missing_extra_and_misshapen_tensors_are_named(cyclegan, tmp_path):
    name = next(iter(load_file(cyclegan / "model.safetensors")))
    edits = {
        f"{name} is missing": lambda tensors: tensors.pop(name),
        "extra is not part of the network": lambda tensors: tensors.update(extra=torch.zeros(1)),
        f"{name} has shape": lambda tensors: tensors.update({name: torch.zeros(2, 2)}),
    }
    for told, edit in edits.items():
        with pytest.raises(ZooError) as caught:
            zoo.load(change(cyclegan, tmp_path, edit))
        assert told in str(caught.value)


def test_damaged_files_and_unknown_parts_are_told(cyclegan, tmp_path):
    weights, config = (cyclegan / "model.safetensors").read_bytes(), (cyclegan / "config.json").read_bytes()
    (tmp_path / "config.json").write_bytes(config)
    (tmp_path / "model.safetensors").write_bytes(weights[:-10])
    with pytest.raises(ZooError, match=r"model.safetensors` cannot be read"):
        zoo.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(weights)
    unknown = json.loads(config)
    unknown["recipe"]["generator"]["name"] = "elsewhere/mynet"
    (tmp_path / "config.json").write_bytes(msgspec.json.encode(unknown))
    with pytest.raises(UsageError, match="elsewhere/mynet"):
        zoo.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ZooError, match=r"config.json` cannot be read"):
        zoo.load(tmp_path)
    with pytest.raises(UsageError, match="there is no model folder"):
        zoo.load(tmp_path / "nowhere")
