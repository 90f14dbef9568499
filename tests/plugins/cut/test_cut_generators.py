"""CUT with its generators: mirrored batches, the patch head that each gets, a training, and layers that are refused."""

from __future__ import annotations

import copy
import math
from typing import Any

import msgspec
import pytest
import torch
from method_parts import batches

from zoo.contracts import Generator
from zoo.errors import UsageError
from zoo.layers.kinds import ResNetConfig
from zoo_plugins.cut import zoo_components
from zoo_plugins.cut.config import CUTConfig
from zoo_plugins.cut.method import CUT
from zoo_plugins.resnet.network import ResNetGenerator
from zoo_plugins.unet.config import UNetConfig
from zoo_plugins.unet.network import UNetGenerator

from .conftest import FASTCUT, CUTParts, TinyGenerator, build, train_step_of


def test_a_mirrored_batch_changes_no_contrast_of_a_network_that_sees_single_pixels() -> None:
    def pointwise(inputs: int, outputs: int) -> Generator:
        return TinyGenerator(inputs, outputs, kernel=1)

    batch, contrasts, flips = batches(1)[0], [], []
    method = build(CUTConfig(identity=False, flip=True, patches=36), CUTParts(make=pointwise))
    for _ in range(12):
        state = method(batch)
        contrasts.append(method.losses("generator", state)["nce"].item())
        flips.append(state["flipped"].item())
        shown = batch["visible"].flip(-1) if flips[-1] else batch["visible"]
        assert torch.equal(state["fake"], method.G(shown))
    assert {True, False} == set(flips)
    assert contrasts == pytest.approx([contrasts[0]] * 12, rel=1e-9)


def test_half_of_the_batches_are_mirrored() -> None:
    method = build(FASTCUT)
    batch = batches(1)[0]
    share = sum(method(batch)["flipped"].item() for _ in range(400)) / 400
    assert abs(share - 0.5) < 0.1  # four standard deviations


def test_translation_mirrors_nothing() -> None:
    method = build(FASTCUT)
    visible = batches(1)[0]["visible"]
    assert all(torch.equal(method.translate({"visible": visible}), method.G(visible)) for _ in range(6))


def test_head_of_the_published_networks_has_the_published_parameters_and_names() -> None:
    def published(inputs: int, outputs: int) -> Generator:
        return ResNetGenerator(ResNetConfig(in_channels=inputs, out_channels=outputs, antialias=True, init="xavier"))

    parts = CUTParts(make=published, thermal_channels=3, size=16)
    method = CUT(CUTConfig(), parts)
    method.prepare_training(parts)
    assert sum(p.numel() for p in method.head.parameters()) == 560_384
    names = [f"mlp_{i}.{j}.{kind}" for i in range(5) for j in (0, 2) for kind in ("weight", "bias")]
    assert list(method.head.state_dict()) == names
    assert method.head.mlp_1[0].in_features == 128


def test_building_the_head_moves_no_random_stream() -> None:
    def generator(inputs: int, outputs: int) -> Generator:
        config = ResNetConfig(in_channels=inputs, out_channels=outputs, width=4, blocks=3, dropout=True, norm="batch")
        return ResNetGenerator(config)

    parts = CUTParts(make=generator, size=16)
    torch.manual_seed(0)
    alone = parts.generator(in_channels=3, out_channels=1), parts.discriminator(in_channels=1)
    after, own = torch.get_rng_state(), parts.rng.get_state()
    torch.manual_seed(0)
    method = CUT(CUTConfig(), parts)
    method.prepare_training(parts)
    assert torch.equal(torch.get_rng_state(), after)
    assert torch.equal(parts.rng.get_state(), own)
    for network, expected in zip((method.G, method.D), alone, strict=True):
        assert all(torch.equal(network.state_dict()[name], value) for name, value in expected.state_dict().items())
    assert all(module.training for module in method.modules())


def resnet(inputs: int, outputs: int) -> Generator:
    return ResNetGenerator(ResNetConfig(in_channels=inputs, out_channels=outputs, width=8, blocks=3))


def blurred(inputs: int, outputs: int) -> Generator:
    return ResNetGenerator(ResNetConfig(in_channels=inputs, out_channels=outputs, width=8, blocks=3, antialias=True))


def unet(inputs: int, outputs: int) -> Generator:
    return UNetGenerator(UNetConfig(in_channels=inputs, out_channels=outputs, width=2, downs=5))


@pytest.mark.parametrize("config", [CUTConfig(width=16, lr=2e-3), FASTCUT], ids=["cut", "fastcut"])
@pytest.mark.parametrize("make", [resnet, blurred, unet])
def test_training_changes_every_network_and_lowers_the_contrast(make: Any, config: CUTConfig) -> None:
    torch.manual_seed(0)
    parts = CUTParts(make=make, size=32)
    method = CUT(msgspec.convert({**msgspec.to_builtins(config), "lr": 2e-3}, CUTConfig), parts)
    method.prepare_training(parts)
    before = copy.deepcopy(method.state_dict())
    train_step = train_step_of(method)
    batch = {name: value.float() for name, value in batches(1, size=32)[0].items()}
    contrasts = []
    for step in range(8):
        train_step.step(batch)
        losses = train_step.losses.read(step)
        assert all(math.isfinite(value) for value in losses.values())
        contrasts.append(losses["generator/nce"])
    assert contrasts[-1] < contrasts[0]
    changed = {
        name.split(".")[0] for name, value in method.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"G", "D", "head"}


def test_a_translator_has_one_network() -> None:
    method = CUT(CUTConfig(), CUTParts())
    assert {name.split(".")[0] for name in method.state_dict()} == {"G"} == set(method.inference)


def test_a_layer_that_the_generator_does_not_have_is_refused() -> None:
    parts = CUTParts()
    with pytest.raises(UsageError, match="0 to 4"):
        CUT(CUTConfig(layers=(0, 9)), parts).prepare_training(parts)


def test_a_generator_that_names_no_layers_needs_some_from_the_user() -> None:
    class Nameless(TinyGenerator):
        tap_layers = ()

    parts = CUTParts(make=Nameless)
    with pytest.raises(UsageError, match="names no layers"):
        CUT(CUTConfig(), parts).prepare_training(parts)
    CUT(CUTConfig(layers=(0, 1)), parts).prepare_training(parts)


def test_no_layers_are_refused() -> None:
    with pytest.raises(UsageError, match="cut got no layers"):
        CUTConfig(layers=())


def test_the_config_goes_to_json_and_back() -> None:
    config = CUTConfig(layers=(0, 4, 7), flip=True)
    assert msgspec.json.decode(msgspec.json.encode(config), type=CUTConfig) == config


def test_the_rows_name_one_class_with_the_papers_defaults() -> None:
    cut, fast = zoo_components()
    assert (cut.name, fast.name) == ("cut", "fastcut")
    assert {cut.target, fast.target} == {f"{CUT.__module__}:{CUT.__name__}"}
    assert cut.config == CUTConfig()
    assert fast.config == FASTCUT
    assert cut.contract.needs == fast.contract.needs == {"taps"}
