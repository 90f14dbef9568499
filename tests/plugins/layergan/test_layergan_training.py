"""LayerGAN's losses against the equations written out again, and which weights they train."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.contracts import Normalizer
from zoo.training.step import TrainStep
from zoo_plugins.layergan.config import LayerGANConfig

from .conftest import LayerParts, build, make_batch, options, untrained


class Penalty(Normalizer):
    """A penalty that is easy to write down, of real and fake images alike."""

    def penalty(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        return 3 * discriminator(0.5 * (real + fake)).square().mean()


def test_losses_equal_the_papers_equations() -> None:
    config = options(lambda_l1=7.0, lambda_adv=0.5)
    method = build(config, LayerParts(normalizer=Penalty())).double()
    batch = {name: value if name == "labels" else value.double() for name, value in make_batch().items()}
    state = method(batch)
    shown = {0: [0, 1], 1: [0, 1], 2: [0]}  # images that show each class; nobody shows the bus
    adversarial, critic, penalty = [], [], []
    for layer, images in shown.items():
        mask = (batch["labels"][images] == layer)[:, None]
        fake, real = state["fakes"][images, layer], mask * batch["thermal"][images]
        discriminator = method.discriminators[layer]
        adversarial.append(-discriminator(fake).mean())
        critic.append(discriminator(fake).mean() - discriminator(real).mean())
        penalty.append(3 * discriminator(0.5 * (real + fake)).square().mean())
    ours = method.losses("generator", state)
    torch.testing.assert_close(ours["l1"], 7 * (state["image"] - batch["thermal"]).abs().mean())
    torch.testing.assert_close(ours["adversarial"], 0.5 * sum(adversarial, torch.zeros(())))
    ours = method.losses("discriminator", state)
    torch.testing.assert_close(ours["D"], sum(critic, torch.zeros(())))
    torch.testing.assert_close(ours["penalty"], sum(penalty, torch.zeros(())))


@pytest.mark.parametrize(
    ("gan", "judged", "fooled"),
    [
        ("lsgan", lambda r, f: ((r - 1) ** 2).mean() + (f**2).mean(), lambda f: ((f - 1) ** 2).mean()),
        (
            "log",
            lambda r, f: -r.sigmoid().log().mean() - (1 - f.sigmoid()).log().mean(),
            lambda f: -f.sigmoid().log().mean(),
        ),
    ],
)
def test_other_adversarial_losses_are_the_published_ones(
    gan: str, judged: Callable[[Tensor, Tensor], Tensor], fooled: Callable[[Tensor], Tensor]
) -> None:
    method, batch = build(options(gan=gan, layered=False)), make_batch()
    state = method(batch)
    real, fake = method.discriminators[0](batch["thermal"]), method.discriminators[0](state["image"])
    torch.testing.assert_close(method.losses("discriminator", state)["D"], judged(real, fake))
    torch.testing.assert_close(method.losses("generator", state)["adversarial"], fooled(fake))


def test_an_absent_class_gets_no_gradient() -> None:
    method = build(options(), LayerParts(normalizer=Penalty()))
    state = method(make_batch())
    for name in method.order:
        method.zero_grad()
        sum(method.losses(name, state).values(), torch.zeros(())).backward(retain_graph=True)
        for modules in (method.generator.trunks, method.generator.heads, method.discriminators):
            assert largest_gradient(modules[3]) == 0
        active = (
            [method.discriminators] if name == "discriminator" else [method.generator.trunks, method.generator.heads]
        )
        assert all(largest_gradient(modules[layer]) > 0 for modules in active for layer in range(3))


@pytest.mark.parametrize(
    "config",
    [
        options(),
        options(layered=False, encoder_norm="batch"),
        options(share_trunk=True, conditional=True, target="relative", temperature="image"),
    ],
)
def test_a_few_steps_train_every_weight_and_lower_the_l1_distance(config: LayerGANConfig) -> None:
    method = untrained(config, LayerParts(classes=("road", "car", "person"), class_temperatures=(10.0,) * 3))
    train_step, batch = TrainStep(method), make_batch()
    before = {name: value.clone() for name, value in method.named_parameters()}
    distances = []
    for _ in range(6):
        train_step.step(batch)
        with torch.no_grad():
            distances.append(float(F.l1_loss(method(batch)["image"], method(batch)["target"])))
    still = [name for name, value in method.named_parameters() if torch.equal(value, before[name])]
    assert still == []
    assert distances[-1] < distances[0]


def test_an_unfinished_training_of_the_first_release_resumes_under_the_new_names() -> None:
    batch = make_batch()
    ours, resumed = (TrainStep(untrained(options())) for _ in range(2))
    ours.step(batch)
    saved = {name: tensor.clone() for name, tensor in ours.tensors().items()}
    former = {
        name.replace(".discriminators.", ".judges.").replace("optimizer.", "adam."): tensor
        for name, tensor in saved.items()
    }
    assert {"method.judges", "adam.discriminator.judges"} <= {
        name.split(".0.")[0] for name in former.keys() - saved.keys()
    }
    resumed.restore(former, ours.losses.counts)
    for train_step in (ours, resumed):
        train_step.step(batch)
    assert ours.tensors().keys() == resumed.tensors().keys()
    assert all(torch.equal(tensor, resumed.tensors()[name]) for name, tensor in ours.tensors().items())


def largest_gradient(module: nn.Module) -> float:
    found = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    return max((float(gradient.abs().max()) for gradient in found), default=0.0)
