"""Metrics from the command line: scored without another training, refused before one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoo.data.writer import DatasetWriter

TINY = ("--gen", "resnet6:width=4,blocks=1", "--disc", "patchgan:width=4,layers=1", "--size", "32", "--steps", "2")


def bench(data: object, out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zoo", "bench", *TINY, "--data", str(data), "--out", str(out), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))


def record(out: Path) -> dict:
    (path,) = out.glob("*/record.json")
    return json.loads(path.read_text())


def test_a_new_metric_is_scored_without_training_and_keeps_the_other_scores(pairs, tmp_path):
    first = bench(pairs, tmp_path)
    assert first.returncode == 0, first.stderr
    before = record(tmp_path)
    (weights,) = tmp_path.glob("*/model.safetensors")
    stamp = weights.stat()
    cost = before.pop("cost")
    assert cost["passes"] == 1 and cost["flops"] > 0 and cost["parameters"] == before["parameters"]["translation"]
    (path,) = tmp_path.glob("*/record.json")
    path.write_text(json.dumps(before))  # as zoo wrote it before it measured costs
    second = bench(pairs, tmp_path, "--metrics", "mae,ssim,ssim:border=valid")
    assert second.returncode == 0, second.stderr
    assert "training" not in second.stderr
    after = record(tmp_path)
    assert (weights.stat().st_mtime_ns, weights.stat().st_ino) == (stamp.st_mtime_ns, stamp.st_ino)
    assert [score["metric"] for score in after["scores"]] == ["psnr", "ssim", "mae", "ssim[border=valid]"]
    assert after["scores"][:2] == before["scores"]
    for entry in ("command", "finished", "timing", "environment", "peak_memory", "train_key"):
        assert after[entry] == before[entry]
    assert "mae, ssim[border=valid]: scored" in after["notes"][-1] and "--metrics mae" in after["notes"][-1]
    assert after["score_key"] != before["score_key"]
    assert after["cost"] == cost | {name: after["cost"][name] for name in ("latency_ms", "latency_n")}
    csv = next(tmp_path.glob("*/scores.csv")).read_text().splitlines()
    assert csv[0] == "stem,psnr,ssim,mae,ssim[border=valid]" and len(csv) == 4
    third = bench(pairs, tmp_path, "--metrics", "psnr,mae")
    assert third.returncode == 0 and "Skipped" in third.stderr
    assert "mae [levels]" in third.stdout


def test_degrees_and_sets_are_scored_and_say_how(tmp_path):
    metrics = "mae_celsius,fid:extractor=resnet18,weights=random,kid:extractor=resnet18,weights=random"
    done = bench("scenes:train=2,test=4", tmp_path, "--metrics", metrics)
    assert done.returncode == 0, done.stderr
    found = record(tmp_path)
    celsius, fid, kid = found["scores"]
    assert [score["metric"] for score in found["scores"]] == [
        "mae_celsius",
        "fid[resnet18@random]",
        "kid[resnet18@random]",
    ]
    assert celsius["value"] == pytest.approx(found["celsius"]["all"], abs=1e-5)
    assert celsius["unit"] == "C" and len(celsius["per_image"]) == 4
    for score in (fid, kid):
        assert (score["per_image"], score["n"], score["interval"]) == ({}, 4, "jackknife")
        assert score["low"] < score["value"] < score["high"]
        assert score["protocol"]["weights"] == "random, seed 0"
    assert "rank-deficient" in fid["notes"][0] and kid["notes"] == []
    assert "rank-deficient" in done.stdout


def test_an_unpaired_set_gets_the_scores_of_sets_alone(tmp_path):
    rng = np.random.default_rng(0)
    with DatasetWriter(tmp_path / "unpaired") as writer:
        writer.describe(name="unpaired", source="made by the tests")
        for split, index in ((split, index) for split in ("train", "test") for index in range(4)):
            writer.add_visible(split, f"v{index}", rng.integers(0, 256, (32, 32, 3)).astype(np.uint8))
            if index:
                writer.add_thermal(split, f"t{index}", rng.integers(0, 256, (32, 32)).astype(np.uint8))
    metrics = ("--metrics", "psnr,kid:extractor=resnet18,weights=random")
    done = bench(tmp_path / "unpaired", tmp_path / "out", *metrics)
    assert done.returncode == 0, done.stderr
    found = record(tmp_path / "out")
    (score,) = found["scores"]
    assert (score["metric"], score["n"], score["protocol"]["real_images"]) == ("kid[resnet18@random]", 4, 3)
    assert "unpaired" in found["notes"][0]
    assert list(found["scored"]) == ["psnr", "kid[resnet18@random]"]
    assert "Skipped" in bench(tmp_path / "unpaired", tmp_path / "out", *metrics).stderr


def test_metrics_that_cannot_apply_are_refused_before_any_training(pairs, tmp_path):
    for words, message in {
        "mae_celsius": "needs temperatures in degrees Celsius",
        "ms_ssim": "from 161 px",
        "psnrr": "Did you mean psnr",
        "fid:weights=absent.pth": "no file of weights `absent.pth`",
        "ssim:sigma=0.1": "sigma=0.1",
    }.items():
        done = bench(pairs, tmp_path / "out", "--metrics", words)
        assert done.returncode == 2 and message in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "out").glob("*/model.safetensors"))


def test_weights_that_are_not_there_are_reported_before_the_training(pairs, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    done = bench(pairs, tmp_path / "out", "--metrics", "fid:extractor=resnt18")
    assert done.returncode == 1 and "Did you mean resnet18" in done.stderr
    assert "training" not in done.stderr
