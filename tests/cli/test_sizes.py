"""`--size 32x48`: trained, scored, resumed, translated and exported at a height and a width that differ."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

import zoo as package
from zoo.build import build_method
from zoo.data.store import PairStore
from zoo.sources import open_source

TINY = ("--gen", "resnet6:width=4,blocks=1", "--disc", "patchgan:width=4,layers=1", "--device", "cpu", "--steps", "2")


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory) -> Path:
    """A run at 32x48, in `results` of a folder of its own."""
    root = tmp_path_factory.mktemp("sizes")
    made = bench(root, str(pairs), "32x48")
    assert made.returncode == 0 and "32x48 px" in made.stdout, made.stderr
    (folder,) = (root / "results").glob("cyclegan-*-32x48px-*")
    return folder


def bench(root: Path, data: str, size: str) -> subprocess.CompletedProcess[str]:
    words = ("bench", *TINY, "--method", "cyclegan", "--data", data, "--size", size)
    return subprocess.run([sys.executable, "-m", "zoo", *words], cwd=root, capture_output=True, text=True, check=False)


def test_a_bench_at_32x48_states_its_size_everywhere_and_is_not_repeated(run, zoo, pairs, tmp_path):
    results = run.parent
    text = (run / "record.json").read_text()
    record = json.loads(text)
    assert (record["recipe"]["size"], record["recipe"]["load_size"]) == ([32, 48], [36, 54])
    assert {score["protocol"]["resize"] for score in record["scores"]} == {"32x48 bicubic"}
    assert "--size 32x48" in record["command"]
    assert json.loads((run / "config.json").read_text())["recipe"]["size"] == [32, 48]
    again = bench(results.parent, str(pairs), "32X48")
    assert again.returncode == 0 and "Skipped 1 finished run;" in again.stderr, again.stderr
    assert (run / "record.json").read_text() == text
    checked = zoo("records", "check", str(results))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert zoo("report", str(results), "-o", "report.html").returncode == 0
    assert "blocks, 32x48 px" in (tmp_path / "report.html").read_text()


def test_translations_at_the_runs_size_have_the_runs_scores(run, pairs):
    record = json.loads((run / "record.json").read_text())
    psnr = next(score for score in record["scores"] if score["metric"] == "psnr")
    translator = package.load(run, device="cpu")
    for stem, value in psnr["per_image"].items():
        visible, thermal = (
            np.array(Image.open(pairs / f"test/{kind}/{stem}.png").resize((48, 32), Image.Resampling.BICUBIC))
            for kind in ("visible", "thermal")
        )
        made = np.array(translator.translate(Image.fromarray(visible)))
        assert made.shape == (32, 48)
        assert peak_signal_noise_ratio(thermal, made, data_range=255) == pytest.approx(value, abs=1e-6)


def test_a_model_of_32x48_is_exported_at_its_size_or_another(run, zoo):
    for words, shape in (((), "1x32x48"), (("--size", "64x40"), "1x64x40")):
        done = zoo("export", str(run), "-o", "model.pt2", "--json", *words)
        assert done.returncode == 0 and shape in json.loads(done.stdout)["differences"], done.stderr
    refused = zoo("export", str(run), "-o", "model.pt2", "--size", "30x45")
    assert refused.returncode == 2 and "do not take images of 30x45 px. Use --size 32x48" in refused.stderr


def test_null_baselines_are_fitted_and_layergan_is_refused_at_32x48(zoo):
    words = ("--data", "scenes:train=2,test=2", "--device", "cpu", "--size", "32x48")
    methods = "mean_image,grey_copy,histogram_matching,pixel_regression,object_means"
    made = zoo("bench", "--method", methods, *words)
    assert made.returncode == 0 and made.stdout.count("[") >= 10, made.stderr
    refused = zoo("bench", "--recipe", "layergan", *words)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1, refused.stderr
    assert "requires square images, and 32x48 is no square. Use --size 32" in refused.stderr


def test_the_mean_image_is_the_mean_of_the_resized_images(pairs):
    source = open_source(str(pairs), size=(32, 48))
    recipe = package.compose(method="mean_image", data=source, size=(32, 48))
    method = build_method(recipe, source.info, torch.Generator(), training=True)
    store = PairStore.open(pairs, "train", size=(32, 48), device="cpu")
    method.fit([store.whole(torch.arange(len(store)))])
    images = [
        Image.open(path).resize((48, 32), Image.Resampling.BICUBIC) for path in (pairs / "train/thermal").iterdir()
    ]
    mean = torch.tensor(np.mean([np.array(image, np.float64) for image in images], axis=0)) / 127.5 - 1
    found = method.translate({"visible": torch.zeros(1, 3, 32, 48)})
    torch.testing.assert_close(found[0, 0].double(), mean, atol=1e-5, rtol=0)


@pytest.mark.parametrize("verb", ["bench", "train"])
@pytest.mark.parametrize(
    ("size", "said"),
    [("0x64", "--size is 0x64; it must be 1 or more"), ("64x", "--size is '64x'. Give a number of pixels such as 256")],
)
def test_a_wrong_size_is_one_line(zoo, verb, size, said):
    done = zoo(verb, "--size", size)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
