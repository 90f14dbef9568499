"""The U-Net generators against the published counts, layout, and a U-Net written out as functions."""

from __future__ import annotations

import msgspec
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.errors import UsageError
from zoo_plugins.unet import zoo_components
from zoo_plugins.unet.config import UNetConfig
from zoo_plugins.unet.network import UNetGenerator

COUNTS = [
    (7, 3, 3, "instance", 41_825_667),
    (7, 3, 3, "batch", 41_828_995),
    (7, 3, 3, "none", 41_821_187),
    (8, 3, 3, "instance", 54_409_603),
    (8, 3, 3, "batch", 54_413_955),
    (8, 3, 3, "none", 54_404_099),
    (9, 4, 1, "batch", 66_995_841),
]


def tiny(**options: object) -> UNetGenerator:
    return UNetGenerator(UNetConfig(**{"width": 2, "downs": 5, "init_gain": 0.2, **options}))


@pytest.mark.parametrize(("downs", "channels", "out", "norm", "count"), COUNTS)
def test_parameters_are_those_of_the_reference(downs: int, channels: int, out: int, norm: str, count: int) -> None:
    with torch.device("meta"):
        net = UNetGenerator(UNetConfig(downs=downs, in_channels=channels, out_channels=out, norm=norm))
    assert sum(p.numel() for p in net.parameters()) == count


def reference_keys(downs: int, norm: str) -> set[str]:
    bias = ("weight", "bias") if norm == "instance" else ("weight",)
    statistics = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked") if norm == "batch" else ()
    keys = {f"model.model.0.{name}" for name in bias} | {f"model.model.3.{name}" for name in ("weight", "bias")}
    prefix = "model.model.1.model."
    for level in range(downs - 1):
        innermost = level == downs - 2
        convs, norms = ((1, 3), (4,)) if innermost else ((1, 5), (2, 6))
        keys |= {f"{prefix}{i}.{name}" for i in convs for name in bias}
        keys |= {f"{prefix}{i}.{name}" for i in norms for name in statistics}
        prefix += "3.model."
    return keys


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize(("downs", "tensors"), [(7, {"instance": 28, "batch": 70}), (8, {"instance": 32, "batch": 82})])
def test_state_dict_has_the_reference_layout(downs: int, tensors: dict[str, int], norm: str, dropout: bool) -> None:
    with torch.device("meta"):
        keys = set(UNetGenerator(UNetConfig(downs=downs, norm=norm, dropout=dropout)).state_dict())
    assert keys == reference_keys(downs, norm)
    assert len(keys) == tensors[norm]


def written_out(net: UNetGenerator, x: Tensor) -> Tensor:
    """The network as two loops over its weights, with the activated skip connections of the original code."""
    weights = net.state_dict()
    prefixes = ["model.model." + "".join(["1.model.", *["3.model."] * i]) for i in range(levels(net) - 1)]
    skips = [F.conv2d(x, weights["model.model.0.weight"], weights["model.model.0.bias"], 2, 1)]
    for prefix in prefixes:
        skips[-1] = F.leaky_relu(skips[-1], 0.2)
        y = F.conv2d(skips[-1], weights[prefix + "1.weight"], weights[prefix + "1.bias"], 2, 1)
        skips.append(y if prefix == prefixes[-1] else F.instance_norm(y))
    y = skips.pop()
    for prefix in reversed(prefixes):
        up = prefix + ("3" if prefix == prefixes[-1] else "5")
        y = F.conv_transpose2d(F.relu(y), weights[up + ".weight"], weights[up + ".bias"], 2, 1)
        y = torch.cat((skips.pop(), F.instance_norm(y)), 1)
    last = "model.model.3."
    return torch.tanh(F.conv_transpose2d(F.relu(y), weights[last + "weight"], weights[last + "bias"], 2, 1))


def levels(net: UNetGenerator) -> int:
    return sum(isinstance(module, torch.nn.ConvTranspose2d) for module in net.modules())


@pytest.mark.parametrize("downs", [5, 6])
def test_images_equal_those_of_the_network_written_out(downs: int) -> None:
    torch.manual_seed(0)
    net = tiny(downs=downs).double()
    x = torch.rand(2, 3, 2**downs, 2 ** (downs + 1), dtype=torch.float64) * 2 - 1
    y = net(x)
    assert y.shape == (2, 1, 2**downs, 2 ** (downs + 1))
    assert y.abs().max() <= 1
    torch.testing.assert_close(y, written_out(net, x))


def test_dropout_sits_in_the_middle_levels_only() -> None:
    with torch.device("meta"):
        nets = {downs: UNetGenerator(UNetConfig(downs=downs, dropout=True)) for downs in (7, 8)}
    for downs, net in nets.items():
        depths = [
            name.count("model") - 2 for name, module in net.named_modules() if isinstance(module, torch.nn.Dropout)
        ]
        assert sorted(depths) == list(range(4, downs - 1))  # downs - 5 levels, just outside the innermost


def test_taps_are_the_encoders_features_and_the_decoder_does_not_run() -> None:
    torch.manual_seed(0)
    net = tiny(downs=5)
    x = torch.rand(1, 3, 32, 64)
    image, last, first = net.taps(x, [0, 5, 1])
    assert torch.equal(image, x)
    assert torch.equal(first, net.model.model[0](x))
    assert last.shape == (1, 16, 1, 2)
    assert net.taps(x, [3])[0].shape == (1, 8, 4, 8)
    with pytest.raises(ValueError, match="0 to 5"):
        net.taps(x, [6])


def test_rows_refuse_sizes_that_the_skip_connections_cannot_meet() -> None:
    multiples = {row.name: row.config.contract().size_multiple for row in zoo_components()}
    assert multiples == {"unet_128": 128, "unet_256": 256, "unet_512": 512, "unet_auto": 32}
    with pytest.raises((RuntimeError, ValueError)):
        tiny(downs=6)(torch.zeros(1, 3, 32, 32))


def test_fewer_than_five_stages_are_refused() -> None:
    with pytest.raises(UsageError, match="downs=4"):
        UNetConfig(downs=4)


@pytest.mark.parametrize(
    ("size", "downs"), [(32, 5), (64, 6), (96, 5), (128, 7), (192, 6), (256, 8), (512, 8), (768, 8), (100, 5), (16, 5)]
)
def test_the_automatic_depth_is_the_deepest_that_the_size_allows(size: int, downs: int) -> None:
    fitted = UNetConfig(downs=None, width=3).for_sides(size, size)
    assert fitted == UNetConfig(downs=downs, width=3)
    contract = fitted.contract()
    fits = size % contract.size_multiple == 0 and size >= contract.min_size
    assert fits == (size not in (100, 16))


def test_a_depth_that_was_named_does_not_follow_the_size() -> None:
    assert UNetConfig(downs=7).for_sides(512, 512).downs == 7


def test_an_automatic_depth_without_a_size_is_refused() -> None:
    config = UNetConfig(downs=None)
    assert msgspec.json.decode(msgspec.json.encode(config), type=UNetConfig) == config
    with pytest.raises(UsageError, match="unet_auto:downs=6"):
        UNetGenerator(config)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("size", [32, 64, 96])
def test_one_image_is_enough_for_the_norms_in_training(size: int, norm: str) -> None:
    net = UNetGenerator(UNetConfig(downs=None, width=2, norm=norm).for_sides(size, size)).train()
    seen: list[int] = []
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.InstanceNorm2d):
            module.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[-1] * inputs[0].shape[-2]))
    net(torch.rand(1, 3, size, size)).sum().backward()
    assert min(seen) >= 4
    assert all(p.grad.isfinite().all() for p in net.parameters())
