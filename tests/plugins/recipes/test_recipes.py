"""Every recipe of the papers composes, trains a step and translates; what cannot work is refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from zoo.build import build_method
from zoo.data.store import PairStore
from zoo.data.writer import DatasetWriter
from zoo.errors import RefusedError
from zoo.sources import DataSource, open_source
from zoo.training.seeds import seed_everything
from zoo.training.step import TrainStep

RECIPES = [
    "gn_cyclegan", "cbam_cyclegan", "cyclegan", "cut", "fastcut", "infragan", "pix2pix", "pix2pixhd", "regression",
    "thermalgan", "layergan", "layergan_reduced", "ugatit",
    "flow", "bbdm",
]  # fmt: skip
SIZE = 32


@pytest.fixture(scope="module")
def scenes() -> DataSource:
    return open_source("scenes:train=4,test=2", size=SIZE)


@pytest.fixture(scope="module")
def unpaired(tmp_path_factory) -> str:
    root = tmp_path_factory.mktemp("data") / "unpaired"
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    with DatasetWriter(root) as writer:
        writer.describe(name="unpaired")
        for split in ("train", "test"):
            writer.add_visible(split, "a", image)
            writer.add_thermal(split, "b", image[..., 0])
    return str(root)


def test_these_are_all_recipes():
    assert sorted(RECIPES) == sorted(zoo.list_components("recipe"))


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_trains_a_step_and_translates(name, scenes):

    recipe = zoo.compose(recipe=name, data=scenes, size=SIZE)
    device = torch.device("cpu")
    rng = seed_everything(0, device)
    method = build_method(recipe, scenes.info, rng, training=True).train()
    train_step = TrainStep(method)
    store = PairStore.open(scenes.root, "train", size=SIZE, device=device)
    batch = store.whole(torch.tensor([0]))
    before = {key: value.clone() for key, value in method.state_dict().items()}
    train_step.step(batch)
    losses = train_step.losses.read(1)
    assert losses and {key.partition("/")[0] for key in losses} == set(method.order)
    changed = [key for key, value in method.state_dict().items() if not torch.equal(value, before[key])]
    assert {key.partition(".")[0] for key in changed} >= {key.partition(".")[0] for key in method.inference}
    method.train(method.test_mode == "train")
    with torch.no_grad():
        thermal = method.translate(store.whole(torch.tensor([1])))
    assert thermal.shape == (1, 1, SIZE, SIZE)
    assert thermal.abs().max() <= 1


def test_layergan_is_narrow_in_preset_quick_and_the_papers_otherwise(scenes):
    assert zoo.compose(recipe="layergan", data=scenes, size=SIZE).method.config["max_channels"] == 64
    paper = zoo.compose(recipe="layergan", data=scenes, preset="paper", size=SIZE)
    assert paper.method.config["max_channels"] == 512
    assert zoo.compose(recipe="thermalgan", data=scenes, preset="paper").generator.config["downs"] == 9
    assert zoo.compose(recipe="pix2pix", data=scenes, preset="paper").generator.config["downs"] == 8


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"recipe": "layergan"}, "needs"),
        ({"recipe": "pix2pix"}, "needs aligned pairs, and dataset unpaired is unpaired"),
        ({"method": "pixel_regression"}, "needs aligned pairs"),
        ({"discriminator": "patchgan_gn:norm=batch"}, "mixes the samples of a batch"),
        ({"discriminator": "stylegan2_gn:minibatch_std=true"}, "mixes the samples of a batch"),
        ({"method": "cyclegan:identity=0.5"}, "they have 3 and 1 channels"),
        ({"generator": "unet_256"}, "multiples of 256 px"),
    ],
)
def test_refusals_name_the_reason(asked, reason, unpaired):
    with pytest.raises(RefusedError) as caught:
        zoo.compose(data=unpaired, size=SIZE, **asked)
    assert reason in str(caught.value)


def test_layergan_on_pairs_without_labels_is_refused(pairs):
    with pytest.raises(RefusedError, match="needs class labels, and dataset blocks has none"):
        zoo.compose(recipe="layergan", data=str(pairs), size=SIZE)


def test_cut_with_a_generator_without_taps_is_refused(pairs, monkeypatch):
    from dataclasses import replace

    from zoo import registry
    from zoo.hookspec import Contract
    from zoo.plugins import Plugin
    from zoo.rows import Rows

    resnet = registry.get_registry().find("generator", "resnet6").component

    class Tapless(type(resnet.config)):
        def contract(self) -> Contract:
            return Contract(size_multiple=4)

    row = replace(resnet, name="tapless", config=Tapless(), contract=Contract(size_multiple=4))
    other = Plugin(name="other", distribution="other", version="1", module="other", rows=Rows(components=(row,)))
    patched = registry.Registry([*registry.get_registry().plugins, other])
    monkeypatch.setattr("zoo.composition.get_registry", lambda: patched)
    with pytest.raises(RefusedError, match=r"method cut compares features .* and generator tapless offers no taps"):
        zoo.compose(method="cut", generator="tapless", data=str(pairs), size=SIZE)
