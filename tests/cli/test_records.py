"""`zoo records` as typed: records go from one folder to another, and every other command takes them as its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

METHODS = "grey_copy,mean_image"


@pytest.fixture(scope="module")
def lab(pairs, tmp_path_factory):
    """The results of somebody who kept the records and not the weights."""
    import os
    import subprocess
    import sys

    out = tmp_path_factory.mktemp("lab") / "results"
    words = ["bench", "--method", METHODS, "--data", str(pairs), "--size", "32", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "zoo", *words], env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for run in out.iterdir():
        for name in ("model.safetensors", "trained.json"):
            (run / name).unlink()
    return out


def test_records_are_checked_and_imported_and_every_command_takes_them(lab, pairs, zoo, tmp_path):
    checked = zoo("records", "check", str(lab))
    assert (checked.returncode, checked.stdout, checked.stderr.strip()) == (0, "", "2 records, no fault")
    done = zoo("records", "import", str(lab), "--name", "the lab")
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if line.startswith("imported ")]) == 2
    bench = ("bench", "--method", METHODS, "--data", str(pairs), "--size", "32")
    again = zoo(*bench)
    assert again.returncode == 0 and "Skipped 2 finished runs" in again.stderr
    assert "Dataset blocks: health not measured; run: zoo data check" in again.stdout
    runs = sorted(map(str, (tmp_path / "results").iterdir()))
    assert "Against mean_image, the best null baseline" in zoo("compare", *runs).stdout
    assert zoo("report", "results").returncode == 0
    page = (tmp_path / "report.html").read_text()
    assert "Imported from the lab." in page and "health: not measured; run: zoo data check FOLDER --write" in page
    assert zoo("records", "check", "results").returncode == 0

    refused = zoo(*bench, "--metrics", "psnr,mae")
    assert refused.returncode == 1
    lines = [line for line in refused.stderr.splitlines() if "FAILED" in line]
    assert len(lines) == 2 and all("mae cannot be scored" in line and "--retry" in line for line in lines)
    retried = zoo(*bench, "--metrics", "psnr,mae", "--retry")
    assert retried.returncode == 0, retried.stderr
    record = json.loads((Path(runs[0]) / "record.json").read_text())
    assert [score["metric"] for score in record["scores"]] == ["psnr", "mae"]  # all of the new weights
    assert record["notes"] == []


def test_weights_that_come_along_can_be_scored_anew(pairs, zoo, tmp_path):
    bench = ("bench", "--method", "mean_image", "--data", str(pairs), "--size", "32")
    assert zoo(*bench, "--out", "theirs").returncode == 0
    next((tmp_path / "theirs").glob("*/trained.json")).unlink()  # published are the weights and the record
    assert zoo("records", "import", "theirs").returncode == 0
    done = zoo(*bench, "--metrics", "mae")
    assert done.returncode == 0 and "mae" in done.stdout and "training" not in done.stderr


def test_faults_are_a_line_each_and_exit_1(lab, zoo, tmp_path):
    shutil.copytree(lab, tmp_path / "theirs")
    path = next((tmp_path / "theirs").glob("grey_copy*/record.json"))
    raw = json.loads(path.read_text())
    raw["scores"][0]["value"] += 1
    path.write_text(json.dumps(raw))
    checked = zoo("records", "check", "theirs")
    assert checked.returncode == 1
    assert "psnr: value" in checked.stdout and len(checked.stdout.splitlines()) == 2  # the mean, and the interval
    assert json.loads(zoo("records", "check", "theirs", "--json").stdout)["records"] == 2
    done = zoo("records", "import", "theirs", "--out", "mine")
    assert done.returncode == 1 and "not imported: theirs/grey_copy" in done.stderr
    assert len(list((tmp_path / "mine").iterdir())) == 1


@pytest.mark.parametrize("words", [("check", "nowhere"), ("import", "nowhere"), ("import", ".", "--out", "sub")])
def test_wrong_requests_exit_2_in_one_line(zoo, words):
    done = zoo("records", *words)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr


def test_the_schema_is_printed(zoo):
    assert "| `train_key` | `str` |" in zoo("records", "schema").stdout
    assert json.loads(zoo("records", "schema", "--json").stdout)["$defs"]["Record"]
