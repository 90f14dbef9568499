"""Weight clipping against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from zoo.build import build
from zoo.contracts import OptimizerSpec
from zoo.registry import get_registry
from zoo.testing.stubs import scenes_batch, small_parts
from zoo_plugins.normalizers.config import ClippingConfig
from zoo_plugins.normalizers.simple import WeightClipping


def test_every_parameter_is_moved_to_the_nearest_value_in_range() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 1))
    before = [parameter.detach().numpy().copy() for parameter in net.parameters()]
    WeightClipping(ClippingConfig()).after_step(net)
    for parameter, old in zip(net.parameters(), before, strict=True):
        assert parameter.requires_grad
        assert parameter.detach().numpy() == pytest.approx(np.clip(old, -0.01, 0.01))
    WeightClipping(ClippingConfig(c=0.005)).after_step(net)
    assert max(parameter.abs().max().item() for parameter in net.parameters()) == pytest.approx(0.005)


@pytest.mark.parametrize("method", ["cyclegan", "pix2pix", "cut", "fastcut"])
def test_a_method_trains_as_the_wgan_paper_does(method: str) -> None:
    name = f"{method}:gan=wgan,optimizer=rmsprop,lr=5e-5"
    assert zoo.compose(method=name, discriminator="patchgan_clip", size=64, steps=1).normalizer.config == {"c": 0.01}
    parts = small_parts(32)
    parts.normalizer = WeightClipping(ClippingConfig())
    built = build(get_registry().find("method", name), parts)
    built.prepare_training(parts)
    for network in dict.fromkeys(built.order):
        spec = built.optimizer(network)
        # torch's RMSprop, whose defaults are those of the authors' code.
        assert (spec.kind, spec.lr, spec.alpha, spec.eps, spec.momentum) == ("rmsprop", 5e-5, 0.99, 1e-8, 0.0)
    state = built(scenes_batch(32))
    terms = built.losses("discriminator", state)
    built.after_step("discriminator")
    assert all(term.isfinite() for term in terms.values())
    weights = [p for module in built.networks()["discriminator"] for p in module.parameters()]
    assert max(weight.abs().max().item() for weight in weights) <= 0.01


@pytest.mark.parametrize("method", ["cyclegan", "pix2pix", "cut"])
def test_adam_stays_the_default(method: str) -> None:
    built = build(get_registry().find("method", method), small_parts(32))
    assert built.optimizer("discriminator") == OptimizerSpec(lr=2e-4, betas=(0.5, 0.999))
