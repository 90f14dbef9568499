"""`zoo.score` of trained runs and models: splits and sizes of their own data, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.api import score_model
from zoo.data.layout import read_info
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, UsageError, ZooError
from zoo.evaluate.trained import score_method
from zoo.records.job import read_job
from zoo.records.record import Record, read_record, write_json
from zoo.report.records_check import check_folder

TINY = {"generator": "resnet6:width=2,blocks=1", "discriminator": "patchgan:width=2", "steps": 2, "device": "cpu"}


def make(root: Path, *, seed: int) -> Path:
    """Write 2 training, 2 test and 2 validation pairs of 32x32."""
    rng = np.random.default_rng(seed)
    with DatasetWriter(root) as writer:
        writer.describe(name=root.name, source="made by the tests")
        for split in ("train", "test", "validation"):
            for index in range(2):
                thermal = rng.integers(0, 256, (32, 32)).astype(np.uint8)
                visible = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
                writer.add(split, f"{split}{index}", visible=visible, thermal=thermal)
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Path]:
    """A dataset, and a run that was trained on it."""
    root = make(tmp_path_factory.mktemp("sets") / "own", seed=0)
    return root, zoo.train(data=str(root), size=32, out=tmp_path_factory.mktemp("runs"), **TINY).folders[0]


@pytest.fixture
def data(made, tmp_path) -> Path:
    """A copy of the dataset, which a test may change."""
    return Path(shutil.copytree(made[0], tmp_path / "own"))


@pytest.fixture
def run(made, data, tmp_path) -> Path:
    """A copy of the run, with the copy of the dataset as its own."""
    folder = Path(shutil.copytree(made[1], tmp_path / "results" / made[1].name))
    plan = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(plan | {"root": str(data)}))
    return folder


def values(record: Record) -> dict[str, float]:
    return {each.metric: each.value for each in record.scores}


@pytest.mark.parametrize(("options", "size", "split"), [
    ({"split": "validation"}, 32, "validation"),
    ({"size": 16}, 16, "test"),
    ({"size": "16x24", "split": "validation"}, (16, 24), "validation"),
])  # fmt: skip
def test_a_run_is_scored_on_a_split_or_a_size_of_its_own_data(run, data, options, size, split):
    before = read_record(run)
    (shown,) = zoo.score(run, device="cpu", **options)
    (tested,) = read_record(run).tests
    assert (tested.split, tested.size, tested.data.fingerprint) == (split, size, before.data.fingerprint)
    assert shown.scores == tested.scores and shown.data == before.data
    assert list(tested.scores[0].per_image) == [f"{split}0", f"{split}1"]
    assert replace(read_record(run), tests=[]) == before
    (named,) = zoo.score(run, data=str(data), device="cpu", **options)
    assert named.scores == shown.scores and len(read_record(run).tests) == 1
    assert check_folder(run.parent) == (1, [])


def test_scores_of_a_split_equal_those_of_its_translations(run, data, tmp_path):
    (shown,) = zoo.score(run, split="validation", device="cpu")
    folder, translator = tmp_path / "translated", zoo.load(run, device="cpu")
    folder.mkdir()
    for path in sorted((data / "validation" / "visible").iterdir()):
        translator.translate(path).save(folder / path.name)
    options = {"baselines": False, "out": tmp_path / "out", "device": "cpu"}
    (images,) = zoo.score(folder, data=str(data), split="validation", **options)
    assert [one.per_image for one in images.scores] == [one.per_image for one in shown.scores]


def test_retry_of_a_model_keeps_the_scores_that_are_not_named(run):
    zoo.score(run, split="validation", metrics="psnr,ssim,mae", device="cpu")
    record = read_record(run)
    (tested,) = record.tests
    wrong = [replace(one, value=1.0) if one.metric == "psnr" else one for one in tested.scores]
    write_json(run / "record.json", replace(record, tests=[replace(tested, scores=wrong)]))
    zoo.score(run, split="validation", metrics="psnr", retry=True, device="cpu")
    (again,) = read_record(run).tests
    expected = {one.metric: one.value for one in tested.scores}
    assert {one.metric: one.value for one in again.scores} == expected
    assert again.scored == tested.scored


def test_what_another_process_scored_of_a_model_in_between_is_kept(run, monkeypatch):
    load, other = score_model.load, []

    def slowly(target, **options):
        if not other:  # before this process holds the lease, another one scores the same run
            other.append(True)
            zoo.score(run, split="validation", metrics="ssim", device="cpu")
            zoo.score(run, size=16, metrics="psnr", device="cpu")
        return load(target, **options)

    monkeypatch.setattr(score_model, "load", slowly)
    zoo.score(run, split="validation", metrics="psnr", device="cpu")
    found = {(one.split, one.size): {each.metric for each in one.scores} for one in read_record(run).tests}
    assert found == {("validation", 32): {"psnr", "ssim"}, ("test", 16): {"psnr"}}


@pytest.mark.parametrize("options", [{"metrics": "mae"}, {"split": "validation"}, {"size": 16}])
def test_a_run_whose_data_changed_is_not_scored_under_the_former_fingerprint(run, data, options):
    before = (run / "record.json").read_bytes()
    Image.new("L", (32, 32)).save(data / "test" / "thermal" / "test0.png")
    with pytest.raises(DataError, match="was changed after"):
        zoo.score(run, device="cpu", **options)
    assert (run / "record.json").read_bytes() == before
    (record,) = zoo.score(run, data=str(data), metrics="mae", device="cpu")
    assert record.data.fingerprint != read_record(run).data.fingerprint and "mae" not in values(read_record(run))


def test_the_datasets_of_a_union_are_compared_with_those_of_the_plan(data, tmp_path):
    other = make(tmp_path / "other", seed=1)
    words = {"method": "mean_image", "size": 32, "device": "cpu"}
    folder = zoo.train(data=f"{data}+{other}", out=tmp_path / "results", **words).folders[0]
    (record,) = zoo.score(folder, metrics="psnr,ssim,mae", device="cpu")
    assert "mae" in values(record) and record.scores[0].n == 4
    Image.new("L", (32, 32)).save(other / "test" / "thermal" / "test0.png")
    with pytest.raises(DataError, match="was changed after"):
        zoo.score(folder, metrics="mse", device="cpu")
    assert read_job(folder).recipe == record.recipe


class MeanDistance:
    """A metric of sets: the difference of their mean grey levels."""

    name, higher_is_better, unit, extractor = "means", False, "", "grey"

    def protocol(self):
        return {}

    def features(self, images):
        return images.double().mean(dim=(2, 3))

    def distance(self, translated, real):
        return float((translated.mean() - real.mean()).abs())

    def notes(self, images, dimensions):
        return []


@pytest.mark.parametrize("split", ["test", "validation"])
def test_scores_of_an_unpaired_split_name_it(run, tmp_path, split):
    root = tmp_path / "unpaired"
    with DatasetWriter(root) as writer:
        writer.describe(name="unpaired", source="made by the tests")
        for each in ("train", "test", "validation"):
            for index in range(3):
                writer.add_visible(each, f"v{index}", np.full((32, 32, 3), 40 * index, np.uint8))
                writer.add_thermal(each, f"t{index}", np.full((32, 32), 30 * index, np.uint8))
    recipe, method = read_record(run).recipe, zoo.load(run, device="cpu").method
    metrics = {"means": MeanDistance()}
    (score,), *_ = score_method(method, recipe, read_info(root), root, metrics, torch.device("cpu"), split=split)
    assert score.protocol["split"] == split and score.protocol["resize"] == "32x32 bicubic"


@pytest.mark.parametrize(
    "options",
    [
        {"name": "x"},
        {"pattern": "{stem}"},
        {"value_range": (0.0, 1.0)},
        {"source": "x"},
        {"allow_missing": True},
        {"real": "own"},
        {"visible": "own"},
    ],
)
def test_arguments_that_apply_to_images_only_are_refused_of_a_model(run, data, tmp_path, options):
    (name,) = options
    with pytest.raises(UsageError, match=f"holds a model.*`{name}`"):
        zoo.score(run, data=str(data), device="cpu", **options)
    with pytest.raises(UsageError, match=f"there is no folder .*none/x.*`{name}`"):
        zoo.score(tmp_path / "none" / "x", data=str(data), device="cpu", **options)


def test_a_missing_folder_is_named_before_a_model_is_looked_up(tmp_path, data, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ZooError):
        zoo.score("none/x", data=str(data), device="cpu")
    assert capsys.readouterr().err.startswith("there is no folder none/x here")
    with pytest.raises(UsageError, match="`none/x` is no folder"):
        zoo.score("none/x", device="cpu")


@pytest.mark.parametrize("kind", ["method", "generator", "discriminator", "normalizer"])
def test_a_model_whose_plugin_is_not_installed_is_refused_in_one_line(run, data, tmp_path, kind):
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(run / name, model / name)
    config = json.loads((model / "config.json").read_text())
    config["recipe"][kind]["name"] = "gone/part"
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="gone"):
        zoo.score(model, data=str(data), out=tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()
