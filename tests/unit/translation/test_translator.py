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
from zoo.build import build_method
from zoo.data.layout import read_info
from zoo.environment import provenance
from zoo.errors import DataError, UsageError, ZooError
from zoo.model_folder import ModelConfig, save_model
from zoo.sources import open_source
from zoo.translation.inputs import pad_to


def model(folder: Path, data: str, **options: object) -> Path:
    """Save a freshly initialised model as a bench would."""
    source = open_source(data, size=32)
    recipe = zoo.compose(data=source, size=32, **options)
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
def test_arrays_and_tensors_of_another_shape_are_refused(cyclegan, picture):
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


def test_a_model_that_reads_labels_requires_them_and_accepts_temperatures(layergan):
    translator = zoo.load(layergan, device="cpu")
    visible = np.full((32, 32, 3), 128, np.uint8)
    with pytest.raises(UsageError, match=r"and class labels, and got no labels. Pass `labels`; the indices are 0 sky"):
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
    for reason, edit in edits.items():
        with pytest.raises(ZooError) as caught:
            zoo.load(change(cyclegan, tmp_path, edit))
        assert reason in str(caught.value)


def test_damaged_files_and_unknown_parts_are_reported(cyclegan, tmp_path):
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
    with pytest.raises(UsageError, match="there is no folder"):
        zoo.load(tmp_path / "nowhere")


@pytest.mark.parametrize("channels", [None, 1])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_of_one_channel_are_grey_images(cyclegan, channels, dtype):
    translator = zoo.load(cyclegan, device="cpu")
    grey = np.random.default_rng(0).integers(0, 256, (32, 40), dtype=np.uint8)
    grey[0, 0] = 255
    wide = grey if dtype == np.uint8 else grey.astype(np.uint16) << 4  # a camera of 12 bits
    thermal = translator.translate(wide if channels is None else wide[..., None])
    assert thermal.shape == (32, 40)
    assert np.array_equal(thermal, translator.translate(grey[..., None].repeat(3, 2)))


def test_tensors_of_bytes_are_translated_as_their_arrays(cyclegan):
    translator = zoo.load(cyclegan, device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 40, 3), dtype=np.uint8)
    thermal = translator.translate(torch.from_numpy(pixels).permute(0, 3, 1, 2), depth=8)
    assert np.array_equal(thermal[:, 0].numpy(), np.stack([translator.translate(one) for one in pixels]))


def test_what_a_model_does_not_read_is_refused(cyclegan, layergan):
    visible, labels = np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.uint8)
    plain = zoo.load(cyclegan, device="cpu")
    with pytest.raises(UsageError, match="reads the visible image only, no labels"):
        plain.translate(visible, labels)
    for picture in (visible, [visible], torch.zeros(2, 3, 32, 32)):
        with pytest.raises(UsageError, match="reads the visible image only, no temperatures"):
            plain.translate(picture, temperatures={"car": 3.0})
    assert plain.translate(visible, temperatures={}).shape == (32, 32)
    with pytest.raises(UsageError, match="the temperature of 'car' is nan"):
        zoo.load(layergan, device="cpu").translate(visible, labels, {"car": float("nan")})


def test_temperatures_of_a_model_that_reads_labels_alone_are_refused(saved, tmp_path):
    options = {"method": "thermalgan:code=latent,encoder_width=4", "generator": "unet_auto:width=4"}
    folder = saved(tmp_path, "scenes:train=2,test=2", discriminator="patchgan:width=4", **options)
    translator = zoo.load(folder, device="cpu")
    assert translator.reads == ("visible", "labels")
    with pytest.raises(UsageError, match="reads the visible image and class labels, no temperatures"):
        translator.translate(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.uint8), {"car": 3.0})


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.full((32, 32), 0.5), "labels are integers"),
        (np.full((32, 32), np.nan, np.float32), "labels are integers"),
        (np.zeros((32, 32, 3), np.uint8), "labels are integers"),
        (np.zeros((1, 32, 32, 1), np.uint8), "labels are integers"),
        (np.zeros((0, 0), np.uint8), "the labels are 0x0 and the image 32x32"),
        (np.full((32, 32), -3, np.int16), "label -3 has no class"),
        (np.full((32, 32), 2**64 - 1, np.uint64), r"label \d+ has no class"),
        (torch.zeros(32, 32), "labels are integers"),
        (torch.zeros(0, 32, 32, dtype=torch.int64), "the labels are"),
        (torch.zeros(32, dtype=torch.int64), "labels are integers"),
        (Image.new("RGB", (32, 32)), "labels of the picture have pixels of type RGB"),
        (Image.new("F", (32, 32)), "labels of the picture have pixels of type F"),
        ("", "the label image is an empty path"),
    ],
)
def test_labels_of_another_kind_are_refused(layergan, labels, reason):
    with pytest.raises(UsageError, match=reason):
        zoo.load(layergan, device="cpu").translate(np.zeros((32, 32, 3), np.uint8), labels)


def test_labels_of_one_channel_and_of_any_integers_are_taken(layergan):
    translator, visible = zoo.load(layergan, device="cpu"), np.zeros((32, 32, 3), np.uint8)
    expected = translator.translate(visible, np.ones((32, 32), np.uint8))
    for labels in (np.ones((32, 32, 1), np.int64), np.ones((32, 32), bool), np.ones((32, 32), np.uint64)):
        assert np.array_equal(translator.translate(visible, labels), expected)


def test_pictures_that_are_opened_but_broken_are_one_line(cyclegan, layergan, tmp_path):
    Image.effect_noise((64, 64), 50).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:-400])
    with pytest.raises(DataError, match="the picture cannot be decoded"):
        zoo.load(cyclegan, device="cpu").translate(Image.open(tmp_path / "cut.png"))
    with pytest.raises(DataError, match="labels of the picture cannot be decoded"):
        zoo.load(layergan, device="cpu").translate(np.zeros((64, 64, 3), np.uint8), Image.open(tmp_path / "cut.png"))


@pytest.mark.parametrize(("there", "wanted"), [((5, 7), (8, 8)), ((1, 1), (4, 6)), ((3, 9), (16, 9)), ((4, 4), (4, 4))])
def test_padding_reflects_and_then_repeats_the_edge(there, wanted):
    image = torch.arange(there[0] * there[1]).view(1, 1, *there)
    beyond = [wanted[0] - there[0], wanted[1] - there[1]]
    inside = [min(more, side - 1) for more, side in zip(beyond, there, strict=True)]
    expected = np.pad(image[0, 0].numpy(), [(0, inside[0]), (0, inside[1])], mode="reflect")
    expected = np.pad(expected, [(0, beyond[0] - inside[0]), (0, beyond[1] - inside[1])], mode="edge")
    for kind in (torch.uint8, torch.int64, torch.float32):
        assert np.array_equal(pad_to(image.to(kind), *wanted)[0, 0].numpy(), expected)
