"""`zoo.score`: trained runs on their own and on other datasets."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

import zoo
from zoo.data.layout import read_info, write_info
from zoo.records.record import read_record
from zoo.report.finished_runs import find_results
from zoo.report.records_check import check_folder


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory) -> Path:
    """A trained run."""
    out = tmp_path_factory.mktemp("runs")
    tiny = {
        "generator": "resnet6:width=2",
        "discriminator": "patchgan:width=2",
        "size": 32,
        "steps": 2,
        "device": "cpu",
    }
    return zoo.train(data=str(pairs), out=out, **tiny).folders[0]


def copied(run: Path, place: Path) -> Path:
    return Path(shutil.copytree(run, place / run.name))


def test_a_run_is_scored_on_another_dataset_into_its_record(run, square, tmp_path):
    folder = copied(run, tmp_path)
    before = read_record(folder)
    (shown,) = zoo.score(folder, data=str(square), device="cpu")
    record = read_record(folder)
    assert replace(record, tests=[]) == before
    (tested,) = record.tests
    assert (tested.data.name, tested.size, [each.n for each in tested.scores]) == ("square", 32, [3, 3])
    assert shown.data.name == "square" and shown.scores == tested.scores
    again = zoo.score(folder, data=str(square), device="cpu")
    assert again.outcomes[0].status == "skipped"
    zoo.score(folder, data=str(square), metrics="ssim:border=valid", device="cpu")
    (tested,) = read_record(folder).tests
    assert [each.metric for each in tested.scores] == ["psnr", "ssim", "ssim[border=valid]"]
    assert [found.record.data.name for found in find_results(tmp_path).runs] == ["blocks", "square"]
    assert check_folder(tmp_path) == (1, [])


def test_a_run_on_its_own_data_scores_as_before_when_it_is_tested_as_another(run, pairs, tmp_path):
    folder, twin = copied(run, tmp_path), tmp_path / "twin"
    shutil.copytree(pairs, twin)
    info = msgspec.json.decode((twin / "dataset.json").read_bytes())
    (twin / "dataset.json").write_bytes(msgspec.json.encode(info | {"name": "twin", "thermal_high": 256.0}))
    write_info(twin, replace(read_info(twin), thermal_high=255.0))
    (shown,) = zoo.score(folder, data=str(twin), device="cpu")
    own = read_record(folder)
    assert [each.per_image for each in shown.scores] == [each.per_image for each in own.scores]


def test_metrics_are_added_to_a_run_on_its_own_data(run, pairs, tmp_path):
    folder = copied(run, tmp_path)
    (record,) = zoo.score(folder, metrics="ssim:border=valid", device="cpu")
    assert [each.metric for each in record.scores] == ["psnr", "ssim", "ssim[border=valid]"]
    assert record.tests == []


def test_a_model_without_a_record_gets_a_run_folder_of_scores(run, square, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(run / name, model / name)
    records = zoo.score(model, data=str(square), out=tmp_path / "out", device="cpu")
    assert records[0].data.name == "square" and records[0].scores[0].n == 3
    assert list(records.folders[0].glob("tests/*/samples.png"))
    assert check_folder(tmp_path / "out") == (1, [])
    again = zoo.score(model, data=str(square), out=tmp_path / "out", device="cpu")
    assert again.outcomes[0].status == "skipped"
