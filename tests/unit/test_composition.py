"""compose(): what fits, what is refused and why, before a weight exists."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

import zoo
from zoo.data.entries import DatasetEntry
from zoo.data.writer import DatasetWriter
from zoo.errors import RefusedError, UsageError
from zoo.recipe import Budget, Recipe, as_part
from zoo.registry import get_registry
from zoo.sources import open_source
from zoo.training.schedule import lr_factor


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
        ({"generator": "unet_256", "size": 128}, "multiples of 256 px, and 128 is not one. Use `size`=256"),
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
    assert lr_factor(recipe.budget.steps - 1, recipe.budget) == pytest.approx(1 / 101)


@pytest.mark.parametrize(
    ("asked", "constant", "decay"),
    [
        ({"recipe": "fastcut"}, 150, 50),
        ({"method": "fastcut"}, 150, 50),
        ({"recipe": "cut"}, 200, 200),
        ({"method": "cut", "generator": "resnet6"}, 200, 200),
        ({"recipe": "cut:epochs=200"}, 100, 100),
        ({"recipe": "fastcut:epochs=120,decay_epochs=100"}, 20, 100),
        ({"recipe": "fastcut:decay_epochs=0"}, 200, 0),
        ({"recipe": "cyclegan"}, 100, 100),
        ({"recipe": "pix2pix"}, 100, 100),
        ({"recipe": "gn_cyclegan"}, 100, 100),
        ({"method": "cyclegan", "epochs": 7}, 4, 3),
        ({"method": "fastcut", "epochs": 40}, 30, 10),
    ],
)
def test_the_paper_preset_has_the_epochs_of_the_methods_source(pairs, asked, constant, decay):
    budget = zoo.compose(preset="paper", data=str(pairs), **asked).budget
    assert budget == Budget(steps=(constant + decay) * 6, constant=constant * 6, period=6)


def test_fastcuts_learning_rate_is_its_sources_in_every_epoch(pairs):
    budget = zoo.compose(recipe="fastcut", preset="paper", data=str(pairs)).budget
    # lambda_rule with n_epochs=150, n_epochs_decay=50, called after each epoch with the number of those done.
    expected = [1.0 - max(0, done + 1 - 150) / 51 for done in range(200)]
    assert [lr_factor(6 * done, budget) for done in range(200)] == pytest.approx(expected, abs=1e-15)


def test_the_quick_preset_is_narrow_unless_the_user_sets_a_size_or_a_length(pairs):
    def widths(**options):
        recipe = zoo.compose(generator="resnet9_cbam", discriminator="patchgan_gn", data=str(pairs), **options)
        return recipe.generator.config["width"], recipe.discriminator.config["width"], recipe.method.config["lr"]

    assert widths() == (16, 16, 5e-4)
    assert widths(steps=400) == widths(size=64) == widths(epochs=2) == widths(preset="paper") == (64, 64, 2e-4)
    named = zoo.compose(generator="resnet9:width=8", method="cyclegan:lr=0.1", data=str(pairs))
    assert (named.generator.config["width"], named.method.config["lr"]) == (8, 0.1)


def test_the_quick_preset_keeps_the_proportion(pairs):
    budgets = {name: zoo.compose(method=name, data=str(pairs)).budget for name in ("cyclegan", "cut", "fastcut")}
    assert {name: (budget.constant, budget.steps) for name, budget in budgets.items()} == {
        "cyclegan": (300, 600),
        "cut": (300, 600),
        "fastcut": (450, 600),
    }


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("fastcut:epochs=0", "epochs is 0"),
        ("fastcut:epochs=-5", "epochs is -5"),
        ("fastcut:epochs=20,decay_epochs=30", "20 epochs, and its option decay_epochs is 30"),
        ("cut:decay_epochs=-1", "decay_epochs is -1"),
    ],
)
def test_epochs_that_make_no_sense_are_refused(pairs, asked, told):
    with pytest.raises(UsageError, match=told):
        zoo.compose(recipe=asked, preset="paper", data=str(pairs))


def test_images_are_augmented_as_in_the_methods_source():
    def augmentation(**asked):
        recipe = zoo.compose(data="scenes:train=1,test=1", **asked)
        return recipe.load_size, recipe.flip, recipe.decay_crop

    assert augmentation(recipe="thermalgan", preset="paper") == (542, False, True)
    assert augmentation(recipe="cyclegan", preset="paper") == (286, True, True)
    assert augmentation(recipe="cut", preset="paper") == (286, True, False)
    assert augmentation(method="fastcut") == (72, True, False)


def test_cut_and_fastcut_have_their_sources_antialiased_networks(pairs):
    for name in ("cut", "fastcut"):
        recipe = zoo.compose(recipe=name, data=str(pairs))
        assert recipe.generator.config["antialias"] and recipe.discriminator.config["antialias"]


def test_unpaired_data_is_fine_for_cyclegan(tmp_path):
    import numpy as np

    image = np.zeros((32, 32, 3), np.uint8)
    with DatasetWriter(tmp_path / "unpaired") as writer:
        writer.describe(name="unpaired")
        for split in ("train", "test"):
            writer.add_visible(split, "a", image)
            writer.add_thermal(split, "b", image[..., 0])
    assert zoo.compose(data=str(tmp_path / "unpaired")).data.name == "unpaired"


@pytest.mark.parametrize(
    ("parts", "reason", "fix"),
    [
        (
            {"method": "flow", "generator": "resnet9"},
            "method flow passes a time to the generator, and generator resnet9 takes none",
            "Run zoo list generator --offers time",
        ),
        ({"method": "bbdm", "generator": "unet_auto"}, "generator unet_auto takes none", "--offers time"),
        (
            {"method": "regression", "generator": "adm_unet_tiny"},
            "generator adm_unet_tiny takes time besides images, which method regression does not pass",
            "a method that passes time, such as flow or bbdm",
        ),
        ({"method": "cyclegan", "generator": "adm_unet_tiny"}, "which method cyclegan does not pass", "such as flow"),
        ({"method": "cut", "generator": "adm_unet_tiny"}, "which method cut does not pass", "such as flow"),
    ],
)
def test_a_generator_with_a_time_fits_only_methods_that_pass_one(pairs, parts, reason, fix):
    with pytest.raises(RefusedError) as caught:
        zoo.compose(data=str(pairs), **parts)
    assert reason in caught.value.message and fix in caught.value.fix


def test_a_generator_with_a_time_fits_a_method_that_passes_it(pairs):
    recipe = zoo.compose(method="flow", generator="adm_unet_tiny", data=str(pairs))
    assert recipe.generator.name == "adm/adm_unet_tiny" and recipe.reads() == ("visible",)


def test_an_entry_of_the_data_is_no_input_of_a_generator(tmp_path):
    root = tmp_path / "timed"
    grey = np.zeros((64, 64), np.uint8)
    with DatasetWriter(root) as writer:
        writer.describe(name="timed", entries=(DatasetEntry(name="time", kind="scalar"),))
        for split in ("train", "test"):
            writer.add(split, split, visible=grey[..., None].repeat(3, 2), thermal=grey, entries={"time": 0.5})
    assert "time" in open_source(str(root), size=64).offers
    with pytest.raises(RefusedError, match="generator resnet9 takes none"):
        zoo.compose(method="flow", generator="resnet9", data=str(root))


def test_preset_quick_takes_the_network_and_the_batch_that_a_recipe_states_for_it():
    scenes = open_source("scenes", size=64)  # at the paper's size they take half a minute to render
    quick, paper = (zoo.compose(recipe="flow", preset=preset, data=scenes) for preset in ("quick", "paper"))
    assert (quick.generator.name, quick.batch, quick.size) == ("adm/adm_unet_tiny", 4, 64)
    assert (paper.generator.name, paper.batch, paper.size) == ("adm/adm_unet", 16, 256)
    assert paper.budget.constant == paper.budget.steps and paper.budget.steps == 200 * (120 // 16)
    assert zoo.compose(recipe="flow", batch=2).batch == 2
    named = zoo.compose(recipe="flow:generator=adm_unet_small,batch=3", preset="quick")
    assert (named.generator.name, named.batch) == ("adm/adm_unet_small", 3)
    assert named.method.config["warmup"] == 10
    bridge = zoo.compose(recipe="bbdm", preset="paper", data=scenes)
    assert tuple(bridge.generator.config["mult"]) == (1, 4, 8) and not bridge.flip and bridge.load_size == 256


def test_a_default_that_is_not_of_its_fields_type_is_refused_before_any_training():
    choice = get_registry().find("generator", "resnet6")
    broken = replace(choice, config=replace(choice.config, width="16"))
    found = r"generator resnet/resnet6 of thermal-zoo \S+: Expected `int`, got `str` for the default of option `width`"
    with pytest.raises(UsageError, match=found):
        as_part(broken)


@pytest.mark.parametrize("number", ["x", 2.5, 0])
def test_numbers_that_are_no_whole_ones_are_refused(pairs, number):
    with pytest.raises(UsageError, match=r"`steps` is .*; it must be (a whole number, )?1 or more"):
        zoo.compose(data=str(pairs), size=32, steps=number)


def test_options_of_the_training_that_are_none_are_refused():
    with pytest.raises(UsageError, match=r"Use zoo\.TrainingOptions"):
        zoo.compose(method="regression", training={"lr": 1})
