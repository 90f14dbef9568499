"""pix2pixHD: published parameter counts and map sizes, CycleGAN's ResNet as a special case, losses against a loop in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import zoo
from zoo.build import build
from zoo.errors import RefusedError, UsageError
from zoo.registry import get_registry
from zoo_plugins.pix2pixhd.config import Pix2PixHDConfig
from zoo_plugins.pix2pixhd.method import Pix2PixHD, feature_matching


class Parts:
    """Small networks as a recipe would give them."""

    reads, classes, thermal_range = ("visible",), (), None
    visible_channels, thermal_channels = 3, 1

    def __init__(self, norm: str = "none") -> None:
        self.norm = norm
        self.normalizer = build(get_registry().find("normalizer", norm))

    def generator(self, *, in_channels: int, out_channels: int) -> nn.Module:
        return zoo.create(
            "pix2pixhd_global:width=4,downs=2,blocks=1", in_channels=in_channels, out_channels=out_channels
        ).double()

    def discriminator(self, *, in_channels: int) -> nn.Module:
        network = zoo.create("pix2pixhd:width=4,layers=2,scales=3", in_channels=in_channels).double()
        return self.normalizer.wrap(network)


def method(norm: str = "none") -> Pix2PixHD:
    torch.manual_seed(0)
    built = Pix2PixHD(Pix2PixHDConfig(), Parts(norm))
    built.prepare_training(Parts(norm))
    return built


def pair() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {
        "visible": torch.rand(2, 3, 32, 32, dtype=torch.float64) * 2 - 1,
        "thermal": torch.rand(2, 1, 32, 32, dtype=torch.float64) * 2 - 1,
    }


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("pix2pixhd_global", (3, 1), 45_587_073),
        ("pix2pixhd_global", (3, 3), 45_593_347),
        ("pix2pixhd_global:downs=4", (3, 1), 182_436_993),
        ("pix2pixhd_global:width=32", (3, 1), 11_402_561),
        ("pix2pixhd_local", (3, 1), 182_698_689),
    ],
)
def test_generators_have_the_published_number_of_parameters(name, channels, expected) -> None:
    with torch.device("meta"):
        network = zoo.create(name, in_channels=channels[0], out_channels=channels[1])
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize(("scales", "expected"), [(1, 2_765_761), (2, 5_531_522), (3, 8_297_283)])
def test_discriminators_have_the_published_number_of_parameters(scales: int, expected: int) -> None:
    network = zoo.create(f"pix2pixhd:scales={scales}", in_channels=4)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize(("side", "maps"), [(64, [11, 7]), (128, [19, 11]), (256, [35, 19])])
def test_maps_have_the_sizes_of_the_source(side: int, maps: list[int]) -> None:
    features = zoo.create("pix2pixhd:width=2", in_channels=4).features(torch.zeros(1, 4, side, side))
    assert [stages[-1].shape[-1] for stages in features] == maps
    if side == 256:
        assert [stage.shape[-1] for stage in features[0]] == [129, 65, 33, 34, 35]


def test_with_two_downsampling_stages_the_global_generator_is_the_resnet_of_cyclegan() -> None:
    ours, theirs = zoo.create("pix2pixhd_global:downs=2,width=4"), zoo.create("resnet9:width=4")
    ours.load_state_dict(theirs.state_dict())
    x = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-6)


def test_losses_are_those_of_a_loop_over_the_scales() -> None:
    built, batch = method(), pair()
    state = built(batch)
    real = built.D.features(torch.cat((batch["visible"], batch["thermal"]), dim=1))
    fake = built.D.features(torch.cat((batch["visible"], state["fake"]), dim=1))
    gan = features = critic = 0.0
    for ours, theirs in zip(fake, real, strict=True):
        gan += F.mse_loss(ours[-1], torch.ones_like(ours[-1])).item()
        critic += 0.5 * (ours[-1].square().mean() + (theirs[-1] - 1).square().mean()).item()
        features += sum((a - b).abs().mean().item() for a, b in zip(ours[:-1], theirs[:-1], strict=True)) * 10 / 3
    terms = {name: term.item() for name, term in built.losses("generator", state).items()}
    assert terms == pytest.approx({"gan": gan, "features": features}, rel=1e-12)
    assert built.losses("discriminator", state)["D"].item() == pytest.approx(critic, rel=1e-12)


def test_the_real_image_as_translation_matches_all_features() -> None:
    built, batch = method(), pair()
    features = built.D.features(torch.cat((batch["visible"], batch["thermal"]), dim=1))
    assert feature_matching(features, features) == 0
    terms = built.losses("generator", {"x": batch["visible"], "y": batch["thermal"], "fake": batch["thermal"]})
    assert terms["features"] == 0
    assert terms["gan"] > 0


def test_a_discriminator_of_zeros_costs_one_for_each_scale() -> None:
    built, batch = method(), pair()
    for parameter in built.D.parameters():
        nn.init.zeros_(parameter)
    assert built.losses("generator", built(batch))["gan"].item() == pytest.approx(3)


def test_a_normalizer_that_hides_the_features_is_refused() -> None:
    assert method("sn").D.features
    with pytest.raises(UsageError, match="features"):
        method("gn")


def test_a_discriminator_without_features_is_refused() -> None:
    with pytest.raises(RefusedError, match="matches features"):
        zoo.compose(method="pix2pixhd", discriminator="patchgan", size=64, steps=1)
