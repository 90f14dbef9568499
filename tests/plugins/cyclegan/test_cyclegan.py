"""CycleGAN's losses and updates against the equations, written out again in float64 without zoo's losses or Adam."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
import torch
from method_parts import SIZE, Penalty, PlainAdam, TinyParts, batches
from torch import Tensor, nn

from zoo.contracts import Normalizer
from zoo.recipe import Budget
from zoo.training.step import TrainStep
from zoo_plugins.cyclegan import zoo_components
from zoo_plugins.cyclegan.config import CycleGANConfig
from zoo_plugins.cyclegan.method import CycleGAN


def build(config: CycleGANConfig, parts: TinyParts | None = None) -> CycleGAN:
    torch.manual_seed(0)
    parts = parts or TinyParts()
    method = CycleGAN(config, parts)
    method.prepare_training(parts)
    return method.double()


class PlainCycleGAN:
    """The published training step, in the order of the published code."""

    def __init__(self, method: CycleGAN, config: CycleGANConfig, identity: float, normalizer: Normalizer) -> None:
        self.nets: dict[str, nn.Module] = {
            name: copy.deepcopy(getattr(method, name)) for name in ("G_A", "G_B", "D_A", "D_B")
        }
        self.config, self.identity, self.normalizer = config, identity, normalizer
        settings = {"lr": config.lr, "beta1": config.beta1, "beta2": config.beta2}
        self.adam_g = PlainAdam(self.nets["G_A"], self.nets["G_B"], **settings)
        self.adam_d = PlainAdam(self.nets["D_A"], self.nets["D_B"], **settings)
        self.draws = torch.Generator().manual_seed(1)
        self.pools: dict[str, list[Tensor]] = {"A": [], "B": []}

    def adversarial(self, logits: Tensor, real: bool) -> Tensor:
        if self.config.gan == "lsgan":
            return ((logits - (1.0 if real else 0.0)) ** 2).mean()
        probability = 1 / (1 + (-logits).exp())
        return -(probability if real else 1 - probability).log().mean()

    def pooled(self, side: str, images: Tensor) -> Tensor:
        if self.config.pool == 0:
            return images
        chances = torch.rand(len(images), generator=self.draws).tolist()
        places = torch.randint(self.config.pool, (len(images),), generator=self.draws).tolist()
        stored, out = self.pools[side], []
        for image, chance, place in zip(images, chances, places, strict=True):
            if len(stored) < self.config.pool:
                stored.append(image)
                out.append(image)
            elif chance > 0.5:
                out.append(stored[place])
                stored[place] = image
            else:
                out.append(image)
        return torch.stack(out)

    def step(self, batch: dict[str, Tensor], factor: float) -> dict[str, float]:
        a, b = batch["visible"], batch["thermal"]
        g_a, g_b, d_a, d_b = (self.nets[name] for name in ("G_A", "G_B", "D_A", "D_B"))
        fake_b, fake_a = g_a(a), g_b(b)
        terms = {
            "gan_A": self.adversarial(d_a(fake_b), True),
            "gan_B": self.adversarial(d_b(fake_a), True),
            "cycle_A": self.config.cycle * (g_b(fake_b) - a).abs().mean(),
            "cycle_B": self.config.cycle * (g_a(fake_a) - b).abs().mean(),
        }
        if self.identity:
            terms["identity_A"] = self.identity * (g_a(b) - b).abs().mean()
            terms["identity_B"] = self.identity * (g_b(a) - a).abs().mean()
        self.adam_g.minimize(sum(terms.values()), factor)
        seen = {f"generator/{name}": value.item() for name, value in terms.items()}
        for _ in range(self.config.discriminator_steps):
            shown_b, shown_a = self.pooled("A", fake_b.detach()), self.pooled("B", fake_a.detach())
            terms = {
                "D_A": (self.adversarial(d_a(b), True) + self.adversarial(d_a(shown_b), False)) / 2,
                "D_B": (self.adversarial(d_b(a), True) + self.adversarial(d_b(shown_a), False)) / 2,
            }
            if isinstance(self.normalizer, Penalty):
                terms["penalty_A"] = 3 * (d_a(b) * d_a(shown_b)).mean() ** 2
                terms["penalty_B"] = 3 * (d_b(a) * d_b(shown_a)).mean() ** 2
            self.adam_d.minimize(sum(terms.values()), factor)
            if isinstance(self.normalizer, Penalty):
                for p in self.adam_d.weights:
                    p.data.clamp_(-0.2, 0.2)
            for name, value in terms.items():
                key = f"discriminator/{name}"
                seen[key] = seen.get(key, 0.0) + value.item() / self.config.discriminator_steps
        return seen


@pytest.mark.parametrize(
    ("options", "thermal", "identity", "normalizer"),
    [
        ({}, 1, 0.0, Normalizer()),
        ({"pool": 3}, 3, 5.0, Normalizer()),
        ({"gan": "log", "pool": 0, "cycle": 4.0}, 3, 2.0, Normalizer()),
        ({"pool": 2, "identity": 0.1, "discriminator_steps": 3}, 3, 1.0, Normalizer()),
        ({"pool": 2, "identity": 0.0, "discriminator_steps": 2, "lr": 0.01}, 3, 0.0, Penalty()),
    ],
)
def test_steps_are_those_of_the_equations(
    options: dict[str, Any], thermal: int, identity: float, normalizer: Normalizer
) -> None:
    config = CycleGANConfig(**options)
    method = build(config, TinyParts(thermal_channels=thermal, normalizer=normalizer))
    plain = PlainCycleGAN(method, config, identity, normalizer)
    train_step = TrainStep(method, budget=Budget(steps=10, constant=1))
    for number, batch in enumerate(batches(5, thermal=thermal)):
        factor = 1 - number / 10
        expected = plain.step(batch, factor)
        train_step.step(batch, number)
        assert train_step.losses.read(number) == pytest.approx(expected, rel=1e-9)
    for name, net in plain.nets.items():
        torch.testing.assert_close(
            dict(net.state_dict()), dict(getattr(method, name).state_dict()), rtol=1e-8, atol=1e-10
        )


def test_discriminators_see_the_fakes_made_before_the_generators_update() -> None:
    method = build(CycleGANConfig(pool=0, lr=0.1))
    batch = batches(1)[0]
    before = method.G_A(batch["visible"]).detach()
    seen: list[Tensor] = []
    method.D_A.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    TrainStep(method).step(batch)
    generator_turn, real, fake = seen
    assert torch.equal(generator_turn, before)
    assert torch.equal(real, batch["thermal"])
    assert torch.equal(fake, before)
    assert not torch.equal(method.G_A(batch["visible"]), before)


@pytest.mark.parametrize(
    ("identity", "channels", "weight"), [(None, 1, 0.0), (None, 3, 5.0), (0.2, 3, 2.0), (0.0, 3, 0.0)]
)
def test_the_identity_weight_follows_the_channels_unless_it_is_named(identity, channels: int, weight: float) -> None:
    assert build(CycleGANConfig(identity=identity), TinyParts(thermal_channels=channels)).identity_weight == weight


def test_only_an_explicit_identity_loss_needs_equal_channels() -> None:
    assert CycleGANConfig(identity=0.5).contract().needs == {"equal_channels"}
    assert CycleGANConfig().contract().needs == frozenset()
    assert CycleGANConfig(identity=0.0).contract().needs == frozenset()


def test_a_translator_has_one_network_and_translates_to_thermal() -> None:
    torch.manual_seed(0)
    method = CycleGAN(CycleGANConfig(), TinyParts())
    assert {name.split(".")[0] for name in method.state_dict()} == {"G_A"} == set(method.inference)
    visible = torch.rand(2, 3, SIZE, SIZE)
    assert torch.equal(method.translate({"visible": visible}), method.G_A(visible))


def test_a_prepared_method_saves_its_networks_and_pools() -> None:
    names = {name.split(".")[0] for name in build(CycleGANConfig()).state_dict()}
    assert names == {"G_A", "G_B", "D_A", "D_B", "pool_A", "pool_B"}


def test_the_config_goes_to_json_and_back() -> None:
    config = CycleGANConfig(gan="log", identity=0.5, discriminator_steps=2)
    assert msgspec.json.decode(msgspec.json.encode(config), type=CycleGANConfig) == config


def test_the_row_names_a_class_that_is_there() -> None:
    (row,) = zoo_components()
    assert (row.kind, row.name, row.target) == ("method", "cyclegan", f"{CycleGAN.__module__}:{CycleGAN.__name__}")
    assert row.config.contract().uses == ("generator", "discriminator")
