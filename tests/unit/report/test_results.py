"""The table that a bench prints: shared settings in its title, and its width on a terminal."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.cli.output import print_table
from zoo.composition import compose
from zoo.evaluate.results import Cost
from zoo.recipe import DataRef
from zoo.records.job import PlannedRun
from zoo.records.outcome import Outcome
from zoo.records.record import Best, views
from zoo.records.record import Tested as Elsewhere  # not the name of a test class
from zoo.report.bench_records import Records
from zoo.report.results import footnotes, results_table
from zoo.sources import open_source
from zoo.training_options import TrainingOptions

METRICS = ("psnr", "ssim", "mae")


@pytest.fixture
def outcomes(pairs, make_record, make_score):
    """Return the outcomes of a bench of these systems."""

    def make(*systems, seeds=1, status="done", metrics=METRICS):
        source = open_source(str(pairs), size=32)
        made = []
        for words in systems:
            for seed in range(seeds):
                recipe = compose(**{"data": source, "size": 32, "steps": 3, "seed": seed} | words)
                record = replace(make_record([make_score([10.25, 11.75], name) for name in metrics]), recipe=recipe)
                run = PlannedRun(recipe=recipe, source=source, folder=Path(f"run{len(made)}"), train_key="k")
                made.append(Outcome(run=run, status=status, record=record if status == "done" else None))
        return made

    return make


GENERATORS = ({"generator": "resnet6"}, {"generator": "resnet9_cbam", "discriminator": "patchgan_gn"})
RECIPES = ({"recipe": "cut"}, {"recipe": "pix2pix"}, {"method": "histogram_matching"})


def test_settings_that_all_runs_share_are_in_the_title(outcomes):
    columns, rows, title, numbers = results_table(outcomes(*GENERATORS))
    assert columns == ("system", "psnr [dB]", "ssim", "mae", "params", "it/s")
    assert numbers == columns[1:]
    assert [row[0] for row in rows] == ["resnet6 patchgan", "resnet9_cbam patchgan_gn"]
    assert title == "cyclegan, blocks, 32 px, 3 steps, 2 test images; mean [95% bootstrap interval]"


def test_seeds_and_states_are_columns_where_they_differ(outcomes):
    columns, rows, title, _ = results_table(outcomes(GENERATORS[0], seeds=2))
    assert columns[:2] == ("system", "seed") and [row[1] for row in rows] == ["0", "1"]
    assert [row[0] for row in rows] == ["cyclegan resnet6 patchgan"] * 2
    assert not title.startswith("cyclegan")
    failed = [*outcomes(GENERATORS[0]), *outcomes(GENERATORS[1], status="failed")]
    columns, rows, _, _ = results_table(failed)
    assert columns[-1] == "state" and [row[-1] for row in rows] == ["done", "failed"]
    assert set(rows[1][1:-1]) == {""}


def test_costs_that_no_row_has_are_no_columns(outcomes):
    (outcome,) = outcomes(RECIPES[2])
    timing = replace(outcome.record.timing, steps_per_second=None)
    free = replace(outcome, record=replace(outcome.record, parameters={"translation": 0}, timing=timing))
    assert results_table([free])[0] == ("system", "psnr [dB]", "ssim", "mae")


def with_cost(outcome: Outcome, latency: float) -> Outcome:
    cost = Cost(
        parameters=1,
        flops=10**9,
        passes=1,
        latency_ms=latency,
        latency_n=10,
        size=32,
        device="a device",
        precision="fp32",
        peak_memory=2**20,
    )
    return replace(outcome, record=replace(outcome.record, cost=cost))


def test_the_latency_is_a_column_where_80_characters_have_room(outcomes, shown):
    fitting = [with_cost(outcome, 12.345) for outcome in outcomes(*GENERATORS, metrics=METRICS[:1])]
    columns, rows, _, numbers = results_table(fitting)
    assert columns[-1] == numbers[-1] == "ms/image" and [row[-1] for row in rows] == ["12.3", "12.3"]
    assert max(map(len, shown(columns, rows, "", numbers, width=80).splitlines())) <= 80
    wide = [with_cost(outcome, 12.345) for outcome in outcomes(*GENERATORS)]
    assert "ms/image" not in results_table(wide)[0]
    measured_once = [fitting[0], outcomes(GENERATORS[1], metrics=METRICS[:1])[0]]
    assert [row[-1] for row in results_table(measured_once)[1]] == ["12.3", ""]


@pytest.fixture
def shown(capsys, monkeypatch):
    """Print a table on a terminal of this width and return the lines."""

    def show(columns, rows, title, numbers, width):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(width))
        print_table(columns, rows, title=title, right=numbers)
        return re.sub(r"\x1b\[\d*m|─", "", capsys.readouterr().out)

    return show


@pytest.mark.parametrize("systems", [GENERATORS, RECIPES])
@pytest.mark.parametrize(("width", "metrics"), [(80, METRICS[:2]), (100, METRICS), (160, METRICS)])
def test_on_a_terminal_no_number_and_no_word_is_folded(outcomes, systems, width, metrics, shown):
    table = results_table(outcomes(*systems, metrics=metrics))
    text = shown(*table, width=width)
    assert max(map(len, text.splitlines())) <= width
    columns, rows, title, _ = table
    assert sorted(text.split()) == sorted(" ".join((*columns, *(cell for row in rows for cell in row), title)).split())
    if width == 160:
        assert "11.00 [10.75, 11.25]" in text


def test_on_a_narrow_terminal_words_are_folded_before_numbers(outcomes, shown):
    text = shown(*results_table(outcomes(*RECIPES)), width=72)
    assert max(map(len, text.splitlines())) <= 72
    assert text.count("[10.75, 11.25]") == 3 * len(RECIPES) and "histogram_matching" not in text


def test_the_dataset_s_health_is_a_footnote(outcomes):
    (outcome,) = outcomes(GENERATORS[0])
    source = outcome.run.source
    assert footnotes([outcome]) == [f"Dataset blocks: health not measured; run: zoo data check {source.root} --write"]
    reason = f"image `{source.root}/train/visible/train0.png` cannot be decoded"
    assert footnotes([replace(outcome, status="failed", reason=reason, record=None)]) == []


def test_a_row_of_records_has_the_size_and_the_split_that_were_scored(outcomes, make_score):
    (outcome,) = outcomes(GENERATORS[0])
    data = DataRef(name="other", fingerprint="o")
    tested = Elsewhere(data=data, dataset={}, size=(16, 24), split="validation", scores=[make_score([9.0, 10.0])])
    _, view = views(replace(outcome.record, tests=[tested]))
    own, other = Records([outcome, replace(outcome, record=view)]).to_dicts()
    assert (own["size"], own["split"]) == (32, "test")
    assert (other["size"], other["split"], other["psnr"]) == ("16x24", "validation", 9.5)


def test_what_the_validation_found_is_a_footnote(outcomes):
    (outcome,) = outcomes({"training": TrainingOptions(validate=0.3, keep="best:ssim", patience=1)})
    record = replace(outcome.record, best=Best(value=0.51234, step=2, steps=2))
    lines = footnotes([replace(outcome, record=record)])
    assert lines[0] == (
        "cyclegan resnet9 patchgan: validated by ssim on 0.3 of the training images: the weights are those of step 2, "
        "ssim 0.5123; ended early after 2 of 3 steps"
    )
