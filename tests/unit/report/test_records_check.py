"""Every fault that a record can have, and none in a sound one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.composition import digest
from zoo.errors import UsageError, ZooError
from zoo.keys import key_of
from zoo.report.finished_runs import read_results
from zoo.report.records_check import check_folder

KEPT = Path(__file__).resolve().parents[3] / "benchmarks" / "records"


def faults(folder: Path) -> list[str]:
    return [fault.what for fault in check_folder(folder)[1]]


def test_a_sound_record_has_no_fault(tmp_path, sound, write_run):
    scored = {"psnr": "a", "ssim": "b"}
    write_run(tmp_path, replace(sound(), scored=scored, score_key=digest(scored)))
    assert check_folder(tmp_path) == (1, [])


def test_the_kept_records_have_none_and_can_be_read():
    runs, found = check_folder(KEPT)
    assert runs == len(read_results(KEPT)) > 0
    assert found == []


def test_a_record_of_a_zoo_whose_recipes_had_fewer_fields_has_none(tmp_path, sound, write_run):
    """A key is that of the JSON as it was written, not of today's dataclass."""
    path = write_run(tmp_path, sound()) / "record.json"
    raw = json.loads(path.read_text())
    del raw["recipe"]["thermal_channels"]
    raw["train_key"] = key_of(raw["recipe"], raw["plugins"])
    path.write_text(json.dumps(raw))
    assert faults(tmp_path) == []


def test_fields_of_a_newer_zoo_are_passed_over(tmp_path, sound, write_run):
    path = write_run(tmp_path, sound()) / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "weather": "fair"}))
    assert faults(tmp_path) == []


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("train_key",), "0" * 64, "train_key 000000000000 is not that of its recipe"),
        (("recipe", "size"), 64, "is not that of its recipe and plugins"),
        (
            ("plugins", "method", "plugin"),
            "other",
            "plugins are of method other, and the recipe's parts of method gone",
        ),
        (("dataset", "fingerprint"), "other", "dataset fingerprint other is not the recipe's"),
        (("processes",), 4, "is not that of its recipe and plugins"),
        (("finished",), "yesterday", "finished is 'yesterday'"),
        (("scores", 0, "value"), 14.4, "psnr: value 14.4 is not the mean of its images, 14.3333"),
        (("scores", 0, "low"), 15.0, "psnr: value 14.3333 lies outside of its interval [15, 14.5833]"),
        (("scores", 0, "high"), None, "psnr: its interval has one end"),
        (("scores", 0, "n"), 4, "psnr: n is 4, and it has values of 3 images"),
        (("dataset", "splits", "test"), 20, "ssim: n is 3, and the test split has 20 images"),
        (("scores", 1, "level"), 95.0, "ssim: level is 95"),
        (("scores", 1, "metric"), "psnr", "psnr is scored 2 times"),
        (("scored",), {"psnr": "a"}, "ssim has a score and stands not in scored"),
        (("score_key",), "0" * 64, ""),
    ],
)
def test_a_fault_is_one_line_that_names_it(tmp_path, sound, write_run, place, value, message):
    path = write_run(tmp_path, sound()) / "record.json"
    raw = json.loads(path.read_text())
    at = raw
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    path.write_text(json.dumps(raw))
    found = faults(tmp_path)
    assert any(message in line for line in found) if message else found == []
    assert all("\n" not in line for line in found)


def test_values_of_other_images_are_a_fault(tmp_path, sound, write_run):
    record = sound()
    moved = {f"other{index}": value for index, value in enumerate(record.scores[1].per_image.values())}
    write_run(tmp_path, replace(record, scores=[record.scores[0], replace(record.scores[1], per_image=moved)]))
    assert faults(tmp_path) == ["ssim has values of other images than psnr"]


def test_a_newer_schema_says_what_to_upgrade(tmp_path, sound, write_run):
    path = write_run(tmp_path, sound()) / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2, "recipe": "in another form"}))
    (message,) = faults(tmp_path)
    assert "has schema 2" in message and "up to 1" in message and "pip install --upgrade thermal-zoo" in message
    with pytest.raises(ZooError, match="pip install --upgrade thermal-zoo"):
        read_results(tmp_path)


def test_damaged_files_are_faults_and_not_the_end(tmp_path, sound, write_run):
    run = write_run(tmp_path, sound())
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "record.json").write_text('{"schema": 1, ')
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.json").write_text("[]")
    (run / "config.json").write_text("{}")
    count, found = check_folder(tmp_path)
    assert count == 2
    assert [fault.path.name for fault in found] == ["record.json", "config.json", "t.json"]
    assert all(fault.what.startswith("cannot be read: ") for fault in found)


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no record"):
        check_folder(tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        check_folder(tmp_path / "nowhere")
