"""Runs of a grid: their keys, which old records must keep, and how many processes train them."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
import pytest

from zoo.composition import compose
from zoo.environment import provenance
from zoo.errors import RefusedError, UsageError
from zoo.keys import key_of, train_key
from zoo.recipe import Recipe
from zoo.run.grid import Axes, choose_metrics, expand
from zoo.sources import open_source


def test_every_seed_is_the_recipe_that_would_be_composed_for_it(pairs):
    runs, _ = expand(Axes(generators=("resnet6", "resnet9"), data=(str(pairs),), size=32, seeds=3), Path("out"))
    assert [run.recipe.seed for run in runs] == [0, 1, 2] * 2
    source = open_source(str(pairs), size=32)
    for run, name in zip(runs, ["resnet6"] * 3 + ["resnet9"] * 3, strict=True):
        composed: Recipe = compose(generator=name, data=source, size=32, seed=run.recipe.seed)
        assert run.recipe == composed and run.train_key == train_key(composed)


def test_the_number_of_processes_is_in_the_key_and_one_changes_no_key(pairs):
    axes = {"data": (str(pairs),), "size": 32, "batch": 2}
    ((alone,), _) = expand(Axes(**axes), Path("out"))
    ((many,), _) = expand(Axes(**axes, processes=2), Path("out"))
    assert alone.train_key != many.train_key and alone.folder != many.folder
    assert (alone.processes, many.processes, alone.recipe) == (1, 2, many.recipe)
    assert alone.train_key == key_of(asdict(alone.recipe), provenance(alone.recipe))


@pytest.mark.parametrize("method", ["cyclegan", "pix2pix", "cut", "thermalgan"])
def test_fields_that_recipes_once_did_not_have_are_in_the_key_only_where_they_change_the_training(method):
    recipe = compose(method=method, generator="unet_auto", data="scenes")
    older = {name: value for name, value in asdict(recipe).items() if name not in ("flip", "decay_crop")}
    plugins = provenance(recipe)
    assert (key_of(older, plugins) == train_key(recipe)) == (method in ("cyclegan", "pix2pix"))


def test_a_recipe_of_an_older_record_reads_as_it_was_trained():
    recipe = compose(data="scenes")
    older = {name: value for name, value in asdict(recipe).items() if name not in ("flip", "decay_crop")}
    assert msgspec.convert(older, Recipe) == recipe


def test_a_batch_must_be_divisible_by_the_processes(pairs):
    with pytest.raises(UsageError, match="a batch of 3 cannot be divided equally among 2 processes"):
        expand(Axes(data=(str(pairs),), size=32, batch=3, processes=2), Path("out"))


def _methods(runs):
    return [run.recipe.method.name.rpartition("/")[2] for run in runs]


def test_recipes_run_beside_the_combinations_of_the_parts_that_are_named(pairs):
    axes = {"data": (str(pairs),), "size": 64, "recipes": ("pix2pix",)}
    runs, refusals = expand(Axes(**axes, methods=("cyclegan", "mean_image"), generators=("resnet6",)), Path("out"))
    assert (_methods(runs), refusals) == (["pix2pix", "cyclegan", "mean_image"], [])
    assert runs[1].recipe.generator.name == "resnet/resnet6" and runs[2].recipe.generator is None
    assert _methods(expand(Axes(**axes), Path("out"))[0]) == ["pix2pix"]


BASELINES = ["grey_copy", "histogram_matching", "inverted_grey", "mean_image", "pixel_regression"]


def test_null_baselines_run_once_beside_networks_and_at_their_size(pairs):
    axes = {"data": (str(pairs),), "size": 64, "seeds": 2, "baselines": True}
    runs, _ = expand(Axes(**axes, methods=("cyclegan", "mean_image")), Path("out"))
    assert sorted(_methods(runs)) == sorted(["cyclegan"] * 2 + [*BASELINES, "mean_image"])  # both seeds that were named
    assert {run.recipe.size for run in runs} == {64}
    assert _methods(expand(Axes(**axes, methods=("grey_copy",)), Path("out"))[0]) == ["grey_copy"] * 2
    runs, refusals = expand(Axes(**axes, generators=("unet_256",)), Path("out"))
    assert (runs, len(refusals)) == ([], 1)  # nothing to stand beside


def test_a_baseline_that_reads_labels_runs_only_beside_networks_that_do():
    axes = {"data": ("scenes:train=4,test=2",), "size": 64, "baselines": True}
    assert "object_means" not in _methods(expand(Axes(**axes, recipes=("pix2pix",)), Path("out"))[0])
    runs, _ = expand(Axes(**axes, recipes=("layergan",)), Path("out"))
    assert _methods(runs)[0] == "layergan" and set(_methods(runs)) >= {"object_means", "mean_image"}


def test_null_baselines_run_only_beside_networks_that_the_test_data_suit(pairs):
    """They stand beside a network; their own refusals are nobody's request."""
    axes = Axes(data=("scenes:train=4,test=2", str(pairs)), tests=(str(pairs),), size=64, baselines=True)
    runs, refusals = expand(replace(axes, recipes=("layergan",)), Path("out"))
    assert runs == [] and {refusal.label.partition(" ")[0] for refusal in refusals} == {"layergan"}
    assert "reads labels, thermal_segmentation, and dataset blocks has none" in refusals[0].reason
    runs, refusals = expand(replace(axes, recipes=("layergan", "pix2pix")), Path("out"))
    assert sorted(_methods(runs)) == sorted(["pix2pix", *BASELINES] * 2) and len(refusals) == 2
    assert all(run.tests for run in runs) and _methods(runs)[:2] == ["pix2pix"] * 2


def test_what_has_no_network_is_fitted_by_one_process(pairs):
    ((run,), _) = expand(Axes(methods=("mean_image",), data=(str(pairs),), size=32, processes=4), Path("out"))
    assert run.processes == 1


def _advised(generators: tuple[str, ...], metrics: tuple[str, ...], data: str, size: int) -> int | None:
    """Return the size that a bench of this size is advised to use, or None where nothing is refused."""
    axes = Axes(
        methods=("pix2pix",), generators=generators, discriminators=("patchgan:width=8",), data=(data,), size=size
    )
    runs, refusals = expand(axes, Path("out"), metrics=metrics)
    reasons = [refusal.reason for refusal in refusals]
    if not reasons:
        try:
            choose_metrics(metrics, runs)
        except RefusedError as error:
            reasons = [str(error)]
    sizes = {int(number) for reason in reasons for number in re.findall(r"`size`=(\d+)", reason)}
    assert len(sizes) == bool(reasons)
    return sizes.pop() if sizes else None


@pytest.mark.parametrize("size", [1, 30, 64, 160, 161, 162, 200, 1000])
@pytest.mark.parametrize(
    ("generators", "multiple"), [(("resnet6",), 4), (("unet_128",), 128), (("resnet6", "unet_128"), 128)]
)
@pytest.mark.parametrize(
    ("metrics", "least"), [(("ms_ssim",), 161), (("ms_ssim:scales=3", "psnr"), 41), (("psnr",), 1)]
)
def test_the_size_that_is_advised_suits_every_part_and_metric(
    pairs, size: int, generators: tuple[str, ...], multiple: int, metrics: tuple[str, ...], least: int
) -> None:
    advised = _advised(generators, metrics, str(pairs), size)
    least = max(least, 24)  # patchgan's
    if advised is None:
        assert size % multiple == 0 and size >= least
        return
    suits = [each for each in range(1, 4000) if each % multiple == 0 and each >= least]
    assert abs(advised - size) == min(abs(each - size) for each in suits)
    assert _advised(generators, metrics, str(pairs), advised) is None


def test_the_advice_names_the_parts_that_refuse_a_nearer_size(pairs):
    _, (refusal,) = expand(Axes(generators=("resnet6",), data=(str(pairs),), size=7), Path("out"), metrics=("ssim",))
    assert refusal.reason.endswith("Use `size`=24: discriminator patchgan and metric ssim do not take 8")


def test_a_key_names_the_content_of_files_and_the_source_of_plugins_but_only_where_there_are_any():
    recipe = {"generator": {"name": "p/n", "config": {"weights": "a.pth"}}, "seed": 0}
    plain = key_of(recipe, {})
    assert key_of(recipe, {}, files={}) == plain
    one = key_of(recipe, {}, files={"generator.weights": "1" * 64})
    elsewhere = {**recipe, "generator": {"name": "p/n", "config": {"weights": "b.pth"}}}
    assert one != plain and one == key_of(elsewhere, {}, files={"generator.weights": "1" * 64})
    assert one != key_of(recipe, {}, files={"generator.weights": "2" * 64})
    assert key_of(recipe, {"generator": {"source": "x"}}) != key_of(recipe, {"generator": {}})


def test_what_trains_anew_after_an_edit_says_so_in_a_line(pairs, tmp_path, finished):
    from zoo.records.code_changes import retrained
    from zoo.records.record import read_record, write_json

    axes = Axes(generators=("resnet6:width=4,blocks=1",), data=(str(pairs),), size=32, steps=4)
    ((run,), _) = expand(axes, tmp_path)
    assert retrained([run]) == []
    made = finished(tmp_path / "made", str(pairs), generator="resnet6:width=4,blocks=1", steps=4)
    record = read_record(made)
    for number, (key, value, told) in enumerate(
        [
            ("source", "0" * 16, "the source of generator resnet/resnet6 changed under version"),
            ("version", "0.0.1", "0.0.1"),
        ]
    ):
        origin = {**record.plugins["generator"], key: value}
        edited = replace(record, plugins={**record.plugins, "generator": origin})
        name = f"{run.folder.name.rpartition('-')[0]}-{number:08x}"
        write_json(tmp_path / name / "record.json", edited)
        (line,) = retrained([run])
        assert told in line and "1 run is trained again" in line
        (tmp_path / name / "record.json").unlink()
