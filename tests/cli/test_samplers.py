"""A method with a sampler, from training to translation: one training for all settings of the sampler, which scores state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import zoo
from zoo.checksums import digest_of
from zoo.translation.translator import Translator

NETWORK = "adm_unet:width=32,mult=1+2,blocks=1,attention=2,head_channels=32"


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zoo", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, pairs: Path) -> dict[int, Path]:
    """The folders of two runs of flow, which differ in the sampler's steps alone, by these."""
    root = tmp_path_factory.mktemp("flow")
    words = ["--gen", NETWORK, "--data", str(pairs), "--size", "32", "--steps", "2", "--no-baselines"]
    methods = ",".join(
        f"flow:lr=0.05,warmup=0,steps={steps}" for steps in (1, 3)
    )  # so that two steps of training count
    done = run(root, "bench", "--method", methods, *words, "--device", "cpu", "--out", "results")
    assert done.returncode == 0, done.stdout + done.stderr
    records = {path.parent: record(path.parent) for path in root.glob("results/*/record.json")}
    return {found["recipe"]["method"]["config"]["steps"]: folder for folder, found in records.items()}


def record(folder: Path) -> dict:
    return msgspec.json.decode((folder / "record.json").read_bytes())


def test_settings_of_the_sampler_change_the_key_of_scores_only(results):
    one, three = record(results[1]), record(results[3])
    assert one["train_key"] == three["train_key"] and one["score_key"] != three["score_key"]
    assert digest_of(results[1] / "model.safetensors") == digest_of(results[3] / "model.safetensors")
    assert [(folder / "starts").exists() for folder in results.values()].count(True) == 1


@pytest.mark.parametrize(("steps", "passes"), [(1, 1), (3, 5)])
def test_scores_state_steps_solver_and_seed_and_the_cost_counts_all_passes(results, steps, passes):
    found = record(results[steps])
    for score in found["scores"]:
        assert score["protocol"]["options"] == {"steps": steps, "sampler": "heun", "seed": 0, "samples": 1}
    assert found["cost"]["passes"] == passes
    assert found["cost"]["flops"] == passes * record(results[1])["cost"]["flops"]


@pytest.mark.parametrize("steps", [1, 3])
def test_the_last_weights_are_kept_beside_their_average(results, steps):
    average, last = (zoo.load(results[steps], device="cpu", ema=ema) for ema in (True, False))
    differ = [not torch.equal(a, b) for a, b in zip(average.parameters(), last.parameters(), strict=True)]
    assert any(differ)
    stored = load_file(results[steps] / "last.safetensors")
    assert all(torch.equal(tensor, stored[name]) for name, tensor in last.method.state_dict().items())


def test_a_model_without_an_average_has_no_other_weights():
    with pytest.raises(zoo.ZooError, match="its weights are not averaged"):
        zoo.load("pix2pix-scenes", ema=False)


def test_runs_of_other_steps_can_be_compared(results):
    done = run(results[1].parent, "compare", ".")
    assert done.returncode == 0 and "steps=1" in done.stdout and "steps=3" in done.stdout, done.stdout + done.stderr


def test_a_translation_takes_other_settings_and_tiles_have_the_noise_of_their_place(results, pairs, tmp_path):
    image = next((pairs / "test" / "visible").iterdir())
    other = zoo.load(results[1], device="cpu", options={"steps": 3})
    expected = zoo.load(results[3], device="cpu").translate(image, depth="float")
    assert np.array_equal(other.translate(image, depth="float"), expected)
    assert not np.array_equal(zoo.load(results[1], device="cpu").translate(image, depth="float"), expected)
    seeded = zoo.load(results[3], device="cpu", options={"seed": 1}).translate(image, depth="float")
    assert not np.array_equal(seeded, expected)
    out = tmp_path / "out.tif"
    done = run(tmp_path, "translate", str(image), "--model", str(results[1]), "--option", "steps=3", "-o", str(out))
    assert done.returncode == 0, done.stderr
    eight = zoo.load(results[3], device="cpu").translate(image)
    assert np.array_equal(np.asarray(Image.open(out)), np.asarray(eight))


def test_a_network_that_is_still_new_shows_the_noise_of_the_whole_image_in_tiles(results):
    translator: Translator = zoo.load(results[3], device="cpu")
    for parameter in translator.method.G.last.parameters():
        parameter.data.zero_()
    image = np.random.default_rng(0).integers(0, 256, (96, 150, 3), np.uint8)
    whole, tiled = (translator.translate(image, depth="float", tile=tile) for tile in (None, 64))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    assert whole.std() > 0.3


def test_options_of_the_training_are_refused(results, pairs, tmp_path):
    image = next((pairs / "test" / "visible").iterdir())
    done = run(tmp_path, "translate", str(image), "--model", str(results[1]), "--option", "ema=0.5")
    assert done.returncode == 2 and "it has steps, sampler, seed, samples" in done.stderr
