"""What a table trains: rows, sizes, substitutes, baselines, and what the plan remembers."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from zoo.errors import UsageError, ZooError
from zoo.report.table_plan import choose_column_metrics, parse_data, plan_table, read_plan, write_plan
from zoo.report.table_schema import PaperBudget
from zoo.report.tables import load_table
from zoo.run.grid import Axes


@pytest.fixture
def table2():
    return load_table("gn_cyclegan_table2")


def test_datasets_are_given_by_key(table2):
    assert parse_data("osu=scenes:train=4,test=2,flir=some/dir", table2) == {
        "osu": "scenes:train=4,test=2",
        "flir": "some/dir",
    }
    assert parse_data("flir=rs", table2) == {"flir": "rs"}
    assert parse_data("scenes:train=4", load_table("layergan_table1")) == {"thermalworld": "scenes:train=4"}
    for wrong in ("scenes", "kaist=x", "x,flir=rs", ""):
        with pytest.raises(UsageError, match="osu, flir"):
            parse_data(wrong, table2)


def test_every_row_and_baseline_becomes_a_run(table2, pairs, tmp_path):
    runs, plan = plan_table(table2, {"flir": str(pairs)}, Axes(size=32, steps=3, seeds=2), tmp_path)
    assert {cell.row for cell in plan.cells} == {row.name for row in table2.rows} | set(table2.baselines)
    assert len(plan.cells) == 6 * 2 + 5
    assert {run.folder.name for run in runs} == {cell.folder for cell in plan.cells}
    # The two U-Nets are one training at 32 px, once for each seed.
    assert len(runs) == 5 * 2 + 5
    assert plan.data == {"flir": "blocks"}
    assert plan.refused == ()


def test_a_network_that_the_size_does_not_hold_is_replaced_and_named(table2, pairs, tmp_path):
    def instead(size):
        _, plan = plan_table(table2, {"flir": str(pairs)}, Axes(size=size, steps=1), tmp_path)
        return {cell.row: cell.instead for cell in plan.cells if cell.instead}

    assert instead(64) == {
        "unet_128": ("unet_auto at 64 px instead of unet_128",),
        "unet_256": ("unet_auto at 64 px instead of unet_256",),
    }
    assert instead(128) == {"unet_256": ("unet_auto at 128 px instead of unet_256",)}
    assert instead(256) == {}


def test_preset_paper_is_the_tables(table2, pairs, tmp_path):
    runs, _ = plan_table(table2, {"flir": str(pairs)}, Axes(preset="paper"), tmp_path)
    found = {(run.recipe.size, run.recipe.budget.steps, run.recipe.batch) for run in runs}
    # Six training pairs, CUT as long as the others; null baselines have no length.
    assert found == {(256, 200 * 6, 1), (256, 0, 1)}
    runs, _ = plan_table(table2, {"flir": str(pairs)}, Axes(preset="paper", size=64, steps=7), tmp_path)
    assert {(run.recipe.size, run.recipe.budget.steps) for run in runs} == {(64, 7), (64, 0)}


def test_rows_that_the_data_cannot_train_are_refused_with_the_reason(pairs, tmp_path):
    table = load_table("layergan_table1")
    _, plan = plan_table(table, {"thermalworld": str(pairs)}, Axes(size=64, steps=1), tmp_path)
    refused = {one.row: one.reason for one in plan.refused}
    assert set(refused) >= {"layergan", "object_means"}
    assert "labels" in refused["layergan"]
    assert "pix2pix" in {cell.row for cell in plan.cells}


def test_narrow_networks_of_preset_quick_are_named(pairs, tmp_path):
    _, plan = plan_table(
        load_table("layergan_table1"), {"thermalworld": "scenes:train=4,test=2"}, Axes(size=32, steps=1), tmp_path
    )
    (instead,) = next(cell.instead for cell in plan.cells if cell.row == "layergan")
    assert instead.startswith("layergan:channel_multiplier=")
    assert instead.endswith("instead of layergan")


def test_a_second_dataset_joins_the_plan(table2, pairs, tmp_path):
    axes = Axes(size=64, steps=1)
    _, first = plan_table(table2, {"flir": str(pairs)}, axes, tmp_path)
    write_plan(tmp_path, first)
    _, second = plan_table(table2, {"osu": "scenes:train=4,test=2"}, axes, tmp_path)
    write_plan(tmp_path, second)
    assert read_plan(tmp_path, table2.name) == second
    assert second.data == {"flir": "blocks", "osu": "scenes"}
    assert set(first.cells) < set(second.cells)


def test_a_column_may_be_trained_on_one_dataset_and_tested_on_another(table2, pairs, tmp_path):
    axes = Axes(size=32, steps=3)
    other = "scenes:train=2,test=2"
    data = {"flir": str(pairs), "osu": str(pairs)}
    runs, plan = plan_table(table2, data, axes, tmp_path, tests={"flir": other})
    assert plan.data == {"flir": "scenes", "osu": "blocks"}
    assert {run.scores_own for run in runs} == {True}
    assert {tuple(test.name for test in run.other_tests) for run in runs} == {("scenes",)}
    notes = {(cell.dataset, "trained on blocks" in cell.instead) for cell in plan.cells}
    assert notes == {("flir", True), ("osu", False)}
    runs, _ = plan_table(table2, {"flir": str(pairs)}, axes, tmp_path, tests={"flir": other})
    assert {run.scores_own for run in runs} == {False}
    with pytest.raises(UsageError, match="`test_data` names osu"):
        plan_table(table2, {"flir": str(pairs)}, axes, tmp_path, tests={"osu": other})


def test_a_damaged_plan_is_reported(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "gn_cyclegan_table2.json").write_text("{")
    with pytest.raises(ZooError, match="cannot be read"):
        read_plan(tmp_path, "gn_cyclegan_table2")


def test_requested_metrics_replace_those_of_the_table(table2):
    assert [measure.spec for measure in choose_column_metrics(table2)] == ["psnr", "ssim"]
    measures = choose_column_metrics(
        load_table("layergan_table1"), ["lpips", "fid:extractor=resnet18,weights=random", "fid"]
    )
    assert [measure.spec for measure in measures] == ["fid:extractor=resnet18,weights=random", "fid"]
    assert "resnet18" in measures[0].instead
    assert "inception" in measures[0].instead
    assert measures[1].instead == ""


def test_a_table_may_state_height_and_width(table2, pairs, tmp_path):
    budget = msgspec.toml.decode(b"size = [32, 64]\nepochs = 2", type=PaperBudget)
    table = replace(table2, budget=budget)
    runs, plan = plan_table(table, {"flir": str(pairs)}, Axes(preset="paper"), tmp_path)
    assert {run.recipe.size for run in runs} == {(32, 64)} and not plan.refused
    assert all("-32x64px-2e-" in run.folder.name for run in runs if run.recipe.generator)
    assert any("unet_auto at 32x64 px instead of unet_128" in cell.instead for cell in plan.cells)
    runs, _ = plan_table(table, {"flir": str(pairs)}, Axes(preset="paper", size=(64, 96)), tmp_path)
    assert {run.recipe.size for run in runs} == {(64, 96)}
