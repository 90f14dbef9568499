"""What the page shows of runs, datasets and scores."""

from __future__ import annotations

from dataclasses import replace
from statistics import stdev

import numpy as np
import pytest

from zoo.composition import compose
from zoo.data.layout import DataQuality, DatasetInfo, LeftOut
from zoo.evaluate.results import Cost
from zoo.model_folder import ModelConfig
from zoo.recipe import Part
from zoo.records.record import Tested as Elsewhere  # not the name of a test class
from zoo.records.record import write_json
from zoo.report.html.commands import row_command
from zoo.report.html.plots import Curve, curve_panel
from zoo.report.html.runs import style


def test_every_run_has_its_scores_with_intervals_and_its_own_command(six, page_of):
    page = page_of(six)
    for text in ("11.50", "10.50 to 12.50", "1.23 M", "1 min 15 s", "2.5 steps/s", "1.00 GiB", "visible", "95%"):
        assert text in page.text
    for generator in ("resnet6", "resnet9", "unet_auto"):
        for discriminator in ("patchgan", "patchgan_gn"):
            command = f"zoo bench --gen {generator}:width=4 --disc {discriminator} --data blocks --size 32 --steps 30"
            assert command in page.text


def test_costs_of_a_translation_are_in_the_table_the_facts_and_the_plots(tmp_path, source, record, write_run, page_of):
    for i, (device, passes) in enumerate([("CPU A", 1), ("CPU A", 50), ("GPU B", 1), ("GPU B", 1)]):
        recipe = compose(generator=f"resnet6:width={4 + i}", data=source, size=32, steps=2)
        cost = Cost(
            parameters=1,
            flops=(i + 1) * 2 * 10**9,
            passes=passes,
            latency_ms=12.345,
            latency_n=10,
            size=32,
            device=device,
            precision="fp32",
            peak_memory=3 * 2**20,
        )
        write_run(tmp_path / f"run{i}", record(recipe, cost=cost))
    write_run(tmp_path / "old", record(compose(generator="unet_auto:width=4", data=source, size=32, steps=2)))
    page = page_of(tmp_path)
    for text in ("12.3 ms", "2 GFLOP, 1 pass", "4 GFLOP, 50 passes", "32 px, batch 1, fp32, GPU B", "3 MiB"):
        assert text in page.text
    plots = [attrs["aria-label"] for attrs in page.all("svg") if "against" in attrs.get("aria-label", "")]
    for cost in ("latency per image [ms], CPU A", "latency per image [ms], GPU B", "operations per image [GFLOP]"):
        assert any(cost in plot for plot in plots)
    assert any("steps/s" in plot for plot in plots)


def test_seeds_share_a_name_and_a_colour_and_have_a_mean(tmp_path, source, score, record, write_run, page_of):
    values = (10.0, 11.0, 13.0)
    for seed, value in enumerate(values):
        recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2, seed=seed)
        write_run(tmp_path / f"s{seed}", record(recipe, scores=[score(values=(value, value))]))
    page = page_of(tmp_path)
    assert "mean of 3 seeds" in page.text and "seed 2" in page.text
    assert "11.33" in page.text and f"± {stdev(values):.2f}" in page.text
    assert len([attrs for attrs in page.all("img") if attrs.get("src")]) == 2 * 3  # the first seed's


def test_the_mean_over_seeds_of_a_pooled_psnr_is_that_of_the_squared_error(
    tmp_path, source, score, record, write_run, page_of
):
    values = (10.0, 20.0)
    for seed, value in enumerate(values):
        recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2, seed=seed)
        one = score("psnr[pooled=true]", (value, value), unit="dB", pooling="mse")
        write_run(tmp_path / f"s{seed}", record(recipe, scores=[one]))
    text = page_of(tmp_path).text
    assert f"{-10 * np.log10(np.mean([10 ** (-value / 10) for value in values])):.2f}" in text and "15.00" not in text


def test_splits_of_a_dataset_are_sections_of_their_own(tmp_path, source, score, record, write_run, page_of):
    recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    other = Elsewhere(data=recipe.data, dataset={}, split="validation", size=32, scores=[score(values=(7.0, 8.0))])
    write_run(tmp_path / "a", record(recipe, tests=[other]))
    page = page_of(tmp_path)
    assert "blocks, 32 px, validation split" in page.text and "2 validation images" in page.text


def test_a_dataset_is_shown_with_its_health_and_what_was_left_out(tmp_path, source, record, write_run, page_of):
    recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    folder = write_run(tmp_path / "a", record(recipe))
    left_out = (LeftOut(name="a.jpg", reason="no partner"), LeftOut(name="b.jpg", reason="no partner"))
    health = DataQuality(images=9, checked=6, misregistered=5, repeated=3)
    info = DatasetInfo(name="blocks", source="made by hand", splits={"test": 3}, left_out=left_out, health=health)
    write_json(folder / "config.json", ModelConfig(recipe=recipe, dataset=info, plugins={}))
    (folder / "model.safetensors").touch()
    page = page_of(tmp_path)
    for text in ("CC0", "6 train, 3 test", recipe.data.fingerprint[:12], "made by hand", "2 files: no partner"):
        assert text in page.text
    assert "5 of 6 checked pairs misregistered, 3 test images repeated in training" in page.text


def test_scores_under_another_protocol_stand_in_a_column_of_their_own(
    tmp_path, source, score, record, write_run, page_of
):
    for i, data_range in enumerate((1.0, 255.0)):
        recipe = compose(generator=f"resnet6:width={4 + i}", data=source, size=32, steps=2)
        protocol = {"data_range": data_range, "reads": ["visible"], "mode": ("eval", "train")[i]}
        write_run(tmp_path / str(i), record(recipe, scores=[score(protocol=protocol)]))
    page = page_of(tmp_path)
    assert "psnr [dB] (data_range=1.0)" in page.text and "psnr [dB] (data_range=255.0)" in page.text


def test_a_record_of_a_plugin_that_is_gone_is_shown_with_the_recorded_command(
    tmp_path, source, record, write_run, page_of
):
    recipe = compose(generator="resnet6:width=4", data=source, size=32, steps=2)
    gone = replace(recipe, generator=Part(name="gone/lostnet", config={"width": 3}))
    command = "zoo bench --gen lostnet:width=3,resnet6 --data blocks"
    write_run(tmp_path / "a", record(gone, command=command))
    page = page_of(tmp_path)
    assert "lostnet" in page.text and command in page.text


def test_the_command_is_narrowed_to_the_row_in_its_own_words(source, record):
    recipe = compose(recipe="pix2pix", data=source, size=32, steps=2)
    command = "zoo bench --recipe=cut,pix2pix --data scenes,blocks --size 32 --seeds 3 --out 'my results'"
    wanted = "zoo bench --recipe=pix2pix --data blocks --size 32 --seeds 3 --out 'my results'"
    assert row_command(record(recipe, command=command)) == wanted


@pytest.mark.parametrize(
    "command", ["", "make bench", "zoo bench 'unclosed", "zoo bench --table t --gen resnet6,unet_auto"]
)
def test_a_command_that_cannot_be_narrowed_is_given_as_recorded(source, command, record):
    recipe = compose(generator="resnet6", data=source, size=32, steps=2)
    assert row_command(record(recipe, command=command)) == command


def test_24_systems_are_drawn_differently():
    assert len({(style(i).color, style(i).dash) for i in range(24)}) == 24


def test_curves_are_in_the_pages_ink_and_long_ones_are_averaged_down():
    steps = np.arange(100_000.0)
    curve = Curve(steps=steps, values=1 + np.exp(-steps / 1e4), style=style(0))
    svg = curve_panel([curve], title="cycle_A", xlabel="step")
    assert "currentColor" in svg and style(0).color in svg and "#010203" not in svg
    assert 'aria-label="cycle_A' in svg and "<?xml" not in svg and "<g id" not in svg
    assert len(svg) < 40_000
