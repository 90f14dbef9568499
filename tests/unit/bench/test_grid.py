"""Cells of a grid: their keys, which old records must keep, and how many processes train them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import msgspec
import pytest

from zoo.bench.environment import provenance
from zoo.bench.grid import Axes, expand, key_of, train_key
from zoo.composition import compose
from zoo.errors import UsageError
from zoo.recipe import Recipe
from zoo.sources import open_source


def test_every_seed_is_the_recipe_that_would_be_composed_for_it(pairs):
    cells, _ = expand(Axes(generators=("resnet6", "resnet9"), data=(str(pairs),), size=32, seeds=3), Path("out"))
    assert [cell.recipe.seed for cell in cells] == [0, 1, 2] * 2
    source = open_source(str(pairs), size=32)
    for cell, name in zip(cells, ["resnet6"] * 3 + ["resnet9"] * 3, strict=True):
        composed: Recipe = compose(generator=name, data=source, size=32, seed=cell.recipe.seed)
        assert cell.recipe == composed and cell.train_key == train_key(composed)


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


def test_what_has_no_network_is_fitted_by_one_process(pairs):
    ((cell,), _) = expand(Axes(methods=("mean_image",), data=(str(pairs),), size=32, processes=4), Path("out"))
    assert cell.processes == 1
