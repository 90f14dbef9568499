"""The time-conditioned U-Net: published parameter counts, its time embedding, its attention, and what it computes when new."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from zoo.errors import UsageError
from zoo_plugins.adm.blocks import Attention, Norm, ResBlock, sinusoids

PLAIN = "film=false,resblock_updown=false"


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("adm_unet_tiny", (4, 1), 3_161_665),
        ("adm_unet_small", (4, 1), 20_724_289),
        (f"adm_unet_small:{PLAIN}", (4, 1), 18_204_225),
        ("adm_unet", (4, 1), 86_324_481),
        ("adm_unet", (6, 3), 86_329_091),
        ("adm_unet:mult=1+1+2+2+4+4,attention=8+16", (4, 1), 133_027_073),
        ("adm_unet:width=256,mult=1+1+2+2+4+4,attention=8+16+32", (3, 6), 552_814_086),  # the published ADM at 256 px
        ("adm_unet:mult=1+4+8,attention=32+16+8", (6, 3), 237_094_787),  # the template of BBDM
        ("adm_unet:mult=1+4+8,attention=32+16+8", (3, 3), 237_091_331),
        ("adm_unet:mult=1+4+8,attention=32+16+8", (2, 1), 237_087_873),
        ("adm_unet:width=64,mult=1+2+4,attention=4,head_channels=32", (2, 1), 17_651_009),
        ("adm_unet_small", (2, 1), 20_723_137),
        ("adm_unet_tiny:blocks=2", (2, 1), 4_423_329),
        ("adm_unet", (2, 1), 86_322_177),
    ],
)
def test_the_networks_have_the_published_number_of_parameters(name, channels, expected):
    with torch.device("meta"):
        network = zoo.create(name, in_channels=channels[0], out_channels=channels[1])
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def small(**options: object) -> nn.Module:
    text = ",".join(f"{name}={value}" for name, value in options.items())
    return zoo.create(f"adm_unet:width=32,mult=1+2,blocks=1,attention=2,head_channels=32{',' * bool(text)}{text}")


@pytest.mark.parametrize("plain", ["true", "false"])
def test_a_new_network_returns_zero_and_then_depends_on_the_time(plain):
    network, x = small(film=plain, resblock_updown=plain), torch.randn(2, 4, 8, 12)
    assert network(x, time=torch.rand(2)).abs().max() == 0
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0, 0.1)
    one, other = (network(x, time=torch.full((2,), t)) for t in (0.2, 0.21))
    assert one.shape == (2, 1, 8, 12) and (one - other).abs().max() > 1e-3


def test_the_time_embedding_is_that_of_the_transformer_at_a_thousand_times_the_time():
    time, half = np.array([0.0, 0.37, 1.0]), 16
    rates = 10_000.0 ** (-np.arange(half) / half)
    angles = 1000 * time[:, None] * rates
    found = sinusoids(1000 * torch.tensor(time), 2 * half)
    np.testing.assert_allclose(found, np.concatenate([np.cos(angles), np.sin(angles)], 1), atol=1e-4)
    far = (sinusoids(torch.tensor([500.0]), 128) - sinusoids(torch.tensor([510.0]), 128)).norm()
    near = (sinusoids(torch.tensor([0.50]), 128) - sinusoids(torch.tensor([0.51]), 128)).norm()
    assert float(far) == pytest.approx(6.5, abs=0.1) and float(near) == pytest.approx(0.02, abs=0.005)


def test_attention_is_between_pixels_in_each_head():
    torch.manual_seed(0)
    layer, x = Attention(64, 32).double(), torch.randn(1, 64, 2, 3, dtype=torch.float64)
    nn.init.normal_(layer.project.weight)
    q, k, v = layer.qkv(layer.norm(x)).reshape(3, 2, 32, 6)
    heads = [torch.softmax(q[i].T @ k[i] / math.sqrt(32), dim=1) @ v[i].T for i in range(2)]
    expected = torch.cat([head.T for head in heads]).reshape(1, 64, 2, 3)
    torch.testing.assert_close(layer(x), x + layer.project(expected))


@pytest.mark.parametrize("film", [True, False])
def test_the_time_scales_and_shifts_or_is_added(film):
    torch.manual_seed(0)
    block = ResBlock(32, 64, 8, dropout=0.0, film=film, resample=0).double()
    nn.init.normal_(block.conv2.weight)
    x, code = torch.randn(2, 32, 4, 4, dtype=torch.float64), torch.randn(2, 8, dtype=torch.float64)
    time = block.time(nn.functional.silu(code))[:, :, None, None]
    h = block.conv1(nn.functional.silu(block.norm1(x)))
    h = block.norm2(h) * (1 + time[:, :64]) + time[:, 64:] if film else block.norm2(h + time)
    torch.testing.assert_close(block(x, code), block.skip(x) + block.conv2(nn.functional.silu(h)))


def test_normalization_of_half_precision_is_computed_in_single():
    x = torch.randn(2, 32, 4, 4) + 100
    norm = Norm(32)
    expected = norm(x.bfloat16().float()).bfloat16()
    assert torch.equal(norm.bfloat16()(x.bfloat16()), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [("width=40", "width=32"), ("mult=0+1", "1 or more"), ("head_channels=48", "divides"), ("dropout=1", "below 1")],
)
def test_wrong_options_are_refused_with_a_fix(options, message):
    with pytest.raises(UsageError) as raised:
        zoo.create(f"adm_unet:{options}")
    assert message in str(raised.value)
