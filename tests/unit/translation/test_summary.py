"""A translator is called with tensors like any module, and shows itself in a few lines of text or HTML."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.errors import DataError, UsageError


@pytest.fixture(scope="module")
def run(finished, pairs, tmp_path_factory):
    """A finished run with a record and a sample sheet."""
    return finished(tmp_path_factory.mktemp("s") / "run", str(pairs), generator="resnet6:width=4,blocks=1")


@pytest.fixture(scope="module")
def translator(run):
    return zoo.load(run, device="cpu")


def test_a_tensor_gives_what_a_batch_gives_and_what_translate_gives(translator):
    images = torch.rand(2, 3, 40, 48) * 2 - 1
    thermal = translator(images)
    assert thermal.shape == (2, 1, 40, 48)
    torch.testing.assert_close(thermal, translator({"visible": images}))
    torch.testing.assert_close(thermal, translator.translate(images))


def test_gradients_reach_the_image(translator):
    images = (torch.rand(1, 3, 32, 32) * 2 - 1).requires_grad_()
    translator(images).square().sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_images_of_another_floating_point_type_are_converted(translator, dtype):
    images = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32).to(dtype)
    expected = translator(images.float())
    for given in (images, {"visible": images}):
        torch.testing.assert_close(translator(given), expected)


@pytest.mark.parametrize(("value", "found"), [(255.0, "0 to 255"), (-1.5, "-1.5 to 0"), (float("nan"), "nan to nan")])
def test_images_of_another_range_are_refused_with_how_to_scale_them(translator, value, found):
    images = torch.zeros(1, 3, 32, 32)
    images[0, 0, 0, 0] = value
    for translate in (translator, translator.translate):
        with pytest.raises(
            DataError, match=rf"values in \[-1, 1\]; the values of this one are {found}. .*x / 127.5 - 1"
        ):
            translate(images)


@pytest.mark.parametrize("side", ["a", 100.5, None, [64]])
def test_sides_are_whole_numbers(translator, side):
    with pytest.raises(UsageError, match=r"a side is .*; it must be a whole number of pixels"):
        translator.grid(side)
    if side is not None:
        with pytest.raises(UsageError, match=r"`tile` is .*; it must be a whole number of pixels"):
            translator.translate(np.zeros((8, 8, 3), np.uint8), tile=side)


def test_sides_may_be_of_numpy(translator):
    assert translator.grid(np.int64(30)) == 32
    assert translator.translate(np.zeros((40, 40, 3), np.uint8), tile=np.int64(32)).shape == (40, 40)


@pytest.mark.parametrize(
    "wrong",
    [
        "street.jpg",
        Image.new("RGB", (8, 8)),
        np.zeros((8, 8, 3), np.uint8),
        None,
        [torch.zeros(3, 8, 8)],
        torch.zeros(3, 32, 32),
        torch.zeros(1, 1, 32, 32),
        torch.zeros(1, 3, 32, 32, dtype=torch.uint8),
        torch.zeros(1, 3, 33, 32),
        torch.zeros(1, 3, 0, 32),
    ],
    ids=["path", "picture", "array", "none", "list", "three", "grey", "bytes", "odd", "empty"],
)
def test_anything_else_is_refused_with_the_name_of_translate(translator, wrong):
    with pytest.raises(UsageError, match=r"Use `\.translate\(\.\.\.\)`"):
        translator(wrong)


def test_a_model_that_reads_labels_does_not_take_images_alone(saved, tmp_path):
    folder = saved(
        tmp_path / "m",
        "scenes:train=3,test=2",
        method="layergan:channel_multiplier=0.03125,max_channels=8,latent=16",
        discriminator="stylegan2_gp",
    )
    model = zoo.load(folder, device="cpu")
    with pytest.raises(UsageError, match="got no labels"):
        model(torch.zeros(1, 3, 32, 32))
    assert "reads      visible, labels" in repr(model)


@pytest.mark.parametrize("wrong", [None, 1, {"a": 1}])
def test_translate_refuses_what_is_no_image(translator, wrong):
    with pytest.raises(DataError, match="an image to translate is a file, a PIL image, an array or a tensor"):
        translator.translate(wrong)


def test_translate_refuses_folders_and_missing_files_by_name(translator, tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        translator.translate(tmp_path)
    with pytest.raises(DataError, match="Check the path"):
        translator.translate(tmp_path / "street.jpg")


def test_the_text_has_name_network_data_and_the_scores_of_the_record(translator, run):
    record = json.loads((run / "record.json").read_text())
    lines = repr(translator).splitlines()
    assert lines[0] == "Translator run" and len(lines) < 10
    count = sum(parameter.numel() for parameter in translator.method.parameters())
    assert f"cyclegan with resnet6, {count:,} parameters, float32 on cpu" in lines[1]
    assert lines[2].startswith("  trained on blocks, 32 px, ")
    assert record["scores"][0]["value"] == pytest.approx(31 / 3) and lines[-1] == "  scores     psnr 10.33 dB"


def test_the_card_is_short_and_shows_the_samples(translator):
    html = translator._repr_html_()
    assert len(html.splitlines()) < 15 and "<th>scores</th><td>psnr 10.33 dB</td>" in html
    picture = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])))
    assert picture.size == (30, 10)


def test_weights_without_a_record_have_the_scores_of_their_card():
    shown = repr(zoo.load("pix2pix-scenes", device="cpu"))
    assert shown.startswith("Translator pix2pix-scenes\n") and "psnr (128 px) 20.78" in shown


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\nno image"])
def test_damaged_files_beside_the_weights_cost_a_line_and_not_the_card(finished, pairs, tmp_path, content):
    folder = finished(tmp_path / "<b>run", str(pairs), generator="resnet6:width=4,blocks=1")
    (folder / "samples.png").write_bytes(content)
    model = zoo.load(folder, device="cpu")
    (folder / "record.json").write_bytes(content)
    html = model._repr_html_()
    assert "<img" not in html and "scores" not in html and "<b>&lt;b&gt;run</b>" in html
