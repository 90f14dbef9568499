"""`--tracker tensorboard`: what a training sends, read back from TensorBoard's own event files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from accelerate import tracking

from zoo.composition import compose
from zoo.errors import UsageError
from zoo.recipe import Recipe
from zoo.training.log import LogEntry, read_log
from zoo.training.trackers import TRACKERS, Trackers, flat_recipe, read_trackers

WORDS = ("--method", "pix2pix", "--gen", "resnet6:width=2", "--disc", "patchgan:width=2,layers=1", "--size", "32")


def _read(folder: Path) -> Any:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return events


def test_losses_rates_scores_images_and_recipe_reach_tensorboard(zoo, pairs, tmp_path):
    pytest.importorskip("tensorboard")
    words = ("bench", *WORDS, "--data", str(pairs), "--steps", "6", "--validate", "0.4", "--validate-every", "3")
    done = zoo(*words, "--tracker", "tensorboard", "--jobs", "1", "--device", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    (folder,) = (path.parent for path in (tmp_path / "results").glob("*/record.json"))
    events, log = _read(folder / "tensorboard"), read_log(folder / "log.jsonl")
    assert len(log) == 6
    for name in log[0].losses:
        sent = [(event.step, event.value) for event in events.Scalars(f"loss/{name}")]
        assert sent == [(entry.step, pytest.approx(entry.losses[name])) for entry in log]
    optimizers = {tag.removeprefix("lr/") for tag in events.Tags()["scalars"] if tag.startswith("lr/")}
    assert optimizers == {"generator", "discriminator"}
    assert [event.value for event in events.Scalars("lr/discriminator")] == [pytest.approx(one.lr) for one in log]
    scores = {event.step: event.value for event in events.Scalars("validation/psnr")}
    assert scores == {one.step: pytest.approx(one.validation) for one in log if one.validation is not None}
    assert set(scores) == {3, 6}
    assert [image.step for image in events.Images("samples")][-1] == 6
    hparams = next(folder.glob("tensorboard/*/hparams.yml")).read_text()
    assert "method.name" in hparams and "budget.steps: 6" in hparams
    assert json.loads((folder / "run.json").read_text())["tracker"] == "tensorboard"


def test_the_tracker_is_no_part_of_the_key(zoo, pairs, tmp_path):
    pytest.importorskip("tensorboard")
    words = ("train", *WORDS, "--data", str(pairs), "--steps", "2", "--device", "cpu")
    assert zoo(*words).returncode == 0
    again = zoo(*words, "--tracker", "tensorboard")
    assert again.returncode == 0 and "skipped, finished before" in again.stderr
    assert len(list((tmp_path / "results").iterdir())) == 1


def test_a_tracker_that_is_not_installed_names_the_extra(monkeypatch):
    monkeypatch.setattr("zoo.training.trackers.find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r"tracker tensorboard is not installed\. Run: pip install 'thermal-zoo\[trackers\]'"
    ):
        read_trackers("tensorboard")
    with pytest.raises(UsageError, match=r"tracker wandb is not installed\. Run: pip install wandb"):
        read_trackers("wandb")


def test_an_unknown_tracker_is_one_line_and_names_the_nearest(zoo):
    done = zoo("bench", "--tracker", "tensorbord")
    assert done.returncode == 2 and done.stderr == "zoo: no tracker is named 'tensorbord'. Did you mean tensorboard?\n"


def test_the_trackers_are_those_of_accelerate():
    from accelerate.utils import LoggerType

    assert set(TRACKERS) == set(LoggerType.list()) - {"all"}


class _Broken:
    """A tracker whose server is gone after the start."""

    def __init__(self, project: str, **options: object) -> None:
        pass

    def start(self) -> None:
        pass

    def store_init_configuration(self, values: dict[str, object]) -> None:
        pass

    def log(self, values: dict[str, float], step: int) -> None:
        raise ConnectionError("no route to host")


def test_a_tracker_that_fails_does_not_end_the_training(tmp_path, caplog, monkeypatch):
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", _Broken)
    trackers = Trackers(("wandb",), tmp_path, compose(generator="resnet6:width=2", size=32, steps=9))
    trackers.start(1)
    entry = LogEntry(step=1, losses={"generator/l1": 1.0}, lr=0.1, it_s=1.0)
    trackers.log(entry, {"generator": 0.1})
    trackers.log(entry, {"generator": 0.1})
    trackers.finish()
    assert [record.message for record in caplog.records] == [
        "tracker wandb failed and is left out from here on: ConnectionError: no route to host"
    ]


def test_the_flat_recipe_has_plain_values_only():
    flat = flat_recipe(compose(generator="resnet6:width=2", discriminator="patchgan", size=32, steps=9))
    assert all(isinstance(value, bool | int | float | str) for value in flat.values())
    assert {name.partition(".")[0] for name in flat} == set(Recipe.__dataclass_fields__)


def test_steps_after_a_resume_replace_those_that_are_repeated(tmp_path):
    pytest.importorskip("tensorboard")
    from zoo.composition import compose

    recipe = compose(generator="resnet6:width=2", discriminator="patchgan:width=2,layers=1", size=32, steps=9)
    for first, losses in ((1, (1.0, 2.0, 3.0)), (3, (30.0, 40.0))):
        trackers = Trackers(("tensorboard",), tmp_path, recipe)
        trackers.start(first)
        for step, loss in enumerate(losses, start=first):
            trackers.log(LogEntry(step=step, losses={"generator/l1": loss}, lr=0.1, it_s=1.0), {})
        trackers.finish()
    events = _read(tmp_path / "tensorboard").Scalars("loss/generator/l1")
    assert [(event.step, event.value) for event in events] == [(1, 1.0), (2, 2.0), (3, 30.0), (4, 40.0)]
