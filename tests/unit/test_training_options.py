"""Changes to how a recipe is trained, from names and numbers to the recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import zoo
from zoo import TrainingOptions
from zoo.errors import RefusedError, UsageError
from zoo.keys import train_key
from zoo.sources import DataSource, open_source
from zoo.training_options import held_out


@pytest.fixture(scope="module")
def scenes() -> DataSource:
    return open_source("scenes:train=10,test=2", size=32)


def compose(source: DataSource, *, batch: int = 1, recipe: str = "pix2pix", **changes: object) -> zoo.Recipe:
    training = TrainingOptions(**changes)
    return zoo.compose(recipe=recipe, data=source, size=32, batch=batch, steps=200, training=training)


def test_a_rate_is_that_of_the_method(scenes: DataSource) -> None:
    assert compose(scenes, lr=1e-3).method.config["lr"] == 1e-3


def test_further_rates_keep_their_proportion(scenes: DataSource) -> None:
    recipe = compose(scenes, recipe="layergan", lr=1e-3)
    usual = compose(scenes, recipe="layergan").method.config
    ratio = usual["discriminator_lr"] / usual["lr"]
    assert recipe.method.config["discriminator_lr"] == pytest.approx(1e-3 * ratio)


def test_a_rate_that_follows_from_the_other_stays_so(scenes: DataSource) -> None:
    training = TrainingOptions(lr=1e-3)
    config = zoo.compose(recipe="infragan", data=scenes, size=64, steps=9, batch=1, training=training).method.config
    assert (config["lr"], config["discriminator_lr"]) == (1e-3, None)


def test_at_least_one_image_is_trained_on() -> None:
    assert [len(held_out(images, part)) for images, part in ((2, 0.9), (120, 0.999), (5, 0.01))] == [1, 119, 1]


@pytest.mark.parametrize(("keep", "message"), [("best:ms_ssim", "takes sizes in"), ("best:object_psnr", "reads boxes")])
def test_a_metric_that_cannot_score_the_images_is_refused_before_any_training(
    scenes: DataSource, keep: str, message: str
) -> None:
    with pytest.raises(RefusedError, match=message):
        compose(scenes, validate=0.2, keep=keep)


def test_what_is_fitted_has_no_rate_and_no_validation(scenes: DataSource) -> None:
    training = TrainingOptions(lr=1e-3, validate=0.1, accumulate=7)
    recipe = zoo.compose(method="mean_image", data=scenes, size=32, training=training)
    assert recipe == zoo.compose(method="mean_image", data=scenes, size=32)


def test_a_recipe_without_changes_has_the_key_that_it_had_before(scenes: DataSource) -> None:
    recipe = compose(scenes)
    assert (recipe.accumulate, recipe.validation) == (1, None)
    changed = [compose(scenes, batch=2), compose(scenes, batch=2, accumulate=2), compose(scenes, validate=0.2)]
    assert len({train_key(one) for one in [recipe, *changed]}) == 4


def test_held_out_images_count_neither_in_epochs_nor_for_a_batch(scenes: DataSource) -> None:
    training = TrainingOptions(validate=0.2)
    recipe = zoo.compose(recipe="pix2pix", data=scenes, size=32, epochs=3, training=training)
    assert recipe.budget.steps == 3 * (10 - len(held_out(10, 0.2))) == 24
    with pytest.raises(UsageError, match="10 training images, of which 2 are held out"):
        zoo.compose(recipe="pix2pix", data=scenes, size=32, batch=9, training=training)


def test_best_weights_are_those_of_the_metric_that_is_named(scenes: DataSource) -> None:
    validation = compose(scenes, validate="0.1", keep="best:ssim:border=valid").validation
    assert validation is not None
    assert (validation.keep, validation.metric.name, validation.every) == ("best", "metrics/ssim", 10)
    assert validation.metric.config["border"] == "valid"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validate": "test"}, "the test split cannot validate"),
        ({"validate": "val"}, "has no split 'val' to validate on"),
        ({"validate": 1.5}, "`validate` is 1.5"),
        ({"keep": "best"}, "has no validation split"),
        ({"keep": "first"}, "`keep` is 'first'"),
        ({"keep": "last:psnr"}, "`keep` is 'last:psnr'"),
        ({"validate": 0.1, "keep": "best:nothing"}, "no metric is named 'nothing'"),
        ({"validate": 0.1, "validate_every": 0}, "`validate_every` is 0; it must be 1 or more"),
        ({"validate": 0.1, "patience": 0}, "`patience` is 0; it must be 1 or more"),
        ({"validate": 0.1, "rescues": -1}, "`rescues` is -1; it must be 0 or more"),
        ({"validate": 0.0}, "`validate` is 0.0"),
        ({"lr": 0.0}, "`lr` is 0.0; it must be a number above 0"),
        ({"lr": float("inf")}, "`lr` is inf"),
        ({"lr": float("nan")}, "`lr` is nan"),
        ({"accumulate": 2}, "cannot be divided into `accumulate`=2 equal parts"),
        ({"accumulate": 0}, "`accumulate`"),
    ],
)
def test_a_wrong_change_is_refused(scenes: DataSource, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        compose(scenes, **changes)


def test_a_named_split_and_an_unpaired_set(scenes: DataSource, tmp_path: Path) -> None:
    split = replace(scenes, info=replace(scenes.info, splits={"train": 8, "validation": 2, "test": 2}))
    for changes in ({"validate": "validation"}, {"keep": "best"}, {"patience": 3}):
        validation = compose(split, **changes).validation
        assert validation is not None
        assert (validation.split, validation.part) == ("validation", 0.0)
    unpaired = replace(scenes, info=replace(scenes.info, pairs=False))
    with pytest.raises(RefusedError, match="is unpaired"):
        zoo.compose(recipe="cyclegan", data=unpaired, size=32, training=TrainingOptions(validate=0.1))
