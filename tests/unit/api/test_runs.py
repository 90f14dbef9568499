"""`zoo.bench` and `zoo.train` do what the commands of these names do, and return records that print the table of the command."""

from __future__ import annotations

import csv
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

import zoo as package
from zoo.errors import RefusedError, UsageError, ZooError
from zoo.records.record import Failure, Record, read_record, write_json
from zoo.report.bench_records import Records
from zoo.run import devices
from zoo.run.runner import InterruptedBenchError

TINY = {"discriminator": "patchgan:width=2", "size": 32, "steps": 2, "device": "cpu", "jobs": 1}
ALONE = {**TINY, "baselines": False}
GENERATORS = ["resnet6:width=2", "resnet6:width=3"]
TWICE = "cyclegan:discriminator_steps=2"


@pytest.fixture(scope="module")
def made(pairs, tmp_path_factory) -> tuple[Records, Path]:
    """Records of two runs, and their results folder."""
    out = tmp_path_factory.mktemp("bench")
    return package.bench(generator=GENERATORS, data=str(pairs), out=out, **ALONE), out


def test_the_records_are_those_of_the_finished_runs(made):
    records, out = made
    assert isinstance(records, Sequence) and len(records) == 2 and not records.failures
    assert [record.recipe.generator.config["width"] for record in records] == [2, 3]
    assert records[-1] is list(records)[1] and records[:1] == [records[0]]
    assert {folder.parent for folder in records.folders} == {out}
    assert all((folder / "model.safetensors").is_file() for folder in records.folders)
    assert package.load(records.folders[1]).config.recipe == records[1].recipe


def test_the_command_that_a_record_names_skips_the_runs_and_prints_the_same_table(made, zoo):
    records, _ = made
    verb, *words = shlex.split(records[0].command)
    assert verb == "zoo" and records[0].command == records[1].command and "--no-baselines" in words
    typed = zoo(*words)
    assert typed.returncode == 0 and "Skipped 2 finished runs;" in typed.stderr, typed.stderr
    assert typed.stdout == f"{records}\n"


def test_a_record_prints_as_a_card_of_fewer_than_15_lines(made, monkeypatch):
    records, out = made
    monkeypatch.setenv("COLUMNS", "80")
    record = records[0]
    for text in (str(record), repr(record)):
        lines = text.splitlines()
        assert len(lines) < 15 and all(len(line) <= 80 for line in lines if str(out) not in line)
        psnr = next(score for score in record.scores if score.metric == "psnr")
        for words in (
            f"{psnr.value:.2f}",
            f"[{psnr.low:.2f}, {psnr.high:.2f}] dB",
            "2 steps",
            "resnet6:width=2",
            record.folder,
        ):
            assert words in " ".join(text.split())
    assert record == read_record(records.folders[0]) == record and record != records[1]
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record


def test_a_second_call_executes_nothing(made, pairs):
    records, out = made
    before = {path: path.stat().st_mtime_ns for path in out.rglob("record.json")}
    again = package.bench(generator=",".join(GENERATORS), data=[str(pairs)], out=str(out), **ALONE)
    assert list(again) == list(records) and repr(again) == repr(records)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("record.json")} == before
    assert [outcome.status for outcome in again.outcomes] == ["skipped"] * 2


def test_one_dictionary_per_record_holds_the_scores_of_the_images(made):
    records, _ = made
    rows = records.to_dicts()
    assert [row["system"] for row in rows] == GENERATORS and {len(row) for row in rows} == {len(rows[0])}
    for row in rows:
        with (Path(row["folder"]) / "scores.csv").open() as file:
            values = [float(image["psnr"]) for image in csv.DictReader(file)]
        assert row["psnr"] == pytest.approx(sum(values) / len(values))
        assert row["psnr_low"] <= row["psnr"] <= row["psnr_high"]
        assert (row["discriminator"], row["normalizer"], row["steps"], row["seed"]) == ("patchgan", "none", 2, 0)


def test_pandas_takes_the_rows(made):
    pandas = pytest.importorskip("pandas")
    records, _ = made
    frame = pandas.DataFrame(records.to_dicts())
    assert list(frame["system"]) == GENERATORS and frame["psnr"].dtype == float
    assert frame["psnr"].mean() == pytest.approx(sum(record.scores[0].value for record in records) / 2)


def test_a_notebook_shows_a_table_with_escaped_texts(made):
    records, _ = made
    html = records._repr_html_()
    assert html.count("<tr>") == 3 and all(f"<td>{name}</td>" in html for name in GENERATORS)
    assert "no runs" in Records([])._repr_html_() and repr(Records([])) == "no runs"


def test_train_leaves_the_weights_of_bench(made, pairs, tmp_path):
    words = {name: value for name, value in TINY.items() if name != "jobs"}
    records = package.train(generator=GENERATORS[1], data=str(pairs), out=tmp_path, **words)
    assert len(records) == 1 and records.folders[0].parent == tmp_path
    assert records[0].train_key == made[0][1].train_key
    assert records[0].sha256["model.safetensors"] == made[0][1].sha256["model.safetensors"]
    assert records[0].command.startswith("zoo train --gen resnet6:width=3 --disc patchgan:width=2 --data ")
    assert "resnet6" in repr(records)


def test_a_script_needs_no_main_guard(made, pairs, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import zoo\nprint(zoo.bench(generator='resnet6:width=2', data={str(pairs)!r}, out='results', **{ALONE!r}))\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "results").glob("*/model.safetensors")
    assert folder.read_bytes() == (made[0].folders[0] / "model.safetensors").read_bytes()
    assert "psnr [dB]" in done.stdout and done.stdout.count("\n") > 3


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"steps": 2, "epochs": 1}, UsageError, "`steps` and `epochs` were both given"),
        ({"size": 0}, UsageError, "`size` is 0; it must be 1 or more"),
        ({"seeds": 0}, UsageError, "`seeds` is 0; it must be 1 or more"),
        ({"steps": "many"}, UsageError, "`steps` is 'many'; it must be a whole number, 1 or more"),
        ({"steps": True}, UsageError, "`steps` is True; it must be a whole number, 1 or more"),
        ({"batch": True}, UsageError, "`batch` is True"),
        ({"thermal_channels": True}, UsageError, "`thermal_channels` is True"),
        ({"seeds": True}, UsageError, "`seeds` is True"),
        ({"patience": True, "validate": 0.2}, UsageError, "`patience` is True"),
        ({"batch": 2, "accumulate": 2, "method": TWICE}, RefusedError, "updates an optimizer several times in a step"),
        ({"generator": 3}, UsageError, "names of components are text or a list; this is int"),
        ({"generator": [3]}, UsageError, "the name of a component is text; this is int"),
        ({"gpus_per_run": 0}, UsageError, "`gpus_per_run` is 0"),
        ({"jobs": 0}, UsageError, "`jobs` is '0'; it must be auto, or 1 or more"),
        ({"data": []}, UsageError, "`data` names no dataset"),
        ({"generator": []}, UsageError, "`generator` is empty"),
        ({"generator": ["resnet9", ""]}, UsageError, "`generator` has an empty name"),
        ({"method": ""}, UsageError, "`method` is empty"),
        ({"normalizer": ""}, UsageError, "`normalizer` is empty"),
        ({"test_data": ()}, UsageError, "`test_data` is empty"),
        ({"metrics": []}, UsageError, "`metrics` is empty"),
        ({"generator": "resnet7"}, UsageError, "no generator is named 'resnet7'"),
        ({"device": "gpu"}, UsageError, "'gpu' is not a device"),
        ({"compute": "warp"}, UsageError, "warp"),
        ({"generator": "unet_256", "size": 32}, RefusedError, "256"),
    ],
)
def test_wrong_arguments_raise_before_anything_is_written(pairs, tmp_path, words, error, message):
    with pytest.raises(error, match=message):
        package.bench(**{"data": str(pairs), "out": tmp_path / "results", "device": "cpu"} | words)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("words", [{"device": "cuda"}, {"precision": "tf32"}, {"compute": "graph"}])
def test_what_requires_a_gpu_is_refused_without_one_before_anything_is_written(pairs, tmp_path, monkeypatch, words):
    monkeypatch.setattr(devices, "find_gpus", lambda device: [])
    monkeypatch.setattr(devices, "DRIVERS", ())
    for function in (package.bench, package.train):
        with pytest.raises(UsageError, match="NVIDIA GPU"):
            function(data=str(pairs), size=32, out=tmp_path / "results", **words)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_bf16_without_hardware_is_refused_before_anything_is_written(pairs, tmp_path, monkeypatch, device):
    monkeypatch.setattr(devices, "find_gpus", lambda device: [])
    monkeypatch.setattr(devices, "DRIVERS", ())
    monkeypatch.setattr("zoo.compute.options.has_bf16", lambda device: False)
    for function in (package.bench, package.train):
        with pytest.raises(UsageError, match="requires bf16 hardware"):
            function(data=str(pairs), size=32, out=tmp_path / "results", device=device, precision="bf16")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("seed", "message"),
    [(-1, "`seed` is -1; it must be 0 or more"), (True, "`seed` is True; it must be a whole number, 0 or more")],
)
def test_a_wrong_seed_is_refused(pairs, tmp_path, seed, message):
    with pytest.raises(UsageError, match=message):
        package.train(data=str(pairs), size=32, out=tmp_path / "results", device="cpu", seed=seed)
    with pytest.raises(UsageError, match=message):
        package.compose(data=str(pairs), size=32, seed=seed)
    assert not (tmp_path / "results").exists()


def test_compose_refuses_an_empty_name(pairs):
    for kind in ("generator", "discriminator", "method", "recipe"):
        with pytest.raises(UsageError, match="''"):
            package.compose(data=str(pairs), size=32, **{kind: ""})


def test_train_refuses_several_runs(pairs, tmp_path):
    with pytest.raises(UsageError, match="2 runs were described"):
        package.train(generator="resnet6,resnet9", data=str(pairs), size=32, out=tmp_path, device="cpu")


def test_a_failed_run_is_reported_beside_the_records_and_raises_alone(made, pairs, tmp_path):
    records, _ = made
    words = {"data": str(pairs), "out": tmp_path, **ALONE}
    folder = tmp_path / records.folders[0].name
    folder.mkdir()
    write_json(folder / "failure.json", Failure(recipe=records[0].recipe, reason="the loss is NaN", tail=""))
    with pytest.raises(ZooError, match="the loss is NaN"):
        package.bench(generator=GENERATORS[0], **words)
    both = package.bench(generator=GENERATORS, **words)
    assert len(both) == 1 and "the loss is NaN" in both.failures[folder]
    assert "failed" in repr(both) and both[0].train_key == records[1].train_key


def test_an_interrupted_bench_raises_what_ctrl_c_does(pairs, tmp_path, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise InterruptedBenchError([])

    monkeypatch.setattr("zoo.api.grid.run", interrupted)
    with pytest.raises(KeyboardInterrupt, match="the same call resumes"):
        package.bench(generator=GENERATORS[0], data=str(pairs), out=tmp_path, **ALONE)
