"""Scores by group: `zoo table --by ENTRY` and `zoo compare --by ENTRY`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import UsageError
from zoo.evaluate.results import GroupScore
from zoo.recipe import Part
from zoo.records.record import write_json
from zoo.report.comparing import compare_results
from zoo.report.finished_runs import FinishedRun
from zoo.report.groups import by_group
from zoo.report.ranking import rank
from zoo.report.ranking_text import legend, text_tables

SPREAD = np.linspace(-0.5, 0.5, 20)
DAY = 15
"""Number of the first images that were taken by day."""


@pytest.fixture
def a_run(make_score, make_record):
    def run(method, psnr, seed=0):
        values = psnr + SPREAD
        parts = {"day": values[:DAY], "night": values[DAY:]}
        groups = {name: GroupScore(value=float(part.mean()), n=part.size) for name, part in parts.items()}
        score = make_score(values, groups={"daytime": groups})
        made = make_record([score, make_score(values / 30, "ssim")], method=Part(name=method), seed=seed)
        return FinishedRun(folder=Path(f"{method.rpartition('/')[2]}-{seed:08}"), record=made)

    return run


@pytest.fixture
def runs(a_run):
    return [a_run("cut/cut", 13), a_run("cut/cut", 14, seed=1), a_run("pix2pix/pix2pix", 12)]


def test_groups_are_columns_with_the_means_of_their_images_over_the_seeds(runs):
    ranking = rank(by_group(runs, "daytime"))
    assert [(column.metric, column.n) for column in ranking.columns] == [("psnr day", 15), ("psnr night", 5)]
    values = {row.name: [cell.measured.value for cell in row.cells] for row in ranking.rows}
    assert values["cut"] == pytest.approx([13.5 + SPREAD[:DAY].mean(), 13.5 + SPREAD[DAY:].mean()])
    assert [cell.mark for cell in ranking.rows[0].cells] == ["best", "best"]
    (table,) = text_tables(ranking, 80)
    assert table.title == "FLIR: n = 5 or 15 test images, 256x256 bicubic; mean"
    lines = legend(ranking)
    assert "psnr night: mean over 5 images with daytime night." in lines
    assert "psnr day, psnr night: no paired test, since these scores have no values of single images." in lines


def test_groups_are_compared_without_a_test(runs):
    ((group,), left_out) = compare_results(by_group(runs, "daytime"))
    assert left_out == []
    assert {line.metric for line in group.lines} == {"psnr day", "psnr night"}
    assert [line.difference for line in group.lines] == [None] * 4


def test_runs_without_the_groups_are_left_out_and_an_unknown_entry_is_named(runs):
    without = replace(runs[0], record=replace(runs[0].record, scores=runs[0].record.scores[1:]))
    assert len(by_group([*runs, without], "daytime")) == 3
    with pytest.raises(UsageError, match="Did you mean daytime"):
        by_group(runs, "daytim")
    with pytest.raises(UsageError, match="an entry of kind group"):
        by_group([without], "daytime")


def test_the_commands_print_groups(runs, zoo, tmp_path):
    for run in runs:
        write_json(tmp_path / "results" / run.folder / "record.json", run.record)
    shown = zoo("table", "results", "--by", "daytime")
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"system +psnr day \[dB\] +psnr night \[dB\]", shown.stdout)
    assert len(json.loads(zoo("table", "results", "--by", "daytime", "--json").stdout)["columns"]) == 2
    compared = zoo("compare", "results", "--by", "daytime")
    assert compared.returncode == 0, compared.stderr
    assert re.search(rf"pix2pix +{12 + SPREAD[:DAY].mean():.2f} +-1.50 +no test", compared.stdout)
    assert "psnr night [dB], n = 5 images" in compared.stdout
    wrong = zoo("table", "thermalgen_table", "--by", "daytime")
    assert (wrong.returncode, "--by is for a results folder" in wrong.stderr) == (2, True)
