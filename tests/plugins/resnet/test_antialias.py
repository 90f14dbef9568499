"""The anti-aliased ResNet against the published count and layout, and against the network written out as functions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.layers.kinds import ResNetConfig
from zoo_plugins.cbam.config import CBAMResNetConfig
from zoo_plugins.cbam.network import CBAMResNet
from zoo_plugins.resnet.network import ResNetGenerator
from zoo_plugins.unet.config import UNetConfig
from zoo_plugins.unet.network import UNetGenerator


def tiny(**options: object) -> ResNetGenerator:
    return ResNetGenerator(ResNetConfig(**{"width": 4, "blocks": 2, "antialias": True, **options}))


def test_parameters_and_state_are_those_of_the_reference() -> None:
    with torch.device("meta"):
        net = ResNetGenerator(ResNetConfig(out_channels=3, antialias=True))
    assert sum(p.numel() for p in net.parameters()) == 11_378_179
    convolutions = [f"model.{i}" for i in (1, 4, 8, 22, 26, 30)]
    convolutions += [f"model.{12 + block}.conv_block.{i}" for block in range(9) for i in (1, 5)]
    filters = {7: (128, 3), 11: (256, 3), 21: (256, 4), 25: (128, 4)}
    expected = {f"{name}.{kind}" for name in convolutions for kind in ("weight", "bias")}
    expected |= {f"model.{i}.filt" for i in filters}
    state = net.state_dict()
    assert set(state) == expected
    assert all(state[f"model.{i}.filt"].shape == (c, 1, k, k) for i, (c, k) in filters.items())


def written_out(net: ResNetGenerator, x: Tensor, norm: str) -> dict[int, Tensor]:
    """The numbered features, from the weights alone and with torch's own padding; filters from their definition."""
    weights = net.state_dict()

    def conv(y: Tensor, name: str, padding: int = 0) -> Tensor:
        return F.conv2d(y, weights[f"{name}.weight"], weights.get(f"{name}.bias"), padding=padding)

    def normed(y: Tensor) -> Tensor:
        return F.instance_norm(y) if norm == "instance" else y

    def blur(y: Tensor, line: list[float]) -> Tensor:
        taps = torch.tensor(line, dtype=y.dtype)
        kernel = torch.outer(taps, taps) / taps.sum() ** 2
        return torch.stack([F.conv2d(one[:, None], kernel[None, None])[:, 0] for one in y.unbind(1)], 1)

    def down(y: Tensor) -> Tensor:
        return blur(F.pad(y, (1, 1, 1, 1), mode="reflect"), [1, 2, 1])[..., ::2, ::2]

    def up(y: Tensor) -> Tensor:
        y = F.pad(y, (1, 1, 1, 1), mode="replicate")
        spread = y.new_zeros(*y.shape[:2], 2 * y.shape[2], 2 * y.shape[3])
        spread[..., ::2, ::2] = 4 * y
        full = blur(F.pad(spread, (3, 3, 3, 3)), [1, 3, 3, 1])
        return full[..., 3:-4, 3:-4]  # of 2 (h + 2) + 3 lines the 2 h that lie over the image

    found = {0: F.pad(x, (3, 3, 3, 3), mode="reflect")}
    y = F.relu(normed(conv(found[0], "model.1")))
    found[4] = conv(y, "model.4", padding=1)
    found[7] = down(F.relu(normed(found[4])))
    found[8] = conv(found[7], "model.8", padding=1)
    y = down(F.relu(normed(found[8])))
    for block in (12, 13):
        inner = F.pad(y, (1, 1, 1, 1), mode="reflect")
        inner = F.relu(normed(conv(inner, f"model.{block}.conv_block.1")))
        inner = F.pad(inner, (1, 1, 1, 1), mode="reflect")
        y = found[block] = y + normed(conv(inner, f"model.{block}.conv_block.5"))
    y = F.relu(normed(conv(up(y), "model.15", padding=1)))
    y = F.relu(normed(conv(up(y), "model.19", padding=1)))
    found[24] = torch.tanh(conv(F.pad(y, (3, 3, 3, 3), mode="reflect"), "model.23"))
    return found


@pytest.mark.parametrize("norm", ["instance", "none"])
@pytest.mark.parametrize("size", [(8, 8), (12, 20)])
def test_images_and_taps_equal_those_of_the_network_written_out(size: tuple[int, int], norm: str) -> None:
    torch.manual_seed(0)
    net = tiny(norm=norm, init_gain=0.3).double()
    x = torch.rand(2, 3, *size, dtype=torch.float64) * 2 - 1
    found = written_out(net, x, norm)
    torch.testing.assert_close(net(x), found[24])
    for feature, layer in zip(net.taps(x, net.tap_layers), net.tap_layers, strict=True):
        torch.testing.assert_close(feature, found[layer])


@pytest.mark.parametrize(
    ("antialias", "blocks", "layers"),
    [
        (False, 9, (0, 4, 9, 12, 16)),
        (True, 9, (0, 4, 8, 12, 16)),
        (False, 6, (0, 4, 9, 12, 15)),
        (True, 3, (0, 4, 8, 12, 14)),
        (False, 1, (0, 4, 9, 10)),
    ],
)
def test_the_layers_compared_are_cuts_five_or_those_that_there_are(
    antialias: bool, blocks: int, layers: tuple[int, ...]
) -> None:
    with torch.device("meta"):
        for make, config in ((ResNetGenerator, ResNetConfig), (CBAMResNet, CBAMResNetConfig)):
            assert make(config(width=4, blocks=blocks, antialias=antialias)).tap_layers == layers


def test_the_layers_that_every_generator_names_are_there() -> None:
    cbam = CBAMResNet(CBAMResNetConfig(width=4, blocks=2, antialias=True))
    for net in (tiny(), tiny(antialias=False), cbam, UNetGenerator(UNetConfig(width=2, downs=5))):
        x = torch.rand(1, 3, 32, 32)
        assert len(net.taps(x, net.tap_layers)) == len(net.tap_layers) >= 4
        assert net(x).shape == (1, 1, 32, 32)
