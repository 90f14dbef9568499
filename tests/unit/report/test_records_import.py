"""Somebody else's records in a results folder: what comes along, what is left, and what becomes of the tables' plans."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from zoo.errors import UsageError
from zoo.keys import folder_name
from zoo.recipe import DataRef
from zoo.records.record import read_record
from zoo.report.records_import import import_records
from zoo.report.table_plan import ColumnMetric, RefusedRow, TablePlan, TableRun, read_plan, write_plan
from zoo.report.table_results import read_table_results
from zoo.report.tables import load_table

TABLE = "gn_cyclegan_table3"


@pytest.fixture
def lab(tmp_path):
    return tmp_path / "lab"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results"


def plan(cells, data="FLIR", refused=()):
    measures = tuple(ColumnMetric(column=name, spec=name, score=name) for name in ("psnr", "ssim"))
    planned = tuple(
        TableRun(row=row, dataset="flir", seed=record.recipe.seed, folder=folder) for row, folder, record in cells
    )
    return TablePlan(table=TABLE, measures=measures, data={"flir": data}, cells=planned, refused=tuple(refused))


def values(out):
    return {
        line.name: line.measured.value
        for line in read_table_results(load_table(TABLE), out).sections[0].lines
        if line.measured
    }


def test_a_record_is_copied_with_its_files_under_the_name_that_a_bench_gives_it(lab, out, sound, write_run):
    run = write_run(lab / "deep", sound(), "renamed")
    for name in ("scores.csv", "samples.png", "model.safetensors", "trained.json", "log.jsonl"):
        (run / name).write_bytes(name.encode())
    (run / "samples").mkdir()
    (run / "samples" / "a_real.png").write_bytes(b"tile")
    for name in ("run.json", "run.log", "failure.json", "starts"):
        (run / name).write_text("of a process on another machine")
    done = import_records(lab, out)
    target = out / folder_name(sound().recipe, sound().train_key)
    assert done.copied == [target.name] and not done.faults
    brought = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    beside = {"scores.csv", "samples.png", "model.safetensors", "trained.json", "log.jsonl", "samples/a_real.png"}
    assert brought == beside | {"record.json"}
    assert read_record(target) == replace(sound(), notes=["Imported from lab."])
    assert list(out.iterdir()) == [target]  # nothing half done is left
    assert "zoo bench trains them again" in done.remarks[0]  # its plugin is not installed


def test_what_is_there_is_left_and_said(lab, out, sound, write_run):
    write_run(lab, sound())
    import_records(lab, out, "the lab")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    done = import_records(lab, out, "again")
    assert (done.copied, len(done.left)) == ([], 1) and "exists already" in done.left[0]
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert b"Imported from the lab." in next(iter(before.values()))


def test_a_training_that_is_under_way_is_left(lab, out, sound, write_run):
    run = write_run(lab, sound())
    (out / run.name).mkdir(parents=True)
    (out / run.name / "run.json").write_text("{}")
    done = import_records(lab, out)
    assert not done.copied and "is not finished here" in done.left[0]
    assert [path.name for path in (out / run.name).iterdir()] == ["run.json"]


def test_faulty_records_stay_out_and_the_others_come(lab, out, sound, write_run):
    write_run(lab, sound(0))
    write_run(lab, replace(sound(1), train_key="0" * 64))
    done = import_records(lab, out)
    assert len(done.copied) == 1 and "train_key" in done.faults[0].what
    assert len(list(out.iterdir())) == 1


def test_fields_of_a_newer_zoo_are_kept(lab, out, sound, write_run):
    path = write_run(lab, sound()) / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "weather": "fair"}))
    import_records(lab, out)
    assert json.loads(next(out.glob("*/record.json")).read_text())["weather"] == "fair"


@pytest.mark.parametrize("inner", ["", "lab"])
def test_a_folder_is_not_imported_into_itself(lab, sound, write_run, inner):
    write_run(lab, sound())
    with pytest.raises(UsageError, match="one contains the other"):
        import_records(lab.parent / inner, lab)


def test_a_plan_comes_along_and_knows_renamed_runs(lab, out, sound, write_run):
    write_run(lab, sound(), "mine")
    write_plan(
        lab, plan([("gn", "mine", sound())], refused=[RefusedRow(row="cbam", dataset="flir", reason="too dear")])
    )
    assert import_records(lab, out).tables == [TABLE]
    assert values(out) == {"gn": pytest.approx(43 / 3)}
    assert read_plan(out, TABLE).refused[0].reason == "too dear"
    assert import_records(lab, out).tables == []


def test_plans_are_merged_row_by_row(lab, out, sound, write_run):
    mine, ours = sound(0, (10.0, 11.0, 12.0)), sound(1, (10.0, 10.0, 13.0))
    theirs, other = sound(2, (20.0, 21.0, 22.0)), sound(3, (30.0, 31.0, 32.0))
    for record in (mine, ours):
        write_run(out, record)
    for record in (theirs, other):
        write_run(lab, record)
    name = {id(record): folder_name(record.recipe, record.train_key) for record in (mine, ours, theirs, other)}
    planned = [("gn", name[id(mine)], mine), ("cbam", "never-run", ours)]
    write_plan(out, plan(planned, refused=[RefusedRow(row="resnet", dataset="flir", reason="refused here")]))
    cells = [(row, name[id(record)], record) for row, record in (("gn", theirs), ("cbam", other), ("resnet", other))]
    write_plan(lab, plan(cells))
    done = import_records(lab, out)
    assert (done.tables, done.remarks[:-1]) == ([TABLE], [])
    assert values(out) == {"gn": 11.0, "cbam": 31.0, "resnet": 31.0}  # mine stays where it finished
    assert read_plan(out, TABLE).refused == ()


@pytest.mark.parametrize(
    ("data", "message"), [("roadscene", "RoadScene there"), ("FLIR", "another content of it there")]
)
def test_rows_on_other_data_are_not_mixed_in(lab, out, sound, write_run, data, message):
    mine, theirs = sound(0), sound(1, data=DataRef(name=data, fingerprint="e" * 64))
    theirs = replace(theirs, dataset={**theirs.dataset, "fingerprint": "e" * 64})
    runs = write_run(out, mine), write_run(lab, theirs)
    write_plan(out, plan([("gn", runs[0].name, mine)]))
    write_plan(lab, plan([("cbam", runs[1].name, theirs)], data=data))
    done = import_records(lab, out)
    assert len(done.copied) == 1 and not done.tables
    assert message in done.remarks[0]
    assert values(out) == {"gn": pytest.approx(43 / 3)}
