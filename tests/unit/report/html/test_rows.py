"""The order of the report's rows, their differences to the best null baseline, and the tables by class and group."""

from __future__ import annotations

import re

import numpy as np
import pytest

from zoo.composition import compose
from zoo.evaluate.results import CelsiusErrors, GroupScore
from zoo.report.html.rows import sort_runs, value_tables
from zoo.report.html.runs import group_runs, read_runs

SPREAD = np.linspace(-0.5, 0.5, 20)


@pytest.fixture
def add(tmp_path, source, score, record, write_run):
    """Write a run of this system with this mean score and groups, and errors in degrees."""

    def write(value, *, metric="psnr", higher_is_better=True, groups=None, celsius=None, **words):
        recipe = compose(data=source, size=32, steps=2, **words)
        one = score(metric, tuple((value + SPREAD).tolist()), groups=groups or {}, higher_is_better=higher_is_better)
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        write_run(folder, record(recipe, scores=[one], celsius=celsius), stems=())

    return write


def sorted_runs(folder):
    runs, _ = read_runs(folder)
    (group,) = group_runs(runs)
    return sort_runs(group)


@pytest.mark.parametrize(("metric", "sign"), [("psnr", 1), ("mae", -1)])
def test_rows_are_sorted_by_the_first_metric_and_null_baselines_are_last(add, tmp_path, metric, sign):
    words = {"metric": metric, "higher_is_better": sign > 0}
    add(20 + sign * 9, method="mean_image", **words)
    for place, width in enumerate((4, 5, 6)):
        add(20 + sign * (3, 1, 2)[place], generator=f"resnet6:width={width}", **words)
    add(20 - sign * 9, method="grey_copy", **words)
    group, first, _ = sorted_runs(tmp_path)
    assert first == metric
    values = [run.record.scores[0].value for run in group.runs]
    assert values == pytest.approx([20 + sign * value for value in (3, 2, 1, 9, -9)])


def test_each_system_has_its_difference_to_the_best_baseline_over_its_seeds(add, tmp_path, page_of):
    add(12, method="mean_image")
    add(9, method="grey_copy")
    for seed, psnr in enumerate((14.0, 15.0)):
        add(psnr, generator="resnet6:width=4", seed=seed)
    group, _, differences = sorted_runs(tmp_path)
    assert set(differences) == {group.runs[0].label}
    (found,) = differences.values()
    assert found.value == "+2.50" and found.detail.endswith("better than mean_image")
    text = page_of(tmp_path).text
    assert "psnr against the best null baseline" in text and text.count("better than mean_image") == 1


def test_without_baselines_there_is_no_such_column(six, page_of):
    assert "against the best null baseline" not in page_of(six).text


def test_a_null_baseline_has_no_training_time_and_no_length(add, tmp_path, page_of):
    add(12, method="mean_image")
    text = page_of(tmp_path).text
    assert "1 min 15 s" not in text and "steps/s" not in text and "2 steps" not in text
    (tmp_path / "report.html").unlink()
    add(14, generator="resnet6:width=4")
    text = page_of(tmp_path).text
    assert text.count("1 min 15 s") == 1 and re.search(r"^2 steps; 20 test images", text, re.MULTILINE)


def test_degrees_by_class_and_scores_by_group_are_tables_of_means_over_the_seeds(add, tmp_path, page_of):
    for seed in range(2):
        groups = {"daytime": {"day": GroupScore(value=10 + seed, n=15), "night": GroupScore(value=20.0, n=5)}}
        errors = CelsiusErrors(all=3.0 + seed, classes={"car": 1.0 + seed, "person": 2.0}, n=20)
        add(14, generator="resnet6:width=4", seed=seed, groups=groups, celsius=errors)
    group, *_ = sorted_runs(tmp_path)
    degrees, daytime = value_tables(group)
    assert (degrees.heads, list(degrees.rows.values())) == (("all pixels", "car", "person"), [("3.50", "1.50", "2.00")])
    assert daytime.heads == ("psnr day [dB]", "psnr night [dB]")
    assert list(daytime.rows.values()) == [("10.50 (n 15)", "20.00 (n 5)")]
    page = page_of(tmp_path)
    assert len(page.all("table")) == 3 and "Means by daytime" in page.text and page.open == []


def test_a_difference_that_correction_hides_says_so(add, tmp_path):
    add(12, method="mean_image")
    add(14.0, generator="resnet6:width=4", seed=0)
    add(11.0, generator="resnet6:width=4", seed=1)  # another sign
    _, _, differences = sorted_runs(tmp_path)
    (found,) = differences.values()
    assert found.detail.endswith("not distinguishable after correction from mean_image")
