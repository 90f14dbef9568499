"""compose(): what fits, what is refused and why, before a weight exists."""

from __future__ import annotations

import msgspec
import pytest

import zoo
from zoo.data.writer import DatasetWriter
from zoo.errors import RefusedError, UsageError
from zoo.recipe import Budget, Recipe
from zoo.train.schedule import factor


def test_a_recipe_spells_out_every_option_and_survives_json(pairs):
    recipe = zoo.compose(generator="resnet9_cbam", discriminator="patchgan_gn", data=str(pairs))
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe) == recipe
    assert recipe.generator.name == "cbam/resnet9_cbam"
    assert recipe.generator.config["blocks"] == 9
    assert recipe.normalizer.name == "normalizers/gn"
    assert (recipe.size, recipe.load_size, recipe.data.name) == (64, 72, "blocks")
    assert len(recipe.data.fingerprint) == 64


def test_the_patch_network_has_no_norm_under_gn_unless_asked(pairs):
    norm = lambda spec: zoo.compose(discriminator=spec, data=str(pairs)).discriminator.config["norm"]  # noqa: E731
    assert norm("patchgan") == "instance"
    assert norm("patchgan_gn") == "none"
    assert norm("patchgan_gn:norm=instance") == "instance"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"generator": "unet_256", "size": 128}, "multiples of 256 px, and 128 is not one. Use --size 256"),
        ({"generator": "resnet9", "size": 66}, "multiples of 4 px"),
        ({"discriminator": "patchgan_gn:norm=batch"}, "mixes the samples of a batch"),
        ({"method": "cyclegan:identity=0.5"}, "they have 3 and 1 channels"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(pairs, asked, reason):
    with pytest.raises(RefusedError) as caught:
        zoo.compose(data=str(pairs), **asked)
    assert reason in str(caught.value)


def test_identity_is_fine_with_three_thermal_channels(pairs):
    recipe = zoo.compose(method="cyclegan:identity=0.5", thermal_channels=3, data=str(pairs))
    assert recipe.method.config["identity"] == 0.5


@pytest.mark.parametrize(
    "asked",
    [
        {"preset": "fast"},
        {"steps": 5, "epochs": 5},
        {"steps": 0},
        {"size": -64},
        {"batch": 0},
        {"thermal_channels": 2},
        {"data": "no/such/folder"},
        {"data": "roadscene"},
        {"generator": "resnt9"},
    ],
)
def test_wrong_requests(pairs, asked):
    with pytest.raises(UsageError):
        zoo.compose(**({"data": str(pairs)} | asked))


def test_the_paper_preset_decays_over_its_second_hundred_epochs(pairs):
    recipe = zoo.compose(preset="paper", data=str(pairs))
    assert recipe.size == 256 and recipe.load_size == 286
    assert recipe.budget == Budget(steps=200 * 6, constant=100 * 6, period=6)
    assert factor(recipe.budget.steps - 1, recipe.budget) == pytest.approx(1 / 101)


def test_unpaired_data_is_fine_for_cyclegan(tmp_path):
    import numpy as np

    image = np.zeros((32, 32, 3), np.uint8)
    with DatasetWriter(tmp_path / "unpaired") as writer:
        writer.describe(name="unpaired")
        for split in ("train", "test"):
            writer.add_visible(split, "a", image)
            writer.add_thermal(split, "b", image[..., 0])
    assert zoo.compose(data=str(tmp_path / "unpaired")).data.name == "unpaired"
