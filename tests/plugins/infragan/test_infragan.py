"""InfraGAN: its losses against SciPy and equations in float64, the source's generators, optimizers and recipe."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import correlate1d
from torch import Tensor, nn

import zoo
from zoo.build import build
from zoo.registry import get_registry
from zoo_plugins.infragan.config import InfraGANConfig
from zoo_plugins.infragan.method import InfraGAN, ssim


class Parts:
    """Small networks as a recipe would give them."""

    reads, classes, thermal_range = ("visible",), (), None
    visible_channels, thermal_channels = 3, 1

    def __init__(self, discriminator: str = "unet_gan:width=2,stages=3", norm: str = "none") -> None:
        self.name = discriminator
        self.normalizer = build(get_registry().find("normalizer", norm))

    def generator(self, *, in_channels: int, out_channels: int) -> nn.Module:
        name = "unet_auto:width=2,downs=5,norm=batch"
        return zoo.create(name, in_channels=in_channels, out_channels=out_channels).double()

    def discriminator(self, *, in_channels: int) -> nn.Module:
        network = zoo.create(self.name, kind="discriminator", in_channels=in_channels).double()
        return self.normalizer.wrap(network)


def method(config: InfraGANConfig | None = None, parts: Parts | None = None) -> InfraGAN:
    torch.manual_seed(0)
    built = InfraGAN(config or InfraGANConfig(), parts or Parts())
    built.prepare_training(parts or Parts())
    return built


def pair() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {
        "visible": torch.rand(2, 3, 32, 32, dtype=torch.float64) * 2 - 1,
        "thermal": torch.rand(2, 1, 32, 32, dtype=torch.float64) * 2 - 1,
    }


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [("unet_512", 3, 66_994_817), ("unet_256:width=128", 1, 217_605_377), ("unet_256", 3, 54_409_857)],
)
def test_the_generators_of_the_source_have_their_number_of_parameters(name: str, channels: int, expected: int) -> None:
    options = "norm=batch,dropout=true"
    with torch.device("meta"):
        network = zoo.create(f"{name}{',' if ':' in name else ':'}{options}", in_channels=channels)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def scipy_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Wang et al. 2004, Eq. 13, with a Gaussian window of 11 pixels that lies inside the image, and L = 1."""
    kernel = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    kernel /= kernel.sum()

    def smooth(image: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(image, kernel, 0), kernel, 1)[5:-5, 5:-5]

    mean_x, mean_y = smooth(x), smooth(y)
    covariance = smooth(x * y) - mean_x * mean_y
    variances = smooth(x * x) - mean_x**2 + smooth(y * y) - mean_y**2
    luminance = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
    return float((luminance * (2 * covariance + 9e-4) / (variances + 9e-4)).mean())


@pytest.mark.parametrize("literal", [False, True])
def test_ssim_is_its_equation_on_whole_windows(literal: bool) -> None:
    images = [image.numpy() for image in (pair()["thermal"], 0.5 * pair()["thermal"].roll(3, 2))]
    scaled = [(image + 1) / (1 if literal else 2) for image in images]
    expected = np.mean([scipy_ssim(one[0], other[0]) for one, other in zip(*scaled, strict=True)])
    found = ssim(*map(torch.from_numpy, images), literal=literal).item()
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("literal", [False, True])
def test_losses_are_those_of_the_two_outputs(literal: bool) -> None:
    built, batch = method(InfraGANConfig(l1=10.0, ssim=5.0, literal_ssim=literal)), pair()
    state = built(batch)
    built.D.eval()  # a power iteration would change the weights between the passes
    real = torch.cat((batch["visible"], batch["thermal"]), dim=1)
    fake = torch.cat((batch["visible"], state["fake"]), dim=1)
    entropy = F.binary_cross_entropy
    judged = {name: [y.sigmoid() for y in built.D.outputs(x)] for name, x in (("real", real), ("fake", fake))}
    terms = {name: term.item() for name, term in built.losses("generator", state).items()}
    expected = {
        "gan": sum(entropy(p, torch.ones_like(p)).item() for p in judged["fake"]),
        "l1": 10 * (state["fake"] - batch["thermal"]).abs().mean().item(),
        "ssim": 5 * (1 - ssim(state["fake"], batch["thermal"], literal=literal)).item(),
    }
    assert terms == pytest.approx(expected, rel=1e-9)
    critic = sum(entropy(p, torch.ones_like(p)).item() for p in judged["real"])
    critic += sum(entropy(p, torch.zeros_like(p)).item() for p in judged["fake"])
    assert built.losses("discriminator", state)["D"].item() == pytest.approx(critic / 2, rel=1e-9)


def test_the_real_image_as_translation_costs_the_adversarial_term_alone() -> None:
    built, batch = method(), pair()
    terms = built.losses("generator", {"x": batch["visible"], "y": batch["thermal"], "fake": batch["thermal"]})
    assert terms["l1"] == 0
    assert terms["ssim"].item() == pytest.approx(0, abs=1e-9)
    assert terms["gan"] > 0


def test_a_discriminator_of_zeros_costs_the_generator_two_ln_two() -> None:
    class Undecided(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.new_zeros(len(x), 2, *x.shape[-2:])

    built, batch = method(), pair()
    built.D = Undecided()
    state = built(batch)
    assert built.losses("generator", state)["gan"].item() == pytest.approx(2 * math.log(2))
    assert built.losses("discriminator", state)["D"].item() == pytest.approx(2 * math.log(2))


def test_a_discriminator_with_one_output_has_one_term() -> None:
    parts = Parts("patchgan:width=2,layers=1,norm=none")
    built, batch = method(parts=parts), pair()
    state = built(batch)
    logits = built.D(torch.cat((batch["visible"], state["fake"]), dim=1))
    assert built.losses("generator", state)["gan"].item() == pytest.approx(F.softplus(-logits).mean().item())


def test_the_power_iteration_advances_once_in_an_update() -> None:
    built, batch = method(), pair()
    state, passes = built(batch), []
    built.D.register_forward_hook(lambda *_: passes.append(1))
    for name in built.order:
        built.losses(name, state)
    assert len(passes) == 2


def test_the_discriminators_rate_is_a_hundredth_of_the_generators() -> None:
    for config, expected in ((InfraGANConfig(), 2e-6), (InfraGANConfig(lr=1e-3), 1e-5)):
        built = method(config)
        assert built.order == ("discriminator", "generator")
        assert built.optimizer("discriminator").lr == pytest.approx(expected)
        assert built.optimizer("generator").lr == config.lr
        assert built.optimizer("generator").betas == (0.5, 0.999)
    assert method(InfraGANConfig(discriminator_lr=1e-4)).optimizer("discriminator").lr == 1e-4


def test_the_recipe_is_the_sources_at_512_px(pairs: Path) -> None:
    recipe = zoo.compose(recipe="infragan", preset="paper", data=str(pairs))
    assert (recipe.size, recipe.load_size, recipe.batch, recipe.flip) == (512, 512, 4, False)
    assert recipe.generator.config["downs"] == 9
    assert (recipe.generator.config["norm"], recipe.generator.config["dropout"]) == ("batch", True)


def test_the_translator_keeps_the_training_mode_unless_asked() -> None:
    assert method().test_mode == "train"
    assert method(InfraGANConfig(evaluation="eval")).test_mode == "eval"
