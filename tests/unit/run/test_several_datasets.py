"""Trainings on unions of datasets, and their scores on other datasets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import zoo as package
from zoo.data.layout import read_info, write_info
from zoo.data.writer import DatasetWriter
from zoo.errors import RefusedError, UsageError
from zoo.records.consistency import contradictions
from zoo.records.job import plan_job
from zoo.records.record import RECORD_FILE, View, folder_of_test, views
from zoo.report.bench_records import Records
from zoo.report.comparing import group_seeds
from zoo.report.finished_runs import find_results
from zoo.report.html.runs import read_runs
from zoo.run.grid import Axes, choose_metrics, expand

CELSIUS = {"unit": "celsius", "thermal_low": -10.0, "thermal_high": 40.0}


def make(root: Path, *, seed: int, classes: tuple[str, ...] = (), **described: object) -> Path:
    """Write 4 training and 2 test pairs of 32 px, and where there are classes labels and degrees."""
    rng = np.random.default_rng(seed)
    with DatasetWriter(root) as writer:
        writer.describe(name=root.name, classes=classes, **described)
        for split, count in (("train", 4), ("test", 2)):
            for index in range(count):
                visible = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
                labels = np.arange(32 * 32).reshape(32, 32) * max(1, len(classes)) // 1024
                extra = {"labels": labels.astype(np.uint8), "celsius": rng.uniform(0, 30, (32, 32)).astype(np.float32)}
                thermal = rng.integers(0, 256, (32, 32)).astype(np.uint8)
                writer.add(split, f"{split}{index}", visible=visible, thermal=thermal, **(extra if classes else {}))
    return root


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> Path:
    """A folder with the grey datasets `a` and `b` and the calibrated `warm` and `hot`."""
    root = tmp_path_factory.mktemp("sets")
    make(root / "a", seed=1)
    make(root / "b", seed=2)
    make(root / "warm", seed=3, **CELSIUS)
    make(root / "hot", seed=4, unit="celsius", thermal_low=0.0, thermal_high=100.0)
    return root


def train(sets: Path, out: Path, data: str, test_data: str = "", **words: object) -> Records:
    """Train a null baseline, whose fit takes no time; names of datasets are folders below `sets`."""

    def folders(names: str) -> str:
        return ",".join("+".join(str(sets / name) for name in union.split("+")) for union in names.split(",") if union)

    words = {"method": "mean_image", "device": "cpu", "size": 32} | words
    return package.train(data=folders(data), test_data=folders(test_data) or None, out=out, **words)


@pytest.fixture(scope="module")
def joined(sets, tmp_path_factory) -> tuple[Records, Path]:
    """A training on a+b that is scored on b and a alone."""
    out = tmp_path_factory.mktemp("joined")
    return train(sets, out, "a+b", "b,a"), out


def test_a_training_on_a_union_is_scored_on_its_members_only(joined):
    (record,), _ = joined
    assert record.recipe.data.name == "a+b" and record.scores == [] and record.celsius is None
    assert [tested.data.name for tested in record.tests] == ["b", "a"]
    assert [list(tested.scores[0].per_image) for tested in record.tests] == [["test0", "test1"]] * 2
    assert [member["name"] for member in record.dataset["members"]] == ["a", "b"]
    assert any("a (4 train, 2 test) and b (4 train, 2 test)" in note for note in record.notes)
    assert [view.data.name for view in views(record)] == ["b", "a"]


def test_the_mean_image_of_a_union_is_that_of_all_its_images(joined, sets):
    (record,), out = joined
    (folder,) = [path.parent for path in out.glob("*/record.json")]
    translated = package.load(folder, device="cpu").translate(np.zeros((32, 32, 3), np.uint8))
    from PIL import Image

    images = [np.array(Image.open(path)) for name in "ab" for path in (sets / name / "train/thermal").iterdir()]
    assert np.abs(translated.astype(float) - np.mean(images, axis=0)).max() <= 0.51
    assert contradictions(folder / RECORD_FILE, record) == []


def test_scores_on_both_members_are_those_on_the_test_split_of_the_union(joined, sets, tmp_path):
    (record,), _ = joined
    (own,) = train(sets, tmp_path, "a+b")
    values = {f"{t.data.name}/{stem}": v for t in record.tests for stem, v in t.scores[0].per_image.items()}
    assert own.scores[0].per_image == pytest.approx(values, abs=1e-12)


def test_another_test_dataset_only_scores_and_keeps_what_is_there(sets, tmp_path):
    first = train(sets, tmp_path, "a", "b")
    weights = first.folders[0] / "model.safetensors"
    before = weights.stat().st_mtime_ns
    second = train(sets, tmp_path, "a", "b,warm")
    third = train(sets, tmp_path, "a")
    assert weights.stat().st_mtime_ns == before and len(list(tmp_path.glob("*/record.json"))) == 1
    assert second[0].tests[0] == first[0].tests[0] and third[0].tests == second[0].tests
    assert third[0].scores and (third.folders[0] / "samples.png").is_file()
    assert [outcome.status for outcome in train(sets, tmp_path, "a", "warm").outcomes] == ["skipped"]
    assert any("on warm: scored" in note for note in third[0].notes)
    assert contradictions(third.folders[0] / RECORD_FILE, third[0]) == []


def test_a_test_on_the_training_data_is_the_score_of_the_run_itself(sets, tmp_path):
    (record,) = train(sets, tmp_path, "a", "a,b")
    assert record.scores and [tested.data.name for tested in record.tests] == ["b"]


def test_the_table_has_a_row_per_tested_dataset_and_fits_80_columns(joined):
    records, _ = joined
    lines = repr(records).splitlines()
    assert "trained on a+b" in lines[0] and "tested on" in lines[2]
    assert [line.split()[0] for line in lines[3:5]] == ["b", "a"]
    assert all(len(line) <= 80 for line in lines[2:5])
    rows = records.to_dicts()
    assert [(row["data"], row["trained_on"]) for row in rows] == [("b", "a+b"), ("a", "a+b")] and rows[0]["psnr"] > 0


def test_a_later_request_shows_the_datasets_that_it_names(sets, tmp_path):
    train(sets, tmp_path, "a", "b")
    assert "tested on" not in repr(train(sets, tmp_path, "a"))


def test_trainings_on_other_data_are_other_systems_where_both_are_tested_on_one_dataset(sets, tmp_path):
    for data in ("a", "a+b", "b"):
        train(sets, tmp_path, data, "b")
    on_b = [run for run in find_results(tmp_path).runs if run.record.data.name == "b"]
    assert len(group_seeds(on_b)) == len(on_b) == 3
    labels = {run.label for run in read_runs(tmp_path)[0]}
    assert labels == {f"mean_image, trained on {data}" for data in ("a", "a+b", "b")}


def test_pictures_of_each_tested_dataset_have_a_folder_of_their_own(joined):
    records, out = joined
    for view in views(records[0]):
        assert isinstance(view, View)
        folder = folder_of_test(records.folders[0], view.tested)
        assert {"samples.png", "scores.csv", "samples"} <= {path.name for path in folder.iterdir()}
    assert not (records.folders[0] / "samples.png").exists()
    runs, _ = read_runs(out)
    assert all((run.pictures / "samples.png").is_file() for run in runs)


def test_translations_keep_their_degrees_on_the_range_of_another_calibrated_dataset(sets, tmp_path):
    (record,) = train(sets, tmp_path, "warm", "hot,a")
    hot, grey = record.tests
    translated = package.load(next(tmp_path.glob("*/model.safetensors")).parent, device="cpu").method
    images = torch.zeros(1, 3, 32, 32)
    degrees = (translated.translate({"visible": images}) + 1) / 2 * 50 - 10
    from zoo.data.store import PairStore

    real = PairStore.open(sets / "hot", "test", size=32, device="cpu").whole(torch.arange(2))["celsius"]
    assert hot.celsius.all == pytest.approx(float((degrees.clamp(0, 100) - real).abs().mean()), abs=1e-3)
    assert grey.celsius is None
    assert any("-10 to 40 °C" in note and "0 to 100 °C" in note for note in hot.notes) and not grey.notes


def test_a_training_without_degrees_has_no_errors_in_degrees_elsewhere(sets, tmp_path):
    (record,) = train(sets, tmp_path, "a+warm", "warm")
    assert record.tests[0].celsius is None and record.tests[0].scores


@pytest.mark.parametrize("order", ["warm,a", "a,warm"])
@pytest.mark.parametrize("files", [False, True])
def test_degrees_are_refused_elsewhere_if_one_training_has_none_in_any_order(tmp_path, order, files):
    """Whether the degrees lie in the thermal images or in files of their own."""
    make(tmp_path / "a", seed=1)
    make(tmp_path / "warm", seed=3, **CELSIUS)
    described = {"classes": ("sky",)} if files else CELSIUS
    make(tmp_path / "hot", seed=4, **described)
    data = tuple(str(tmp_path / name) for name in order.split(","))
    runs, _ = expand(Axes(methods=("mean_image",), data=data, tests=(str(tmp_path / "hot"),), size=32), tmp_path)
    with pytest.raises(RefusedError, match="mae_celsius needs temperatures"):
        choose_metrics(["mae_celsius"], runs)


def test_labels_follow_their_names_to_the_classes_of_the_training(tmp_path):
    sets = tmp_path / "sets"
    make(sets / "a", seed=1, classes=("sky", "road", "car"), **CELSIUS)
    make(sets / "b", seed=2, classes=("car", "sky"), **CELSIUS)
    make(sets / "c", seed=3, classes=("car", "tree"), **CELSIUS)
    one = train(sets, tmp_path / "out", "a", "a,b", method="object_means")
    assert one[0].tests[0].scores
    with pytest.raises((UsageError, RefusedError), match="c has labels of tree, and a, the training data, has not"):
        train(sets, tmp_path / "out", "a", "c", method="object_means")


def test_an_unpaired_test_split_is_noted(sets, tmp_path):
    loose = make(tmp_path / "loose", seed=7)
    write_info(loose, replace(read_info(loose), pairs=False))
    records = package.train(
        method="mean_image", data=str(sets / "a"), test_data=str(loose), size=32, out=tmp_path / "out", device="cpu"
    )
    (tested,) = records[0].tests
    assert tested.scores == [] and "unpaired" in tested.notes[0] and set(tested.scored) == {"psnr", "ssim"}


@pytest.mark.parametrize(
    ("data", "test_data", "message"),
    [
        ("a", "b,b", "the same dataset"),
        ("a", "nowhere", "does not exist"),
        ("a+a", "b", "twice"),
    ],
)
def test_a_wrong_request_is_refused_before_any_training(sets, tmp_path, data, test_data, message):
    with pytest.raises(UsageError, match=message):
        train(sets, tmp_path / "out", data, test_data)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_test_data_is_no_part_of_the_training(sets, tmp_path):
    axes = Axes(methods=("mean_image",), data=(str(sets / "a"),), size=32)
    (alone,), _ = expand(axes, tmp_path)
    (tested,), _ = expand(replace(axes, tests=(str(sets / "b"),)), tmp_path)
    assert (alone.train_key, alone.recipe, alone.folder) == (tested.train_key, tested.recipe, tested.folder)
    assert plan_job(tested, []).metrics == {} and len(plan_job(tested, []).tests) == 1
