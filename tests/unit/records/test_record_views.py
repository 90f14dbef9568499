"""A record that holds scores on several datasets, and its flat views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from zoo.evaluate.results import Score
from zoo.recipe import DataRef
from zoo.records.consistency import contradictions
from zoo.records.record import Record, read_record, views, write_json
from zoo.records.record import Tested as Elsewhere  # not the name of a test class
from zoo.report.comparing import compare_systems, group_seeds
from zoo.report.finished_runs import FinishedRun, find_results
from zoo.report.html.runs import group_runs, read_runs

MakeScore = Callable[..., Score]
MakeRecord = Callable[..., Record]
OTHER = DataRef(name="MSRS", fingerprint="a" * 64)


def on_other(scores: list[Score], size: int = 128) -> Elsewhere:
    dataset = {"name": OTHER.name, "fingerprint": OTHER.fingerprint, "splits": {"test": scores[0].n if scores else 0}}
    return Elsewhere(data=OTHER, dataset=dataset, size=size, scores=scores)


def test_a_record_yields_one_flat_view_per_tested_dataset(make_score: MakeScore, make_record: MakeRecord) -> None:
    own, other = make_score([20.0, 21.0]), make_score([15.0, 16.0])
    record = replace(make_record([own], splits={"test": 2}), tests=[on_other([other])])
    first, second = views(record)
    assert first is record
    assert (first.data.name, second.data) == ("FLIR", OTHER)
    assert (second.scores, second.dataset["name"], second.tests) == ([other], "MSRS", [])
    assert (second.shown_recipe.data, second.shown_recipe.size) == (OTHER, 128)
    assert second.recipe == record.recipe


def test_a_record_with_scores_on_other_data_only_has_no_view_of_its_own(
    make_score: MakeScore, make_record: MakeRecord
) -> None:
    (only,) = views(replace(make_record([]), tests=[on_other([make_score([15.0])])]))
    assert only.data == OTHER
    unpaired = make_record([])
    assert list(views(unpaired)) == [unpaired]


def test_tests_go_to_disk_and_records_without_them_stay_readable(
    tmp_path: Path, make_score: MakeScore, make_record: MakeRecord
) -> None:
    record = replace(make_record([make_score([20.0])]), tests=[on_other([make_score([15.0])])])
    write_json(tmp_path / "record.json", record)
    assert read_record(tmp_path) == record
    raw = msgspec.json.decode((tmp_path / "record.json").read_bytes())
    del raw["tests"]
    write_json(tmp_path / "record.json", raw)
    assert read_record(tmp_path) == replace(record, tests=[])


def test_results_are_read_once_per_tested_dataset_and_grouped_by_it(
    tmp_path: Path, make_score: MakeScore, make_record: MakeRecord
) -> None:
    for seed in (0, 1):
        record = make_record([make_score([20.0 + seed, 21.0])], seed=seed)
        write_json(
            tmp_path / f"run-{seed}" / "record.json", replace(record, tests=[on_other([make_score([15.0, 16.0])])])
        )
    assert [run.record.data.name for run in find_results(tmp_path).runs] == ["FLIR", "MSRS"] * 2
    runs, _ = read_runs(tmp_path)
    assert [group.title for group in group_runs(runs)] == ["FLIR, 256 px", "MSRS, 128 px"]
    assert len({run.label for run in runs}) == 1


def test_views_of_one_run_are_systems_of_their_own_data(make_score: MakeScore, make_record: MakeRecord) -> None:
    def run(name: str, steps: float) -> list[FinishedRun]:
        record = make_record([make_score([20.0, 21.0])], batch=int(steps))
        record = replace(record, tests=[on_other([make_score([15.0 + steps, 16.0])])])
        return [FinishedRun(folder=Path(name), record=view) for view in views(record)]

    groups = group_seeds([*run("a-12345678", 1), *run("b-12345678", 2)])
    assert [group.label for group in groups] == ["a", "a-12345678", "b", "b-12345678"]
    others = [group for group in groups if group.records[0].data == OTHER]
    assert compare_systems(others)[1].difference is not None


def test_scores_on_other_data_are_checked_for_contradictions(
    tmp_path: Path, make_score: MakeScore, make_record: MakeRecord
) -> None:
    good, wrong = make_score([15.0, 16.0]), make_score([15.0, 16.0], value=3.0)
    for scores, faults in (([good], 0), ([wrong], 2)):
        record = replace(make_record([]), tests=[on_other(scores)])
        write_json(tmp_path / "record.json", record)
        found = [line for line in contradictions(tmp_path / "record.json", record) if line.startswith("on MSRS: psnr")]
        assert len(found) == faults
