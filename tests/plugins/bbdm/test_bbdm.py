"""BBDM: its targets, variances and steps by the formulas, and the marginals of its sampler for every `eta`."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from zoo.contracts import Generator
from zoo.testing import small_parts
from zoo.translation.tiles import in_tiles
from zoo_plugins.bbdm.bridge import recovered, reverse, share, target, timesteps, variance
from zoo_plugins.bbdm.config import BBDMConfig
from zoo_plugins.bbdm.method import BBDM

TARGETS = ("grad", "noise", "ysubx")


class Oracle(Generator):
    """Returns what the target is if x_0 is `truth`; with noise it would need x_t, y and the time, all of which it reads."""

    truth = 0.3
    kind = "grad"

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight, self.channels = nn.Parameter(torch.ones(1)), out_channels

    def forward(self, x: Tensor, *, time: Tensor) -> Tensor:
        point, seen = x[:, : self.channels], x[:, self.channels :]
        luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
        y = (seen * luma).sum(1, keepdim=True) if self.channels == 1 else seen
        m = 0.001 + 0.998 * (time * 1000).round()[:, None, None, None] / 999
        d = 2 * (m - m**2)
        noise = (point - (1 - m) * self.truth - m * y) / d.sqrt()
        found = {"grad": point - self.truth, "noise": noise, "ysubx": y - self.truth}[self.kind]
        return self.weight * found


class Zero(Oracle):
    """Returns zero and keeps what it was called with."""

    def forward(self, x: Tensor, *, time: Tensor) -> Tensor:
        self.x, self.time = x, time
        return 0 * self.weight * x[:, : self.channels]


def method(network: type[Oracle] = Oracle, channels: int = 1, **options: object) -> BBDM:
    parts = small_parts(32, channels)
    parts.generator = lambda *, in_channels, out_channels: network(in_channels, out_channels)
    built = BBDM(BBDMConfig(**options), parts)
    built.G.kind = built.config.target
    return built


def images(n: int, side: int = 16, channels: int = 1) -> dict[str, Tensor]:
    stream = torch.Generator().manual_seed(0)
    visible, thermal = (torch.rand(n, count, side, side, generator=stream) * 2 - 1 for count in (3, channels))
    return {"visible": visible, "thermal": thermal}


def m_of(t: int) -> float:
    return float(np.linspace(0.001, 0.999, 1000)[t])


@pytest.mark.parametrize("kind", TARGETS)
def test_the_targets_invert_to_the_thermal_image(kind):
    x0, y, noise = torch.randn(3, 1, 2, 4, 4, dtype=torch.float64)
    for t in (0, 1, 250, 499, 998, 999):
        m = torch.tensor(m_of(t), dtype=torch.float64)
        d = 2 * (m - m**2)
        x = (1 - m) * x0 + m * y + d.sqrt() * noise
        output = target(kind, x0, y, noise, m, d)
        torch.testing.assert_close(recovered(kind, output, x, y, float(m), float(d)), x0, rtol=0, atol=1e-12)
        if kind == "grad":
            torch.testing.assert_close(output, x - x0)


def test_the_bridge_is_narrow_at_both_ends_and_half_wide_in_the_middle():
    np.testing.assert_allclose([share(float(t)) for t in range(1000)], np.linspace(0.001, 0.999, 1000), rtol=1e-12)
    variances = [variance(share(float(t)), 1.0) for t in (0, 499, 999)]
    assert variances == pytest.approx([0.001998, 0.5, 0.001998], abs=1e-6)
    assert max(variance(share(float(t)), 1.0) for t in range(1000)) <= 0.5
    assert variance(0.5, 3.0) == 1.5


@pytest.mark.parametrize("count", [4, 10, 20, 50, 200])
def test_the_sampler_has_as_many_steps_as_asked_at_equal_distances(count):
    found = timesteps(count)
    assert len(found) == count and found[0] == 999 and found[-2:] == (1, 0)
    # The list of the paper's program: arange(999, 1, -999 / (count - 2)), then 1 and 0.
    spaced = torch.arange(999, 1, -999 / (count - 2), dtype=torch.float64)
    assert all(abs(ours - float(theirs)) < 1 for ours, theirs in zip(found, spaced, strict=False))
    assert count != 200 or (found[:4] == (999, 993, 988, 983) and found[-4:] == (10, 5, 1, 0))


def test_steps_fall_from_the_start_to_zero_for_every_number():
    assert (timesteps(1), timesteps(2), timesteps(3)) == ((999,), (999, 0), (999, 1, 0))
    assert timesteps(1000) == tuple(range(999, -1, -1))
    for count in range(1, 1001):
        found = timesteps(count)
        assert count - 1 <= len(found) <= count and all(a > b for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("eta", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("count", [20, 200])
def test_the_sampler_keeps_the_marginals_of_the_bridge_for_every_eta(kind, eta, count):
    """With the true x_0 in place of the network: mean (1 - m) x0 + m y and deviation sqrt(d) half way."""
    x0, y, n = 0.3, -0.6, 40_000
    stream = torch.Generator().manual_seed(0)

    def noise() -> Tensor:
        return torch.randn(n, dtype=torch.float64, generator=stream)

    steps = timesteps(count)
    x = torch.full((n,), y, dtype=torch.float64)
    if eta < 1:  # the steps carry this noise, so that it must be that of the bridge's end
        x = 0.999 * x + 0.001 * x0 + math.sqrt(0.001998) * noise()
    for t, to in itertools.pairwise(steps):
        m = m_of(t)
        d = 2 * (m - m**2)
        truth = {"grad": x - x0, "noise": (x - (1 - m) * x0 - m * y) / d**0.5, "ysubx": torch.full_like(x, y - x0)}[
            kind
        ]
        found = recovered(kind, truth, x, torch.full_like(x, y), m, d)
        torch.testing.assert_close(found, torch.full_like(x, x0))
        x = reverse(x, found, torch.full_like(x, y), noise(), t=t, to=to, eta=eta, max_variance=1.0)
        if abs(to - 499) < 500 / count + 25:
            m = m_of(to)
            assert float(x.mean()) == pytest.approx((1 - m) * x0 + m * y, abs=0.015)
            assert float(x.std()) == pytest.approx(math.sqrt(2 * (m - m**2)), rel=0.02)


def test_a_step_with_full_noise_has_the_mean_and_variance_of_the_paper():
    t, to = 700, 650
    m, n = m_of(t), m_of(to)
    d, e = 2 * (m - m**2), 2 * (n - n**2)
    between = d - e * (1 - m) ** 2 / (1 - n) ** 2  # Eq. 6: the variance of x_t given x_to
    spread = between * e / d
    x, x0, y, noise = torch.randn(4, 5, dtype=torch.float64)
    # Eqs. 7 to 9 of the paper, for a step of more than one.
    cx = e / d * (1 - m) / (1 - n) + between / d * (1 - n)
    cy = n - m * (1 - m) / (1 - n) * e / d
    ce = (1 - n) * between / d
    mean = cx * x + cy * y - ce * (x - x0)
    found = reverse(x, x0, y, noise, t=t, to=to, eta=1.0, max_variance=1.0)
    torch.testing.assert_close(found, mean + spread**0.5 * noise)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_perfect_network_ends_at_its_image(kind, channels):
    for eta, steps in ((1.0, 10), (0.0, 10), (1.0, 1), (0.3, 2)):
        bridge = method(channels=channels, target=kind, steps=steps, eta=eta)
        with torch.no_grad():
            found = bridge.translate(images(2, channels=channels))
        torch.testing.assert_close(found, torch.full((2, channels, 16, 16), 0.3), rtol=0, atol=2e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_training_point_is_on_the_bridge_and_the_target_is_the_way_back(channels):
    bridge, batch = method(Zero, channels), images(64, 8, channels)
    with torch.no_grad():
        state = bridge(batch)
    m = 0.001 + 0.998 * (bridge.G.time * 1000).round()[:, None, None, None] / 999
    point, seen = bridge.G.x[:, :channels], bridge.G.x[:, channels:]
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    y = (batch["visible"] * weights).sum(1, keepdim=True) if channels == 1 else batch["visible"]
    assert torch.equal(seen, batch["visible"])
    torch.testing.assert_close(state["target"], point - batch["thermal"])
    noise = (point - (1 - m) * batch["thermal"] - m * y) / (2 * (m - m**2)).sqrt()
    assert abs(float(noise.mean())) < 0.05 and float(noise.std()) == pytest.approx(1, abs=0.05)
    loss = bridge.losses("generator", state)["bridge"]  # of an output of zero
    torch.testing.assert_close(loss, state["target"].abs().mean())
    assert bridge.G.time.min() >= 0 and bridge.G.time.max() < 1 and len(bridge.G.time.unique()) > 40


def test_for_equal_images_only_noise_is_learned_and_the_result_is_the_image():
    bridge, grey = method(Zero), torch.rand(2, 1, 8, 8) * 2 - 1
    batch = {"visible": grey.expand(-1, 3, -1, -1), "thermal": grey}
    state = bridge(batch)
    m = 0.001 + 0.998 * (bridge.G.time * 1000).round()[:, None, None, None] / 999
    scaled = state["target"] / (2 * (m - m**2)).sqrt()
    assert float(scaled.std()) == pytest.approx(1, abs=0.2)
    still = method(Zero, eta=0.0, target="ysubx")  # the perfect network of this target returns zero
    torch.testing.assert_close(still.translate(batch), grey, rtol=0, atol=1e-6)


def test_few_and_many_steps_have_close_means_on_a_frozen_network():
    class Frozen(Oracle):
        def forward(self, x, *, time):
            return 0.9 * (x[:, :1] - torch.tanh(x[:, 1:2] + x[:, 2:3])) + 0.05 * time[:, None, None, None]

    batch = images(1, 24)
    few, many = (method(Frozen, steps=steps, samples=4).translate(batch) for steps in (200, 1000))
    assert float((few - many).mean().abs()) < 0.01 and float(few.std()) > 0.2


def test_an_image_does_not_depend_on_its_batch_and_a_tile_agrees_with_the_whole():
    class Local(Oracle):
        def forward(self, x, *, time):
            return 0.5 * (x[:, :1] - x[:, 1:2])

    bridge, batch = method(Local, steps=5), {"visible": images(2, 64)["visible"]}
    whole = bridge.translate(batch)
    torch.testing.assert_close(bridge.translate({"visible": batch["visible"][1:]})[0], whole[1], rtol=0, atol=1e-5)
    torch.testing.assert_close(in_tiles(bridge.translate, batch, tile=(40, 32)), whole, rtol=0, atol=1e-5)


def test_several_samples_give_their_mean_and_spread():
    batch = images(1)
    one, many = method(Zero, steps=5), method(Zero, steps=5, samples=3)
    assert one.spread(batch) is None and many.spread(batch).max() > 0
    assert not torch.equal(one.translate(batch), many.translate(batch))


def test_the_optimizer_is_that_of_the_readme():
    spec = method(schedule="cosine").optimizer("generator")
    assert (spec.kind, spec.lr, spec.betas) == ("adam", 1e-4, (0.9, 0.999))
    assert (spec.schedule.kind, spec.schedule.warmup) == ("cosine", 1000)
