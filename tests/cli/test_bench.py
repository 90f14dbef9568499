"""The main job as a user types it, on tiny networks: what it leaves, what it says, and what survives a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from waiting import trains, wait_until

import zoo as package

TINY = ("--gen", "resnet6:width=4,blocks=1", "--disc", "patchgan_gn:width=4,layers=1", "--size", "32")


def folder(out: Path) -> Path:
    (run,) = [path.parent for path in out.glob("*/run.json")]
    return run


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory) -> Path:
    """One finished run, used by the tests that only look at it."""
    out = tmp_path_factory.mktemp("run")
    command = [sys.executable, "-m", "zoo", "bench", *TINY, "--data", str(pairs), "--steps", "4", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (out / "stdout.txt").write_text(done.stdout)
    (out / "stderr.txt").write_text(done.stderr)
    return out


def test_it_prints_one_table_and_says_what_it_does(run):
    table, progress = (run / "stdout.txt").read_text(), (run / "stderr.txt").read_text()
    assert "3 test images" in table and "patchgan_gn" in table and "psnr [dB]" in table
    assert "step 4/4" in progress and "left" in progress and "gan_A" in progress


def test_it_leaves_everything_that_it_promises(run):
    left = {path.name for path in folder(run).iterdir()}
    wanted = {"record.json", "scores.csv", "log.jsonl", "samples.png", "losses.png", "model.safetensors", "config.json"}
    assert wanted <= left
    assert "checkpoints" not in left


def test_the_record_says_how_it_was_measured(run):
    record = json.loads((folder(run) / "record.json").read_text())
    assert record["schema"] == 1
    assert record["recipe"]["generator"]["config"]["width"] == 4
    made_by = {"plugin": "resnet", "distribution": "thermal-zoo", "version": package.__version__}
    assert made_by.items() <= record["plugins"]["generator"].items()
    assert record["sha256"]["model.safetensors"] == sha256((folder(run) / "model.safetensors").read_bytes()).hexdigest()
    assert record["environment"]["packages"]["torch"]
    assert record["parameters"]["translation"] == sum(
        tensor.size for tensor in load_file(folder(run) / "model.safetensors").values()
    )
    assert record["timing"]["train_seconds"] > 0 and record["peak_memory"]["host"] > 1e7
    for score in record["scores"]:
        values = list(score["per_image"].values())
        assert len(values) == score["n"] == 3
        assert score["value"] == pytest.approx(np.mean(values))
        assert score["low"] <= score["value"] <= score["high"]
        assert score["protocol"]["data_range"] == 1.0 and score["protocol"]["resize"] == "32x32 bicubic"


def test_the_scores_are_those_of_the_saved_model(run, pairs):
    from skimage.metrics import peak_signal_noise_ratio

    record = json.loads((folder(run) / "record.json").read_text())
    psnr = next(score for score in record["scores"] if score["metric"] == "psnr")["per_image"]
    translator = package.load(folder(run), device="cpu")
    for stem, value in psnr.items():
        visible, thermal = (
            np.array(Image.open(pairs / "test" / kind / f"{stem}.png").resize((32, 32), Image.Resampling.BICUBIC))
            for kind in ("visible", "thermal")
        )
        assert peak_signal_noise_ratio(thermal, translator.translate(visible)) == pytest.approx(value, abs=1e-6)


def test_a_second_call_does_nothing_and_says_so(run, pairs, zoo):
    before = (folder(run) / "record.json").stat().st_mtime_ns
    done = zoo("bench", *TINY, "--data", str(pairs), "--steps", "4", "--out", str(run))
    assert done.returncode == 0
    assert "Skipped" in done.stderr
    assert (folder(run) / "record.json").stat().st_mtime_ns == before


def test_a_dry_run_of_publishing_writes_a_card_with_the_numbers_of_the_record(run, tmp_path, zoo):
    from huggingface_hub import ModelCard

    done = zoo(
        "publish", str(folder(run)), "--to", "acme/blocks", "--dry-run", "-o", "card", env={"HF_ENDPOINT": "nowhere"}
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((folder(run) / "record.json").read_text())
    card = ModelCard.load(tmp_path / "card" / "README.md")
    assert {result.metric_type: result.metric_value for result in card.data.eval_results} == {
        score["metric"]: score["value"] for score in record["scores"]
    }
    published = json.loads((tmp_path / "card" / "record.json").read_text())
    assert {key for key in record if record[key] != published[key]} == {"command"}
    assert str(run) not in published["command"] and published["command"] in card.text
    assert (tmp_path / "card" / "samples.png").read_bytes() == (folder(run) / "samples.png").read_bytes()
    assert package.load(tmp_path / "card", device="cpu").config.recipe.size == 32


def test_translating_files_keeps_their_size(run, tmp_path, zoo):
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (37, 23), "red").save(photos / "a.jpg")
    Image.new("RGBA", (5, 90), "blue").save(photos / "b.png")
    (photos / "notes.txt").write_text("not an image")
    done = zoo("translate", str(photos), "--model", str(folder(run)), "-o", "thermal")
    assert done.returncode == 0, done.stderr
    for name, size in (("a", (37, 23)), ("b", (5, 90))):
        image = Image.open(tmp_path / "thermal" / f"{name}.png")
        assert (image.size, image.mode) == (size, "L")
    (photos / "c.jpg").write_bytes((photos / "a.jpg").read_bytes()[:200])
    done = zoo("translate", str(photos), "--model", str(folder(run)), "-o", "again")
    assert done.returncode == 1 and "c.jpg" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "again" / "a.png").exists()


def test_resuming_after_sigkill_ends_in_the_same_weights(pairs, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = ["bench", *TINY, "--data", str(pairs), "--steps", "120", "--device", "cpu"]
    command = [sys.executable, "-m", "zoo", *words, "--out"]
    # Another order of sets, in an interpreter of its own: neither may change a weight.
    another = os.environ | {"PYTHONHASHSEED": "1"}
    subprocess.run([*command, str(whole)], check=True, capture_output=True, env=another)
    # Checkpoints are due after a minute; a short interval makes one fall before the kill.
    env = os.environ | {"ZOO_CHECKPOINT_SECONDS": "0.2"}
    bench = subprocess.Popen([*command, str(killed)], env=env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_until(lambda: list(killed.glob("*/checkpoints/0*")))
    bench.send_signal(signal.SIGKILL)
    bench.wait()
    assert not list(killed.glob("*/record.json")), "the kill came too late to show anything"
    done = subprocess.run([*command, str(killed)], capture_output=True, text=True, check=True)
    assert "done in" in done.stderr
    first, second = (load_file(folder(out) / "model.safetensors") for out in (whole, killed))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    losses = [
        [json.loads(line)["losses"] for line in (folder(out) / "log.jsonl").read_text().splitlines()]
        for out in (whole, killed)
    ]
    assert losses[0] == losses[1]


def test_ctrl_c_saves_the_state_and_says_how_to_go_on(pairs, tmp_path):
    words = ["bench", *TINY, "--data", str(pairs), "--steps", "5000", "--out", str(tmp_path / "out")]
    bench = subprocess.Popen([sys.executable, "-m", "zoo", *words], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: any(map(trains, (tmp_path / "out").glob("*"))))
    bench.send_signal(signal.SIGINT)
    rest = bench.stderr.read()
    assert bench.wait() == 130
    assert "To resume, run: zoo bench" in " ".join(rest.split()) and "Traceback" not in rest
    assert list((tmp_path / "out").glob("*/checkpoints/0*/state.json"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--gen", "resnet9_cbm"), "Did you mean resnet9_cbam"),
        (("--data", "nowhere"), "there is no folder 'nowhere'"),
        (("--gen", "unet_256", "--size", "128"), "Use --size 256"),
        (("--preset", "fast"), "quick, paper"),
        (("--device", "tpu"), "auto, cpu, cuda or cuda:N"),
        (("--seeds", "0"), "is 0; it must be 1 or more"),
        (("--gen", ""), "--gen is empty"),
        (("--table", ""), "--table is empty"),
    ],
)
def test_wrong_requests_exit_2_in_one_line(zoo, pairs, words, told):
    data = () if "--data" in words else ("--data", str(pairs))
    done = zoo("bench", *data, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""


def test_faults_in_the_data_are_named_before_any_training(zoo, pairs, tmp_path):
    import shutil

    bad = tmp_path / "bad"
    shutil.copytree(pairs, bad)
    truncated = bad / "train" / "visible" / "train0.png"
    truncated.write_bytes(truncated.read_bytes()[:60])
    Image.new("L", (8, 8)).save(bad / "train" / "thermal" / "train1.png")
    (bad / "test" / "thermal" / "test0.png").unlink()
    done = zoo("bench", *TINY, "--data", str(bad), "--out", "out")
    assert done.returncode == 2
    for name in ("train0.png", "train1.png", "test0"):
        assert len([line for line in done.stderr.splitlines() if name in line]) == 1, done.stderr
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_and_an_unwritable_output_are_one_line_each(zoo, pairs, tmp_path):
    (tmp_path / "empty").mkdir()
    done = zoo("bench", *TINY, "--data", "empty")
    assert done.returncode == 2 and "is empty" in done.stderr and len(done.stderr.splitlines()) == 1
    (tmp_path / "file").write_text("in the way")
    done = zoo("bench", *TINY, "--data", str(pairs), "--out", "file/results")
    assert done.returncode == 2 and "cannot be written" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_run_that_diverges_is_a_failure_that_names_the_terms(zoo, pairs, tmp_path):
    words = ("bench", *TINY, "--data", str(pairs), "--steps", "40", "--method", "cyclegan:lr=1e30", "--out", "out")
    done = zoo(*words)
    assert done.returncode == 1
    assert "FAILED" in done.stderr and "no longer finite" in done.stderr and "Traceback" not in done.stderr
    assert "no longer finite" in json.loads((folder(tmp_path / "out") / "failure.json").read_text())["reason"]
    assert "--retry" in zoo(*words).stderr
