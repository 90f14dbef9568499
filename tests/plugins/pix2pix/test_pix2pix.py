"""pix2pix's losses and updates against the equations, written out again in float64 without zoo's losses or Adam."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from method_parts import SIZE, Penalty, PlainAdam, TinyParts
from torch import Tensor

import zoo
from zoo.build import build_method
from zoo.data.layout import read_info
from zoo.data.writer import DatasetWriter
from zoo.errors import RefusedError
from zoo.recipe import Budget
from zoo.training.step import TrainStep
from zoo_plugins.pix2pix import zoo_components
from zoo_plugins.pix2pix.config import Pix2PixConfig
from zoo_plugins.pix2pix.method import Pix2Pix

CLASSES = 3


@dataclass
class LabelledParts(TinyParts):
    """Parts of a dataset with three classes."""

    classes: tuple[str, ...] = ("sky", "road", "car")
    class_temperatures: tuple[float, ...] = (1.0, 2.0, 3.0)
    thermal_range: tuple[float, float] | None = (-10.0, 40.0)


def build(config: Pix2PixConfig, parts: LabelledParts) -> Pix2Pix:
    torch.manual_seed(0)
    method = Pix2Pix(config, parts)
    method.prepare_training(parts)
    return method.double()


def make_batch(seed: int, channels: int = 1) -> dict[str, Tensor]:
    stream = torch.Generator().manual_seed(seed)
    images = {"visible": (2, 3, SIZE, SIZE), "thermal": (2, channels, SIZE, SIZE)}
    batch = {name: torch.rand(shape, generator=stream, dtype=torch.float64) * 2 - 1 for name, shape in images.items()}
    return {**batch, "labels": torch.randint(CLASSES, (2, SIZE, SIZE), generator=stream)}


def adversarial(logits: Tensor, real: bool, kind: str) -> Tensor:
    if kind == "lsgan":
        return ((logits - (1.0 if real else 0.0)) ** 2).mean()
    probability = 1 / (1 + (-logits).exp())
    return -(probability if real else 1 - probability).log().mean()


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({}, LabelledParts()),
        ({"gan": "lsgan", "l1": 7.0}, LabelledParts(thermal_channels=3)),
        ({"lr": 0.01}, LabelledParts(reads=("visible", "labels"), normalizer=Penalty())),
    ],
)
def test_steps_are_those_of_the_equations(options: dict[str, Any], parts: LabelledParts) -> None:
    config = Pix2PixConfig(**options)
    method = build(config, parts)
    g, d = copy.deepcopy(method.G), copy.deepcopy(method.D)
    adam_g, adam_d = PlainAdam(g, lr=config.lr), PlainAdam(d, lr=config.lr)
    train_step = TrainStep(method, budget=Budget(steps=10, constant=1))
    for number in range(4):
        factor, batch = 1 - number / 10, make_batch(number, parts.thermal_channels)
        x, y = batch["visible"], batch["thermal"]
        if "labels" in parts.reads:
            masks = [(batch["labels"] == k).double() for k in range(CLASSES)]
            x = torch.cat([x, torch.stack(masks, 1)], 1)
        fake = g(x)
        real_logits, fake_logits = d(torch.cat([x, y], 1)), d(torch.cat([x, fake.detach()], 1))
        judged = (adversarial(real_logits, True, config.gan) + adversarial(fake_logits, False, config.gan)) / 2
        expected = {"discriminator/D": judged.item()}
        if isinstance(parts.normalizer, Penalty):
            penalty = 3 * (real_logits * fake_logits).mean() ** 2
            expected["discriminator/penalty"], judged = penalty.item(), judged + penalty
        adam_d.minimize(judged, factor)
        if isinstance(parts.normalizer, Penalty):
            for p in adam_d.weights:
                p.data.clamp_(-0.2, 0.2)
        fooled, l1 = adversarial(d(torch.cat([x, fake], 1)), True, config.gan), config.l1 * (fake - y).abs().mean()
        adam_g.minimize(fooled + l1, factor)
        expected |= {"generator/gan": fooled.item(), "generator/l1": l1.item()}
        train_step.step(batch, number)
        assert train_step.losses.read(number) == pytest.approx(expected, rel=1e-9)
    for plain, own in ((g, method.G), (d, method.D)):
        torch.testing.assert_close(dict(plain.state_dict()), dict(own.state_dict()), rtol=1e-8, atol=1e-10)


def test_the_defaults_are_the_papers() -> None:
    config = Pix2PixConfig()
    assert (config.gan, config.l1, config.lr, config.beta1, config.beta2) == ("log", 100, 2e-4, 0.5, 0.999)
    assert build(config, LabelledParts()).order == ("discriminator", "generator")


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_test_mode_is_the_option(mode: str) -> None:
    assert Pix2Pix(Pix2PixConfig(evaluation=mode), LabelledParts()).test_mode == mode


def test_a_translator_has_the_generator_alone() -> None:
    method = Pix2Pix(Pix2PixConfig(), LabelledParts(reads=("visible", "labels")))
    assert {name.split(".")[0] for name in method.state_dict()} == {"G"} == set(method.inference)
    batch = {**make_batch(0), "visible": make_batch(0)["visible"].float()}
    masks = torch.stack([(batch["labels"] == k).float() for k in range(CLASSES)], 1)
    assert torch.equal(method.translate(batch), method.G(torch.cat([batch["visible"], masks], 1)))


def test_the_config_survives_json() -> None:
    config = Pix2PixConfig(gan="lsgan", evaluation="eval")
    assert msgspec.json.decode(msgspec.json.encode(config), type=Pix2PixConfig) == config


def test_the_row_names_a_class_that_is_there() -> None:
    (row,) = zoo_components()
    assert (row.kind, row.name, row.target) == ("method", "pix2pix", f"{Pix2Pix.__module__}:{Pix2Pix.__name__}")


def test_the_papers_networks_come_with_it_and_train_at_any_size_in_batches_of_one(pairs) -> None:
    for size, downs in ((32, 5), (64, 6)):
        recipe = zoo.compose(
            method="pix2pix",
            generator="unet_auto:width=4",
            discriminator="patchgan:width=4",
            norm="none",
            data=str(pairs),
            size=size,
        )
        config = recipe.generator.config
        assert (config["norm"], config["dropout"], config["downs"]) == ("batch", True, downs)
        assert recipe.discriminator.config["norm"] == "batch"
        method = build_method(recipe, read_info(pairs), torch.Generator().manual_seed(0), training=True)
        train_step = TrainStep(method.train())
        images = torch.rand(1, 4, size, size) * 2 - 1
        train_step.step({"visible": images[:, :3], "thermal": images[:, 3:]}, 1.0)
        assert all(np.isfinite(value) for value in train_step.losses.read(1).values())
    assert zoo.compose(method="pix2pix", generator="unet_auto:norm=instance", data=str(pairs)).generator.config[
        "norm"
    ] == ("instance")


def test_unpaired_data_and_sizes_between_are_refused(tmp_path, pairs) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        writer.describe(name="apart")
        writer.add_visible("train", "v", np.zeros((8, 8, 3), np.uint8))
        writer.add_thermal("train", "t", np.zeros((8, 8), np.uint8))
        writer.add_visible("test", "v", np.zeros((8, 8, 3), np.uint8))
        writer.add_thermal("test", "t", np.zeros((8, 8), np.uint8))
    with pytest.raises(RefusedError, match="needs aligned pairs"):
        zoo.compose(method="pix2pix", generator="resnet9", data=str(tmp_path / "set"))
    with pytest.raises(RefusedError, match=r"multiples of 32 px, and 100 is not one\. Use `size`=96"):
        zoo.compose(method="pix2pix", generator="unet_auto", data=str(pairs), size=100)
