"""`zoo table RESULTS`: order, marks, groups and verdicts of a results folder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import permutation_test

from zoo.recipe import Budget, DataRef
from zoo.records import record as records
from zoo.report.ranking import rank, verdict_lines
from zoo.report.ranking_text import legend, text_tables

from .conftest import SPREAD

RS = DataRef(name="roadscene", fingerprint="r")


def marks(ranking, place=0):
    return {row.name: row.cells[place].mark for row in ranking.rows if row.cells[place]}


def test_rows_are_sorted_by_the_first_metric_and_null_baselines_stand_underneath(a_run):
    ranking = rank([a_run("mean_image", 16), a_run("cyclegan", 12), a_run("grey_copy", 9), a_run("pix2pix", 14)])
    assert [(row.name, row.baseline) for row in ranking.rows] == [
        ("pix2pix", False),
        ("cyclegan", False),
        ("mean_image", True),
        ("grey_copy", True),
    ]


def test_a_metric_of_which_less_is_better_is_sorted_upwards(a_run, make_score):
    fid = [
        a_run(name, scores=[make_score([value], "fid", per_image={}, n=20)])
        for name, value in (("cyclegan", 40), ("pix2pix", 30))
    ]
    ranking = rank(fid)
    assert [row.name for row in ranking.rows] == ["pix2pix", "cyclegan"]
    assert marks(ranking) == {"pix2pix": "best", "cyclegan": ""}
    assert "no paired test" in "\n".join(legend(ranking))


def test_the_best_and_what_a_paired_test_cannot_distinguish_from_it_are_marked(a_run):
    rng = np.random.default_rng(0)
    values = {
        "cyclegan": 14 + SPREAD,
        "pix2pix": 13.95 + SPREAD[::-1] * 0.9,
        "cut": 13.2 + SPREAD,
        "mean_image": 12 + rng.normal(0, 1, 20),
    }
    ranking = rank([a_run(name, values=one) for name, one in values.items()])
    best = max(values, key=lambda name: values[name].mean())
    others = [name for name in values if name != best]
    p = {
        name: permutation_test((values[name] - values[best],), np.mean, permutation_type="samples", rng=1).pvalue
        for name in others
    }
    largest, expected = 0.0, {best: "best"}
    for rank_, name in enumerate(sorted(others, key=p.__getitem__)):  # Holm, written out
        largest = max(largest, p[name] * (len(others) - rank_))
        expected[name] = "not distinguishable" if largest >= 0.05 else ""
    assert marks(ranking) == expected
    assert set(expected.values()) == {"best", "not distinguishable", ""}


def test_a_single_image_has_no_interval_no_test_and_no_mark(a_run, make_score):
    alone = {"low": None, "high": None}
    runs = [
        a_run(name, scores=[make_score([value], **alone)]) for name, value in (("cyclegan", 14), ("mean_image", 12))
    ]
    ranking = rank(runs)
    (table,) = text_tables(ranking, 80)
    assert set(marks(ranking).values()) == {""} and verdict_lines(ranking) == []
    assert table.title == "FLIR: n = 1 test image, 256x256 bicubic; no interval from one image, and no test"
    assert [row[1] for row in table.rows if row[0]] == ["14.00", "12.00"]


def test_seeds_are_one_row_and_a_baseline_of_two_lengths_is_one_row(a_run):
    runs = [a_run("cyclegan", 13 + seed, seed=seed) for seed in range(3)]
    short = Budget(steps=20, constant=10)
    runs += [a_run("mean_image", 12), a_run("mean_image", 12, budget=short, finished="2025-01-01T00:00:00+00:00")]
    (table,) = text_tables(rank(runs), 80)
    assert [row[0] for row in table.rows] == ["cyclegan (3 seeds)", "", "mean_image"]
    assert table.rows[0][1].startswith("14.00")


def test_datasets_and_sizes_are_groups_of_columns(a_run):
    runs = [
        a_run("cyclegan", 13),
        a_run("cyclegan", 15, data=RS),
        a_run("pix2pix", 14, data=RS),
        a_run("pix2pix", 12, data=RS, size=64),
    ]
    ranking = rank(runs)
    assert [column.dataset for column in ranking.columns] == ["FLIR", "RoadScene, 256 px", "RoadScene, 64 px"]
    cells = {row.name: [cell and round(cell.measured.value) for cell in row.cells] for row in ranking.rows}
    assert cells == {"cyclegan": [13, 15, None], "pix2pix": [None, 14, 12]}
    assert len(text_tables(ranking, 200)) == 1
    narrow = text_tables(ranking, 60)
    assert [[row[0] for row in table.rows] for table in narrow] == [["cyclegan"], ["cyclegan", "pix2pix"], ["pix2pix"]]


def test_what_was_scored_on_other_data_than_its_own_is_a_row_that_says_so(a_run, make_score):
    own = a_run("cyclegan", 13)
    tested = records.Tested(data=RS, dataset={"name": "roadscene"}, size=256, scores=[make_score(11 + SPREAD)])
    seen = [replace(own, record=view) for view in records.views(replace(own.record, tests=[tested]))]
    ranking = rank([*seen, a_run("cyclegan", 15, data=RS), a_run("pix2pix", 10, data=RS)])
    cells = {row.name: [cell and round(cell.measured.value) for cell in row.cells] for row in ranking.rows}
    assert cells == {
        "cyclegan, trained on FLIR": [13, 11],
        "cyclegan, trained on roadscene": [None, 15],
        "pix2pix": [None, 10],
    }


def on_split(run, score, split="validation", size=256):
    """Return the finished run, scored on its own data and on another split or size of it."""
    tested = records.Tested(data=run.record.data, dataset={}, size=size, split=split, scores=[score])
    record = replace(run.record, tests=[tested])
    return [replace(run, record=view) for view in records.views(record)]


def test_splits_of_a_dataset_are_groups_of_columns(a_run, make_score):
    first, second = (
        on_split(a_run(name, psnr), make_score(psnr - 2 + SPREAD)) for name, psnr in (("cut", 13), ("pix2pix", 15))
    )
    ranking = rank([*first, *second[::-1]])
    assert [(column.dataset, column.split) for column in ranking.columns] == [
        ("FLIR", "test"),
        ("FLIR, validation split", "validation"),
    ]
    cells = {row.name: [round(cell.measured.value) for cell in row.cells] for row in ranking.rows}
    assert cells == {"pix2pix": [15, 13], "cut": [13, 11]}
    assert (
        text_tables(ranking, 200)[0]
        .title.splitlines()[1]
        .startswith("FLIR, validation split: n = 20 validation images")
    )


def test_the_split_of_images_of_another_program_is_that_of_their_protocol(a_run, make_score):
    score = make_score(14 + SPREAD)
    score = replace(score, protocol={**score.protocol, "split": "validation"})
    (column,) = rank([a_run("cut", scores=[score])]).columns
    assert column.dataset == "FLIR, validation split"


def test_a_baseline_keeps_the_metrics_of_all_its_runs_and_of_each_the_newest_score(a_run, make_score):
    older = a_run(
        "grey_copy", scores=[make_score(9 + SPREAD), make_score(0.3 + SPREAD / 10, "mae")], finished="2025-01-01"
    )
    newer = a_run("grey_copy", scores=[make_score(10 + SPREAD)], finished="2025-01-02", batch=2)
    for runs in ([older, newer], [newer, older]):
        (row,) = rank(runs).rows
        assert [cell.measured.value for cell in row.cells] == pytest.approx([10, 0.3])


def test_other_protocols_and_other_images_are_shown_and_not_compared(a_run, make_score):
    odd = make_score(20 + SPREAD)
    odd = replace(odd, protocol={**odd.protocol, "resize": "64x64 bicubic"})
    ranking = rank(
        [
            a_run("cyclegan"),
            a_run("pix2pix", 14),
            a_run("cut", scores=[odd]),
            a_run("thermalgan", values=np.full(7, 30.0)),
        ]
    )
    assert marks(ranking) == {"thermalgan": "", "cut": "", "pix2pix": "best", "cyclegan": ""}
    notes = "\n".join(legend(ranking))
    assert (
        "~ cut, psnr: not compared, measured with resize 64x64 bicubic instead of 256x256 bicubic as most rows."
        in notes
    )
    assert "~ thermalgan, psnr: not compared, scored on 7 images, which are not those of most rows." in notes


def test_seeds_of_one_system_that_were_scored_on_other_images_are_no_mean(a_run, make_score):
    other = make_score(20 + SPREAD, per_image={f"x{index}": 20.0 for index in range(20)})
    runs = [a_run("cyclegan"), a_run("cyclegan", scores=[other], seed=1)]
    (row,) = rank(runs).rows
    assert (row.cells[0].mark, round(row.cells[0].measured.value)) == ("", 13)
    assert "which are not those of most rows" in row.cells[0].apart
    odd = replace(make_score(20 + SPREAD), protocol={"resize": "64x64 bicubic"})
    assert rank([a_run("cyclegan"), a_run("cyclegan", scores=[odd], seed=1)]).rows[0].cells[0].apart


def test_a_line_says_whether_each_network_beats_the_best_baseline_that_reads_no_more(a_run, make_score):
    runs = [a_run("mean_image", 12), a_run("grey_copy", 9)]
    assert verdict_lines(rank([*runs, a_run("cyclegan", 14)])) == [
        "cyclegan is better than the best null baseline, mean_image, in psnr."
    ]
    several = verdict_lines(
        rank([*runs, a_run("cyclegan", 14), a_run("pix2pix", values=12 - SPREAD), a_run("cut", 10)])
    )
    assert several == [
        "Better than the best null baseline, mean_image, in psnr: cyclegan. Not distinguishable from it: pix2pix. Worse: cut."
    ]
    assert verdict_lines(rank([*runs, a_run("pix2pix", values=12 - SPREAD), a_run("cut", 10)])) == [
        "No system is better than the best null baseline, mean_image, in psnr. Not distinguishable from it: pix2pix. Worse: cut."
    ]
    labels = make_score(25 + SPREAD)
    labels = replace(labels, protocol={**labels.protocol, "reads": ["visible", "labels"]})
    more = rank(
        [
            *runs,
            a_run("cyclegan", 14),
            a_run("object_means", scores=[labels]),
            a_run("layergan", scores=[replace(labels, value=26)]),
        ]
    )
    against = {row.name: row.cells[0].baseline for row in more.rows}
    assert against == {
        "cyclegan": "mean_image",
        "layergan": "object_means",
        "object_means": "",
        "mean_image": "",
        "grey_copy": "",
    }
