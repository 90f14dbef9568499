"""Where the line on a dataset's health comes from."""

from __future__ import annotations

import shutil
from dataclasses import replace

import msgspec
import pytest

from zoo.data.layout import DataQuality, fingerprint, read_info
from zoo.data.quality import measure_quality, write_quality
from zoo.recipe import DataRef
from zoo.records.job import Job
from zoo.records.record import write_json
from zoo.report.data_health import known_health
from zoo.report.render import FORMATS
from zoo.report.table_results import read_table_results
from zoo.report.tables import load_table

UNMEASURED = "Dataset FLIR: health not measured; run: zoo data check FOLDER --write"


@pytest.fixture
def run(pairs, tmp_path, make_record):
    """Return a run on a dataset of its own, the dataset's folder, and the run's record."""
    root, folder = tmp_path / "blocks", tmp_path / "run"
    shutil.copytree(pairs, root)
    record = make_record([], data=DataRef(name="blocks", fingerprint=fingerprint(root)))
    job = Job(recipe=record.recipe, train_key="k", metrics={}, root=str(root), device="cpu", command="")
    write_json(folder / "run.json", job)
    return folder, root, record


def test_a_health_measured_after_the_run_is_found(run):
    folder, root, record = run
    assert known_health([(folder, record)]) == ""
    write_quality(root, measure_quality(root)[0])
    assert known_health([(folder, record)]) == read_info(root).health.summary != ""


def test_the_record_s_own_summary_stands_where_the_dataset_is_gone(run):
    folder, root, record = run
    shutil.rmtree(root)
    noted = replace(record, dataset={**record.dataset, "health": "9 files unreadable"})
    assert known_health([(folder, record), (folder, noted)]) == "9 files unreadable"


def test_the_health_of_other_contents_is_none(run):
    _, root, record = run
    info = replace(read_info(root), health=DataQuality(images=9, constant=1, fingerprint="of other files"))
    assert info.health_summary(record.recipe.data.fingerprint) == ""
    own = msgspec.structs.replace(info.health, fingerprint=record.recipe.data.fingerprint)
    assert replace(info, health=own).health_summary(record.recipe.data.fingerprint) == "1 thermal images constant"


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_of_a_table_says_how_healthy_the_data_is(results, make_score, make_record, form):
    plain = make_record([make_score([13.0, 14.0])])
    results.add("gn", plain)
    table = load_table(results.table)
    assert UNMEASURED in FORMATS[form](read_table_results(table, results.write()))
    noted = replace(plain, dataset={**plain.dataset, "health": "5 of 9 judged pairs misregistered"})
    results.add("cbam", noted)
    assert "Dataset FLIR: 5 of 9 judged pairs misregistered" in FORMATS[form](
        read_table_results(table, results.write())
    )


def test_data_that_nothing_was_measured_on_has_no_line(tmp_path):
    assert read_table_results(load_table("gn_cyclegan_table2"), tmp_path).health == {}
