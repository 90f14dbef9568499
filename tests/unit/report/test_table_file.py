"""Table files of users: their defaults, their faults named with the key, and the runs that fill them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo.composition import compose
from zoo.errors import UsageError
from zoo.recipe import Budget, DataRef, Part
from zoo.records.record import write_json
from zoo.report.render import FORMATS, shown_columns
from zoo.report.table_file import usual_baselines
from zoo.report.table_plan import parse_data, plan_table, write_plan
from zoo.report.table_results import read_table_results
from zoo.report.tables import load_table
from zoo.run.grid import Axes

SPREAD = np.linspace(-0.5, 0.5, 20)
MINE = """
[datasets.blocks]
data = "DIR"

[[columns]]
metric = "psnr"

[[rows]]
name = "narrow"
method = "cyclegan"
generator = "resnet6:width=4"
discriminator = "patchgan:width=4"

[[rows]]
name = "PID"
"""


@pytest.fixture
def write(tmp_path):
    """Write a table file and return its path."""

    def made(text=MINE, name="mine.toml"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return made


def test_what_a_file_leaves_out_has_a_default(write):
    table = load_table(write())
    assert (table.name, table.title, table.budget, table.published) == ("mine", "mine", None, False)
    assert (table.columns[0].title, table.rows[0].title) == ("psnr", "narrow")
    assert [row.score_only for row in table.rows] == [False, True]
    assert list(table.baselines) == usual_baselines()
    assert "object_means" not in usual_baselines() and "mean_image" in usual_baselines()
    assert parse_data("", table) == {"blocks": "DIR"} and parse_data("blocks=rs", table) == {"blocks": "rs"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('metric = "psnr"', 'title = "PSNR"', "key `columns[0]`: Object missing required field `metric`"),
        (
            'metric = "psnr"',
            'metric = "psnr"\ndecimals = "two"',
            "key `columns[0].decimals`: Expected `int`, got `str`",
        ),
        ('metric = "psnr"', 'metric = "pnsr"', "key `columns[0].metric`: no metric is named 'pnsr'"),
        ('metric = "psnr"', 'metric = "psnr"\n[[columns]]\nmetric = "psnr:pooled=true"', "'psnr' occurs 2 times"),
        ('generator = "resnet6', 'genrator = "resnet6', "key `rows[0].genrator` is unknown. Did you mean generator?"),
        ('"resnet6:width=4"', '"resnet7"', "key `rows[0]`: no generator is named 'resnet7'"),
        ('method = "cyclegan"', 'recipe = "pix2pix"', "key `rows[0]`: recipe 'pix2pix' and parts of a recipe"),
        ('name = "PID"', 'name = "narrow"', "key `rows[0].name`: 'narrow' occurs 2 times"),
        (
            'name = "PID"',
            'name = "PID"\npaper.block = { psnr = 1 }',
            "key `rows[1].paper.block`: the table has no dataset",
        ),
        (
            'name = "PID"',
            'name = "PID"\npaper.blocks = { ssim = 1 }',
            "key `rows[1].paper.blocks`: the table has no column",
        ),
        ("[datasets", 'proposed = "pid"\n[datasets', "key `proposed`: the table has no row 'pid'"),
        ("[datasets", 'baselines = ["cut"]\n[datasets', "key `baselines[0]`: 'cut' is no null baseline"),
        ("[datasets", 'name = "x"\n[datasets', "key `name` is unknown"),
        ('name = "PID"', "name = PID", "is not TOML"),
        (
            'name = "PID"',
            'name = "PID"\npaper.blocks = { psnr = "x" }',
            "key `rows[1].paper.blocks.psnr`: Expected `float`",
        ),
        (
            'name = "PID"',
            'name = "PID"\npaper.2024 = { psnr = 1, ssim = "x" }',
            "key `rows[1].paper.2024.ssim`: Expected `float`",
        ),
        ('name = "PID"', 'name = "PID"\npaper."a.b" = { ssim = "x" }', "key `rows[1].paper"),
        ("[datasets.blocks]", "[datasets]", "key `datasets.data`: Expected `object`, got `str`"),
    ],
)
def test_a_fault_is_named_with_its_key(write, old, new, message):
    assert old in MINE
    with pytest.raises(UsageError) as caught:
        load_table(write(MINE.replace(old, new, 1)))
    assert message in str(caught.value) and "mine.toml`" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_or_has_the_name_of_a_papers_table_is_refused(write):
    with pytest.raises(UsageError, match="there is no table file `other"):
        load_table("other.toml")
    with pytest.raises(UsageError, match="the name of a paper's table"):
        load_table(write(name="layergan_table1.toml"))


def test_rows_that_are_scored_only_are_not_trained(write, pairs, tmp_path):
    table = load_table(write())
    runs, plan = plan_table(table, {"blocks": str(pairs)}, Axes(size=32, steps=1, preset="paper"), tmp_path)
    assert {cell.row for cell in plan.cells} == {"narrow", *table.baselines}
    assert len(runs) == 1 + len(table.baselines)


@pytest.fixture
def runs(make_score, make_record, pairs, tmp_path):
    """Write finished runs into a results folder: a function of folder, recipe and PSNR."""
    out = tmp_path / "results"

    def add(name, recipe, psnr):
        record = replace(make_record([make_score(psnr + SPREAD)], splits={"train": 6, "test": 3}), recipe=recipe)
        write_json(out / name / "record.json", record)
        return out

    return add


def scored(recipe, name):
    """Return the recipe of another program's images on the data of a recipe."""
    method = Part(name="predictions/predictions", config={"name": name})
    none = {"generator": None, "discriminator": None, "normalizer": None}
    return replace(recipe, method=method, budget=Budget(steps=0, constant=0), **none)


def test_finished_runs_fill_rows_without_a_plan(write, runs, pairs, tmp_path):
    words = {"data": str(pairs), "size": 32}
    narrow = {"generator": "resnet6:width=4", "discriminator": "patchgan:width=4"}
    recipe = compose(**words, **narrow, steps=20)
    runs("short", compose(**words, **narrow, steps=2), 10)
    runs("long", recipe, 14)
    runs("wide", compose(**words, generator="resnet6:width=5", discriminator="patchgan:width=4", steps=90), 20)
    runs("pid", scored(recipe, "pid"), 15)
    runs("elsewhere", replace(scored(recipe, "PID"), data=DataRef(name="other", fingerprint="o")), 30)
    out = runs("mean", compose(**words, method="mean_image", steps=2), 12)
    filled = read_table_results(load_table(write()), out)
    (section,) = filled.sections
    found = {line.name: line.measured and round(line.measured.value) for line in (*section.lines, *section.baselines)}
    assert found == dict.fromkeys(usual_baselines(), None) | {"narrow": 14, "PID": 15, "mean_image": 12}
    assert [(line.verdict, line.against.verdict) for line in section.lines] == [("measured", "better")] * 2
    assert section.column.unit == "dB" and section.dataset == "blocks"
    assert "paper" not in shown_columns(filled) and "| paper" not in FORMATS["markdown"](filled)


def test_scored_images_fill_a_row_beside_a_plan(write, runs, pairs, tmp_path):
    table, out = load_table(write()), tmp_path / "results"
    _, plan = plan_table(table, {"blocks": str(pairs)}, Axes(size=32, steps=1), out)
    write_plan(out, plan)
    empty = read_table_results(table, out)
    assert [line.verdict for line in empty.sections[0].lines] == ["not run", "not run"]
    assert empty.sections[0].lines[1].why == "score only" and empty.notes[-1].endswith(
        "zoo score IMAGES --data DATASET --name PID"
    )
    runs("pid", scored(compose(data=str(pairs), size=32), "P I-D"), 15)
    lines = read_table_results(table, out).sections[0].lines
    assert [line.measured and round(line.measured.value) for line in lines] == [None, 15]


def test_images_of_another_program_are_compared_with_the_papers_value(runs, pairs, tmp_path, make_score, make_record):
    recipe = replace(
        scored(compose(data=str(pairs), size=256), "ThermalGen-L/2"), data=DataRef(name="m3fd", fingerprint="m")
    )
    scores = [make_score(23.7 + SPREAD, "psnr[pooled=true]"), make_score([35.8], "fid[inception]", per_image={})]
    write_json(tmp_path / "results" / "tg" / "record.json", replace(make_record(scores), recipe=recipe))
    sections = read_table_results(load_table("thermalgen_table"), tmp_path / "results").sections
    found = {
        (section.dataset, section.metric): (line.verdict, line.why, line.paper)
        for section in sections
        for line in section.lines
        if line.name == "thermalgen_l2" and section.dataset == "M3FD"
    }
    assert found["M3FD", "PSNR"] == ("match", "", 23.73)
    assert found["M3FD", "FID"] == ("match", "", 35.82)
    assert found["M3FD", "SSIM"] == ("not run", "not scored with this metric", 0.81)
