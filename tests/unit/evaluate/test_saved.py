"""Scored = saved = translated, for thermal images of one and of three channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.data.store import PairStore
from zoo.evaluate.celsius import DegreeErrors
from zoo.evaluate.score import evaluate
from zoo.evaluate.trained import score_method
from zoo.sources import open_source
from zoo.translation.portable import Portable

DATA, SIDE = "scenes:train=2,test=3", 32


class Levels:
    """Mean absolute error in grey levels, and the images that it is given."""

    name, higher_is_better, unit, compares = "levels", False, "levels", "grey"

    def __init__(self):
        self.translated = []

    def protocol(self):
        return {}

    def per_image(self, translated, real):
        self.translated.append((translated * 255).round().byte().numpy()[0, 0])
        return 255 * (translated - real).abs().mean(dim=(1, 2, 3))


@pytest.fixture(scope="module", params=[1, 3])
def run(request, saved, tmp_path_factory):
    """A translator with as many thermal channels, its test images' files, and its store."""
    asked = {"method": "pix2pix:evaluation=eval", "generator": "resnet6:width=4,blocks=1", "discriminator": "patchgan"}
    folder = tmp_path_factory.mktemp("run")
    translator = zoo.load(saved(folder, DATA, size=SIDE, thermal_channels=request.param, **asked), device="cpu")
    draw = torch.Generator().manual_seed(0)
    for weight in translator.parameters():  # fresh weights draw images that are grey all over
        weight.normal_(0, 0.3, generator=draw)
    root = open_source(DATA, size=SIDE).root
    store = PairStore.open(root, "test", size=SIDE, device="cpu", thermal_channels=request.param)
    return translator, sorted((root / "test" / "visible").iterdir()), store


def test_the_test_needs_channels_that_differ(run):
    translator, _, store = run
    thermal = translator.method.translate(store.whole(torch.arange(1)))
    assert thermal.shape[1] == 1 or (thermal[:, 0] - thermal[:, 2]).abs().mean() > 0.01


def test_a_saved_translation_scores_bit_for_bit_as_the_run(run, tmp_path):
    translator, files, store = run
    metric = Levels()
    (score,), _ = evaluate(translator.method.translate, store, {"levels": metric}, device="cpu")
    for number, file in enumerate(files):
        translator.translate(file).save(tmp_path / file.name)
        with Image.open(tmp_path / file.name) as image:
            assert image.mode == "L"
            thermal = np.asarray(image)
        assert np.array_equal(thermal, metric.translated[number])
        real = np.asarray(Image.open(file.parents[1] / "thermal" / file.name))
        error = 255 * np.abs(thermal / 255 - real / 255).mean()
        assert score.per_image[file.stem] == pytest.approx(error, abs=1e-12)


def test_every_way_to_translate_gives_the_scored_image(run):
    translator, files, store = run
    metric = Levels()
    evaluate(translator.method.translate, store, {"levels": metric}, device="cpu")
    pixels = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    tensor = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    for number, scored in enumerate(metric.translated):
        assert np.array_equal(translator.translate(pixels[number]), scored)
        assert np.array_equal(translator.translate(tensor[number], depth=8)[0].numpy(), scored)
        floats = translator.translate(pixels[number], depth="float")
        assert np.array_equal(((floats + np.float32(1)) * np.float32(127.5)).round().astype(np.uint8), scored)
        deep = translator.translate(pixels[number], depth=16)
        assert np.abs(deep / 257 - scored).max() <= 0.5 + 1 / 257
        exported = Portable(translator)(tensor[number : number + 1].float() / 127.5 - 1)
        assert np.abs(exported[0, 0].detach().numpy() - floats).max() < 1e-5


def test_degrees_agree_between_bench_and_translator(run):
    translator, files, store = run
    errors = []
    for number, file in enumerate(files):
        degrees = translator.to_celsius(translator.translate(file, depth="float"))
        real = store.whole(torch.tensor([number]))["celsius"][0, 0].numpy()
        errors.append(np.abs(degrees.astype(np.float64) - real).mean())
    scored = DegreeErrors(translator.method, store.info.classes, translator.thermal_range)
    for number in range(len(files)):
        scored.translate(store.whole(torch.tensor([number])))
    assert scored.errors.all == pytest.approx(np.mean(errors), abs=1e-12)


def test_an_image_is_translated_once_for_its_scores_and_its_degrees(run, monkeypatch):
    translator, files, store = run
    method, recipe, translate = translator.method, translator.config.recipe, translator.method.translate
    translated = []
    monkeypatch.setattr(method, "translate", lambda batch: translated.append(1) or translate(batch))
    found = score_method(method, recipe, store.info, files[0].parents[2], {"levels": Levels()}, torch.device("cpu"))
    assert len(translated) == found.scores[0].n == found.celsius.n == len(files)


def test_a_file_in_degrees_is_the_degrees_of_the_saved_image(run, tmp_path: Path):
    translator, files, _ = run
    translator.translate(files[0]).save(tmp_path / "thermal.png")
    low, high = translator.thermal_range
    expected = low + np.asarray(Image.open(tmp_path / "thermal.png")) / 255 * (high - low)
    assert np.abs(translator.to_celsius(tmp_path / "thermal.png") - expected).max() < 1e-5
