"""The ResNet generators against the published counts, layout and sizes."""

from __future__ import annotations

import pytest
import torch

from zoo.layers.kinds import ResNetConfig
from zoo_plugins.resnet import zoo_components
from zoo_plugins.resnet.network import ResNetGenerator

COUNTS = [
    (6, 3, "instance", 7_837_699),
    (6, 3, "batch", 7_841_411),
    (6, 3, "none", 7_833_987),
    (6, 1, "instance", 7_831_425),
    (6, 1, "batch", 7_835_137),
    (9, 3, "instance", 11_378_179),
    (9, 3, "batch", 11_383_427),
    (9, 3, "none", 11_372_931),
    (9, 1, "instance", 11_371_905),
    (9, 1, "batch", 11_377_153),
    (9, 1, "none", 11_366_657),
]


def tiny(**options: object) -> ResNetGenerator:
    return ResNetGenerator(ResNetConfig(**{"width": 4, "blocks": 2, **options}))


@pytest.mark.parametrize(("blocks", "out", "norm", "count"), COUNTS)
def test_parameters_are_those_of_the_reference(blocks: int, out: int, norm: str, count: int) -> None:
    with torch.device("meta"):
        net = ResNetGenerator(ResNetConfig(blocks=blocks, out_channels=out, norm=norm))
    assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(("blocks", "ups", "last"), [(6, (16, 19), 23), (9, (19, 22), 26)])
def test_state_dict_has_the_reference_layout(blocks: int, ups: tuple[int, int], last: int, dropout: bool) -> None:
    with torch.device("meta"):
        net = ResNetGenerator(ResNetConfig(blocks=blocks, dropout=dropout))
    second = 6 if dropout else 5
    layers = [f"model.{i}" for i in (1, 4, 7)]
    layers += [f"model.{10 + b}.conv_block.{i}" for b in range(blocks) for i in (1, second)]
    layers += [f"model.{i}" for i in (*ups, last)]
    keys = [f"{layer}.{name}" for layer in layers for name in ("weight", "bias")]
    assert list(net.state_dict()) == keys
    assert len(keys) == {6: 36, 9: 48}[blocks]


@pytest.mark.parametrize("size", [(8, 8), (12, 20)])
def test_images_keep_their_size_and_stay_in_range(size: tuple[int, int]) -> None:
    net = tiny(init_gain=1.0)
    y = net(torch.rand(2, 3, *size) * 2 - 1)
    assert y.shape == (2, 1, *size)
    assert y.abs().max() <= 1


def test_other_sizes_come_back_rounded_up_which_is_why_the_contract_refuses_them() -> None:
    assert tiny()(torch.zeros(1, 3, 10, 14)).shape == (1, 1, 12, 16)
    assert {row.contract.size_multiple for row in zoo_components()} == {4}


def test_taps_are_the_numbered_features_and_nothing_after_the_last_runs() -> None:
    net = tiny()
    x = torch.rand(1, 3, 16, 16)
    padded, strided, block, twice = net.taps(x, [0, 4, 11, 4])
    assert padded.shape == (1, 3, 22, 22)
    assert strided.shape == (1, 8, 8, 8)
    assert block.shape == (1, 16, 4, 4)
    assert torch.equal(strided, twice)
    assert torch.equal(net.model[12:](block), net(x))
    ran = []
    for index, layer in enumerate(net.model):
        layer.register_forward_hook(lambda *_, index=index: ran.append(index))
    net.taps(x, [4, 7])
    assert ran == list(range(8))


def test_tap_features_are_not_overwritten_by_the_layers_after_them() -> None:
    net = tiny()
    x = torch.rand(1, 3, 16, 16)
    alone = net.taps(x, [5])[0].clone()
    assert torch.equal(net.taps(x, [5, 12])[0], alone)
    assert (alone < 0).any()


def test_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 20"):
        tiny().taps(torch.zeros(1, 3, 8, 8), [0, 21])


def test_dropout_acts_in_training_only() -> None:
    net = tiny(dropout=True, init_gain=0.5)
    x = torch.rand(1, 3, 16, 16)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_rows_describe_what_they_build() -> None:
    assert {row.name: row.config.blocks for row in zoo_components()} == {"resnet6": 6, "resnet9": 9}
    assert all("taps" in row.contract.offers for row in zoo_components())
