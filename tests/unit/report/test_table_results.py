"""Every verdict of a table, from records made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo.recipe import Budget, DataRef, Part
from zoo.records.record import Failure, write_json
from zoo.records.record import Tested as Elsewhere  # not the name of a test class
from zoo.report.table_plan import ColumnMetric, RefusedRow
from zoo.report.table_results import read_table_results
from zoo.report.tables import load_table

SPREAD = np.linspace(-0.5, 0.5, 20)
PAPER = 13.5195  # GN_CycleGAN's PSNR on FLIR


@pytest.fixture
def gn(results, make_score, make_record):
    """Add the proposed method's row with this PSNR and other changes to its record; return its line."""

    def line(psnr=PAPER, seeds=1, instead=(), score=None, **changes):
        for seed in range(seeds):
            scores = [score or make_score(psnr + SPREAD)]
            results.add("gn", make_record(scores, **{"seed": seed, **changes}), seed=seed, instead=instead)
        return the_line(results)

    return line


def the_line(results, name="gn", section=0):
    filled = read_table_results(load_table(results.table), results.write())
    found = filled.sections[section]
    return next(line for line in (*found.lines, *found.baselines) if line.name == name)


def test_a_value_within_the_interval_is_a_match(gn):
    line = gn(PAPER + 0.1)
    assert (line.verdict, line.why) == ("match", "")
    assert line.difference == pytest.approx(0.1)


def test_a_value_outside_of_the_interval_differs(gn):
    assert gn(PAPER + 1).verdict == "differs"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 64}, "64 px instead of 256 px"),
        ({"budget": Budget(steps=20, constant=10)}, "20 steps instead of 200 epochs"),
        ({"budget": Budget(steps=500, constant=250, period=100)}, "5 epochs instead of 200 epochs"),
        ({"batch": 4}, "batch 4 instead of batch 1"),
        ({"splits": {"train": 141, "test": 20}}, "141 train pairs instead of 500 train pairs"),
        ({"instead": ("unet_auto at 64 px instead of unet_128",)}, "unet_auto at 64 px instead of unet_128"),
    ],
)
def test_what_sets_a_training_apart_from_the_papers_is_named(gn, changes, message):
    line = gn(**changes)
    assert (line.verdict, line.why) == ("not comparable", message)


def test_another_dataset_is_named_in_the_title_and_in_every_verdict(results, make_score, make_record):
    results.data = {"flir": "roadscene"}
    data, splits = DataRef(name="roadscene", fingerprint="r"), {"train": 141, "test": 20}
    for row in ("baseline", "resnet", "cbam", "gn"):
        results.add(row, make_record([make_score(13 + SPREAD)], data=data, splits=splits))
    filled = read_table_results(load_table(results.table), results.write())
    assert filled.title.endswith("not comparable: RoadScene instead of FLIR")
    lines = filled.sections[0].lines
    assert {(line.verdict, line.why) for line in lines} == {("not comparable", "RoadScene instead of FLIR")}


def test_rows_without_a_record_say_why(results, make_score, make_record):
    results.add("baseline", None)
    failed = results.add("resnet", None)
    recipe = make_record([]).recipe
    write_json(failed / "failure.json", Failure(recipe=recipe, reason="memory ran out", tail=""))
    results.refused = [RefusedRow(row="cbam", dataset="flir", reason="needs labels")]
    results.add("gn", make_record([make_score(13 + SPREAD, metric="mae")]))
    verdicts = {
        name: (the_line(results, name).verdict, the_line(results, name).why)
        for name in ("baseline", "resnet", "cbam", "gn")
    }
    assert verdicts == {
        "baseline": ("not run", ""),
        "resnet": ("not run", "memory ran out"),
        "cbam": ("not run", "needs labels"),
        "gn": ("not run", "not scored with this metric"),
    }


def test_without_results_the_papers_values_stand_alone(tmp_path):
    filled = read_table_results(load_table("gn_cyclegan_table2"), tmp_path)
    assert [(section.dataset, section.metric) for section in filled.sections] == [
        ("OSU", "PSNR"),
        ("OSU", "SSIM"),
        ("FLIR", "PSNR"),
        ("FLIR", "SSIM"),
    ]
    assert {line.verdict for section in filled.sections for line in section.lines} == {"not run"}
    assert filled.sections[3].lines[2].paper == 0.47


def test_a_column_holds_one_protocol(results, make_score, make_record):
    odd = make_score(13 + SPREAD)
    odd = replace(odd, protocol={**odd.protocol, "resize": "128x128 bicubic"})
    results.add("gn", make_record([odd]))
    results.add("cbam", make_record([make_score(13 + SPREAD)]))
    results.add("resnet", make_record([make_score(13 + SPREAD)]))
    line = the_line(results)
    assert (line.verdict, line.measured) == ("not comparable", None)
    assert "resize 128x128 bicubic instead of 256x256 bicubic" in line.why
    assert the_line(results, "cbam").measured is not None


def test_how_a_method_translates_is_not_the_protocol_of_the_column(results, make_score, make_record):
    other = make_score(13 + SPREAD)
    other = replace(other, protocol={**other.protocol, "mode": "train", "reads": ["visible", "labels"]})
    results.add("gn", make_record([other]))
    results.add("cbam", make_record([make_score(13 + SPREAD)]))
    assert the_line(results).measured is not None


def test_seeds_are_averaged_image_by_image(results, make_score, make_record):
    for seed, shift in enumerate((0.0, 1.0, 2.0)):
        results.add("gn", make_record([make_score(12 + shift + SPREAD * (1 + seed))], seed=seed), seed=seed)
    measured = the_line(results).measured
    assert measured.value == pytest.approx(13)
    assert measured.per_image["image00"] == pytest.approx(np.mean([11.5, 12.0, 12.5]))
    assert measured.low < 13 < measured.high
    assert measured.by_seed == pytest.approx({0: 12, 1: 13, 2: 14})
    results.add("gn", None, seed=3)
    assert the_line(results).why == "seed 3 is missing"


def test_rows_are_tested_against_the_best_baseline(results, make_score, make_record):
    results.add("grey_copy", make_record([make_score(9 + SPREAD)]))
    results.add("mean_image", make_record([make_score(13 + SPREAD)]))
    results.add("gn", make_record([make_score(14 + 0.5 * SPREAD)]))
    results.add("cbam", make_record([make_score(13 + SPREAD[::-1] * 0.9)]))
    results.add("resnet", make_record([make_score(12 + 0.5 * SPREAD)]))
    section = read_table_results(load_table(results.table), results.write()).sections[0]
    assert section.best_baseline == "mean_image"
    found = {line.name: line.against.verdict for line in section.lines if line.against}
    assert found == {"gn": "better", "cbam": "not distinguishable", "resnet": "worse"}
    assert {line.verdict for line in section.baselines} == {"not in the paper", "not run"}


def test_a_seed_that_turns_the_sign_leaves_rows_not_distinguishable(results, make_score, make_record):
    results.add("mean_image", make_record([make_score(13 + SPREAD)]))
    for seed, value in enumerate((15, 15, 12.9)):
        results.add("gn", make_record([make_score(value + 0.9 * SPREAD)], seed=seed), seed=seed)
    against = the_line(results).against
    assert against.corrected < 0.001
    assert (against.agreeing, against.trainings, against.verdict) == (2, 3, "not distinguishable")


def test_distances_between_sets_have_a_column_an_extractor(results, make_score, make_record):
    results.table = "layergan_table1"
    results.data = {"thermalworld": "thermalworld"}
    other = "fid[resnet18]"
    results.measures = [
        ColumnMetric(column="fid", spec="fid", score="fid[inception]"),
        ColumnMetric(
            column="fid", spec="fid:extractor=resnet18", score=other, instead=f"{other} instead of fid[inception]"
        ),
    ]
    scores = [
        make_score([value], metric=name, per_image={}) for name, value in (("fid[inception]", 34.9), (other, 3.0))
    ]
    results.add("layergan", make_record(scores, size=512), dataset="thermalworld")
    results.add("mean_image", make_record(scores, size=512), dataset="thermalworld")
    first, second = read_table_results(load_table(results.table), results.write()).sections
    assert (first.metric, second.metric) == ("FID", f"FID ({other})")
    assert (first.lines[3].verdict, second.lines[3].verdict) == ("match", "not comparable")
    assert second.lines[3].why == f"{other} instead of fid[inception]"
    assert first.lines[3].against is None


def test_rows_that_share_a_run_are_named(results, make_score, make_record):
    results.add("baseline", make_record([make_score(13 + SPREAD)]))
    results.cells.append(replace(results.cells[0], row="resnet"))
    notes = read_table_results(load_table(results.table), results.write()).notes
    assert "CycleGAN, U-Net 128 and + ResNet-9 are the same run here." in notes


def test_a_column_that_tests_on_other_data_shows_the_scores_on_these(results, make_score, make_record):
    own, other = make_score([20.0, 21.0]), make_score([13.0, 14.0])
    data = DataRef(name="MSRS", fingerprint="m" * 64)
    tested = Elsewhere(data=data, dataset={"name": "MSRS", "splits": {"test": 2}}, size=256, scores=[other])
    folder = results.add("gn", replace(make_record([own]), tests=[tested]))
    results.cells[-1] = replace(results.cells[-1], tested="MSRS", instead=("trained on FLIR",))
    results.data = {"flir": "MSRS"}
    table = read_table_results(load_table(results.table), results.write())
    (line,) = [line for line in table.sections[0].lines if line.name == "gn"]
    assert folder.is_dir() and line.measured.value == 13.5
    assert line.verdict == "not comparable" and "trained on FLIR" in line.why


def test_a_row_tested_elsewhere_has_the_scores_of_its_own_test_set_size_and_split(results, make_score, make_record):
    planned = DataRef(name="MSRS", fingerprint="m")

    def elsewhere(value, **place):
        place = {"data": planned, "size": 256, **place}
        return Elsewhere(dataset={"name": "MSRS", "splits": {"test": 20}}, scores=[make_score(value + SPREAD)], **place)

    tests = [
        elsewhere(10, size=16),
        elsewhere(11, split="validation"),
        elsewhere(12, data=replace(planned, fingerprint="other")),
        elsewhere(13),
    ]
    results.add("gn", replace(make_record([]), tests=tests))
    results.cells[-1] = replace(results.cells[-1], tested="MSRS", fingerprint="m")
    results.data = {"flir": "MSRS"}
    assert the_line(results).measured.value == pytest.approx(13)


def test_without_a_plan_a_row_has_the_score_of_the_test_split_at_the_size_of_its_training(
    tmp_path, make_score, make_record
):
    record = make_record([make_score(13 + SPREAD)], method=Part(name="baselines/mean_image"))
    place = {"data": record.data, "dataset": record.dataset}
    tests = [
        Elsewhere(**place, size=16, scores=[make_score(10 + SPREAD)]),
        Elsewhere(**place, size=256, split="validation", scores=[make_score(11 + SPREAD)]),
    ]
    write_json(tmp_path / "run" / "record.json", replace(record, tests=tests))
    found = read_table_results(load_table("gn_cyclegan_table3"), tmp_path).sections[0]
    (line,) = [line for line in found.baselines if line.measured]
    assert line.measured.value == pytest.approx(13)


def test_without_a_plan_a_baseline_has_of_each_metric_the_newest_score(tmp_path, make_score, make_record):
    both = [make_score(13 + SPREAD), make_score(0.5 + SPREAD / 10, "ssim")]
    record = make_record(both, method=Part(name="baselines/mean_image"))
    short = Budget(steps=20, constant=10)
    newer = make_record([make_score(14 + SPREAD)], method=Part(name="baselines/mean_image"), budget=short)
    newer = replace(newer, finished="2025-01-01T00:00:00+00:00")
    for name, one in (("a", newer), ("b", record)):
        write_json(tmp_path / name / "record.json", one)
    sections = read_table_results(load_table("gn_cyclegan_table3"), tmp_path).sections
    found = [line.measured.value for section in sections for line in section.baselines if line.measured]
    assert found == pytest.approx([14, 0.5])
