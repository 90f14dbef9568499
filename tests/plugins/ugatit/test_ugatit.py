"""U-GAT-IT: published parameter counts and map sizes, AdaLIN against both limits, attention and losses against equations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import zoo
from zoo.build import build
from zoo.contracts import OptimizerSpec
from zoo.errors import UsageError
from zoo.registry import get_registry
from zoo.testing.stubs import SmallDiscriminator, SmallGenerator
from zoo.training.step import TrainStep
from zoo_plugins.ugatit.blocks import CamAttention, LayerInstanceNorm, LearnedNorm
from zoo_plugins.ugatit.config import UGATITConfig
from zoo_plugins.ugatit.method import UGATIT

SIZE = 32


class Parts:
    """Small networks as a recipe would give them."""

    visible_channels, size, batch = 3, SIZE, 2
    normalizer = build(get_registry().find("normalizer", "none"))

    def __init__(self, thermal_channels: int = 1, *, cam: bool = True) -> None:
        self.thermal_channels, self.cam = thermal_channels, cam

    def generator(self, *, in_channels: int, out_channels: int) -> nn.Module:
        if not self.cam:
            return SmallGenerator(in_channels, out_channels).double()
        name = "ugatit_light:width=2,blocks=1"
        return zoo.create(name, in_channels=in_channels, out_channels=out_channels).double()

    def discriminator(self, *, in_channels: int) -> nn.Module:
        if not self.cam:
            return SmallDiscriminator(in_channels).double()
        return zoo.create("ugatit:width=2,stages=3", kind="discriminator", in_channels=in_channels).double()


def method(config: UGATITConfig | None = None, parts: Parts | None = None) -> UGATIT:
    torch.manual_seed(0)
    parts = parts or Parts()
    built = UGATIT(config or UGATITConfig(), parts)
    built.prepare_training(parts)
    return built


def make_batch(channels: int = 1) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {
        "visible": torch.rand(2, 3, SIZE, SIZE, dtype=torch.float64) * 2 - 1,
        "thermal": torch.rand(2, channels, SIZE, SIZE, dtype=torch.float64) * 2 - 1,
    }


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("ugatit_light", 3, 10_589_888),
        ("ugatit_light", 1, 10_583_616),
        ("ugatit_full:size=256", 3, 278_959_808),
        ("ugatit_full:size=128", 3, 77_633_216),
        ("ugatit_full:size=256", 1, 278_953_536),
    ],
)
def test_generators_have_the_published_number_of_parameters(name: str, channels: int, expected: int) -> None:
    with torch.device("meta"):
        network = zoo.create(name, out_channels=channels)
    assert count(network) == expected


@pytest.mark.parametrize(("channels", "whole", "local"), [(3, 53_130_176, 3_290_560), (1, 53_128_128, 3_288_512)])
def test_discriminators_have_the_published_number_of_parameters(channels: int, whole: int, local: int) -> None:
    with torch.device("meta"):
        network = zoo.create("ugatit", kind="discriminator", in_channels=channels)
    assert (count(network.whole), count(network.local)) == (whole, local)


@pytest.mark.parametrize(("side", "maps"), [(256, [6, 30]), (128, [2, 14]), (64, [2, 6])])
def test_maps_have_the_sizes_of_the_source(side: int, maps: list[int]) -> None:
    choice = get_registry().find("discriminator", "ugatit:width=2").for_size(side)
    with torch.no_grad():
        outputs = build(choice).eval().with_cam(torch.zeros(1, 1, side, side))
    assert [logits.shape[-1] for logits, _ in outputs] == maps
    assert all(cam.shape == (1, 2) for _, cam in outputs)


def numpy_norm(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, ddof=1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5)


@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
def test_adalin_lies_between_layer_norm_and_instance_norm(rho: float) -> None:
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.normal(1, 3, (2, 3, 4, 5)), rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    layer = LayerInstanceNorm(3, rho=rho).double()
    found = layer(*map(torch.from_numpy, (x, gamma, beta))).detach().numpy()
    mixed = rho * numpy_norm(x, (2, 3)) + (1 - rho) * numpy_norm(x, (1, 2, 3))
    assert found == pytest.approx(mixed * gamma[..., None, None] + beta[..., None, None], abs=1e-6)


def test_the_limits_of_adalin_are_torchs_norms_of_unbiased_variance() -> None:
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    ones, zeros = torch.ones(2, 3, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64)
    for rho, norm, values in ((1.0, F.instance_norm(x), 64), (0.0, F.layer_norm(x, x.shape[1:]), 3 * 64)):
        found = LayerInstanceNorm(3, rho=rho).double()(x, ones, zeros)
        torch.testing.assert_close(found, norm * ((values - 1) / values) ** 0.5, rtol=0, atol=1e-4)


def test_lin_starts_as_layer_norm_and_adalin_near_instance_norm() -> None:
    network = zoo.create("ugatit_light:width=2,blocks=2")
    rhos = {name: rho.flatten().tolist() for name, rho in network.named_parameters() if name.endswith("rho")}
    assert len(rhos) == 6
    for name, values in rhos.items():
        assert values == pytest.approx([0.0 if name.startswith("decoder") else 0.9] * len(values))
    assert all(not module.beta.any() for module in network.modules() if isinstance(module, LearnedNorm))


def test_attention_weights_features_by_both_classifiers() -> None:
    torch.manual_seed(0)
    layer, x = CamAttention(3).double(), torch.randn(2, 3, 4, 5, dtype=torch.float64)
    features, logits = layer(x)
    mean, maximum = layer.mean.weight[0], layer.maximum.weight[0]
    for image, found in zip(x, logits, strict=True):
        expected = torch.stack([mean @ image.mean((1, 2)), maximum @ image.amax((1, 2))])
        torch.testing.assert_close(found, expected)
    kernel = layer.mix.weight[:, :, 0, 0]
    for image, found in zip(x, features, strict=True):
        stacked = torch.cat([image * mean.view(3, 1, 1), image * maximum.view(3, 1, 1)])
        mixed = torch.einsum("oc,chw->ohw", kernel, stacked) + layer.mix.bias.view(3, 1, 1)
        torch.testing.assert_close(found, mixed)


def test_light_takes_any_size_and_full_its_own() -> None:
    light = zoo.create("ugatit_light:width=2,blocks=1")
    for size in ((256, 256), (320, 320), (16, 24)):
        assert light(torch.zeros(1, 3, *size)).shape == (1, 1, *size)
    full = build(get_registry().find("generator", "ugatit_full:width=2,blocks=1").for_size((16, 24)))
    assert full(torch.zeros(2, 3, 16, 24)).shape == (2, 1, 16, 24)
    with pytest.raises(UsageError, match="built for images of 16x24 px, and got 24x16"):
        full(torch.zeros(2, 3, 24, 16))


def test_all_weights_but_the_mixing_convolution_keep_a_largest_singular_value_of_one() -> None:
    torch.manual_seed(0)
    network = zoo.create("ugatit:width=2,stages=3", kind="discriminator").train()
    with torch.no_grad():
        for _ in range(50):
            network(torch.rand(1, 1, SIZE, SIZE))
    network.eval()
    largest = {
        name: np.linalg.norm(module.weight.detach().flatten(1).numpy(), 2)
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
    plain = {name: largest.pop(name) for name in ("whole.attention.mix", "local.attention.mix")}
    assert len(largest) == 2 * (4 + 2 + 1)
    assert largest == pytest.approx(dict.fromkeys(largest, 1.0), abs=0.02)
    assert all(abs(value - 1) > 0.02 for value in plain.values())


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    probability = 1 / (1 + (-logits).exp())
    return -(target * probability.log() + (1 - target) * (1 - probability).log()).mean()


@pytest.mark.parametrize("channels", [1, 3])
def test_losses_are_those_of_the_equations(channels: int) -> None:
    config = UGATITConfig(gan=2.0, cycle=3.0, identity=4.0, cam=5.0)
    built, batch = method(config, Parts(channels)).eval(), make_batch(channels)
    a, b = batch["visible"], batch["thermal"]
    grey = b.repeat(1, 3 // channels, 1, 1)
    fake_b, cam_a = built.G_A.with_cam(a)
    fake_a, cam_b = built.G_B.with_cam(grey)
    same_b, target_a = built.G_A.with_cam(grey)
    same_a, target_b = built.G_B.with_cam(a)

    def squares(outputs: list[tuple[Tensor, Tensor]], target: float) -> Tensor:
        return sum(((logits - target) ** 2).mean() for scored in outputs for logits in scored)

    expected = {
        "gan_A": 2 * squares(built.D_A.with_cam(fake_b), 1),
        "gan_B": 2 * squares(built.D_B.with_cam(fake_a), 1),
        "cycle_A": 3 * (built.G_B(fake_b.repeat(1, 3 // channels, 1, 1)) - a).abs().mean(),
        "cycle_B": 3 * (built.G_A(fake_a) - b).abs().mean(),
        "identity_A": 4 * (same_b - b).abs().mean(),
        "identity_B": 4 * (same_a - a).abs().mean(),
        "cam_A": 5 * (cross_entropy(cam_a, 1) + cross_entropy(target_a, 0)),
        "cam_B": 5 * (cross_entropy(cam_b, 1) + cross_entropy(target_b, 0)),
    }
    state = built(batch)
    terms = {name: term.item() for name, term in built.losses("generator", state).items()}
    assert terms == pytest.approx({name: term.item() for name, term in expected.items()}, rel=1e-9)
    critic = {
        "D_A": squares(built.D_A.with_cam(b), 1) + squares(built.D_A.with_cam(fake_b), 0),
        "D_B": squares(built.D_B.with_cam(a), 1) + squares(built.D_B.with_cam(fake_a), 0),
    }
    terms = {name: term.item() for name, term in built.losses("discriminator", state).items()}
    assert terms == pytest.approx({name: term.item() for name, term in critic.items()}, rel=1e-9)


def test_generators_that_change_nothing_have_no_cycle_and_identity_loss() -> None:
    built, batch = method(parts=Parts(3, cam=False)), make_batch(3)
    built.G_A, built.G_B = nn.Identity(), nn.Identity()
    terms = built.losses("generator", built({"visible": batch["visible"], "thermal": batch["thermal"]}))
    assert all(terms[f"{name}_{side}"] == 0 for name in ("cycle", "identity") for side in "AB")
    assert terms["gan_A"] > 0


def test_networks_without_cam_train_without_its_terms() -> None:
    built = method(parts=Parts(cam=False))
    state = built(make_batch())
    assert built.losses("generator", state).keys() == {
        "gan_A", "gan_B", "cycle_A", "cycle_B", "identity_A", "identity_B",
    }  # fmt: skip
    logits = built.D_A(state["fake_thermal"])
    assert built.losses("generator", state)["gan_A"].item() == pytest.approx(((logits - 1) ** 2).mean().item())


def test_rho_moves_and_stays_between_0_and_1() -> None:
    built = method(UGATITConfig(lr=0.3), Parts())
    step = TrainStep(built)
    before = {name: value.clone() for name, value in built.named_parameters() if name.endswith("rho")}
    for _ in range(3):
        step.step(make_batch(), 1.0)
    after = {name: value for name, value in built.named_parameters() if name.endswith("rho")}
    assert all(value.min() >= 0 and value.max() <= 1 for value in after.values())
    assert all(not torch.equal(value, before[name]) for name, value in after.items() if "blocks" in name)
    assert any(value.max() == 1 or value.min() == 0 for value in after.values())


def test_both_optimizers_are_adam_with_an_l2_penalty_and_discriminators_are_first() -> None:
    built = method()
    assert built.order == ("discriminator", "generator")
    for name in built.order:
        expected = OptimizerSpec(kind="adam", lr=1e-4, betas=(0.5, 0.999), weight_decay=1e-4)
        assert built.optimizer(name) == expected


def test_the_recipe_is_light_and_the_full_generator_is_built_for_its_size(pairs: Path) -> None:
    recipe = zoo.compose(recipe="ugatit", preset="paper", data=str(pairs))
    assert (recipe.size, recipe.load_size, recipe.batch, recipe.flip) == (256, 286, 1, True)
    assert recipe.generator.name == "ugatit/ugatit_light"
    full = zoo.compose(recipe="ugatit:generator=ugatit_full", data=str(pairs), size=(64, 96), steps=1)
    assert full.generator.config["size"] == (64, 96)
    assert full.discriminator.config["stages"] == 4
