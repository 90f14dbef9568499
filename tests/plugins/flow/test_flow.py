"""Flow matching: its loss, its samplers against closed forms and scipy's solver, and what a sample depends on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import solve_ivp
from torch import Tensor, nn

from zoo.contracts import Generator, Method
from zoo.evaluate.cost import count_passes, measure_cost
from zoo.layers.noise import pixel_noise
from zoo.testing import scenes_batch, small_parts
from zoo.translation.tiles import in_tiles
from zoo_plugins.flow.config import FlowConfig
from zoo_plugins.flow.method import Flow, integrate

CPU = torch.device("cpu")
MEAN, STD = 0.4, 0.25


class PixelNet(Generator):
    """A small network of each pixel and the time."""

    def __init__(self, in_channels: int, out_channels: int, width: int = 32) -> None:
        super().__init__()
        layers = [nn.Conv2d(in_channels + 1, width, 1), nn.SiLU(), nn.Conv2d(width, width, 1), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, out_channels, 1))

    def forward(self, x: Tensor, *, time: Tensor) -> Tensor:
        plane = time[:, None, None, None].expand(-1, 1, *x.shape[-2:])
        return self.layers(torch.cat((x, plane), 1))


class Recorder(PixelNet):
    """Returns zero and keeps the times that it was called with."""

    def forward(self, x: Tensor, *, time: Tensor) -> Tensor:
        self.times = torch.cat((getattr(self, "times", time[:0]), time))
        return 0 * super().forward(x, time=time)


def method(network: type[PixelNet] = PixelNet, channels: int = 1, **options: object) -> Flow:
    torch.manual_seed(0)
    parts = small_parts(32, channels)
    parts.generator = lambda *, in_channels, out_channels: network(in_channels, out_channels)
    return Flow(FlowConfig(**options), parts)


def images(n: int, side: int = 32, seed: int = 0) -> dict[str, Tensor]:
    stream = torch.Generator().manual_seed(seed)
    return {
        "visible": torch.rand(n, 3, side, side, generator=stream) * 2 - 1,
        "thermal": torch.rand(n, 1, side, side, generator=stream) * 2 - 1,
    }


def test_the_first_loss_of_a_network_of_zeros_is_the_mean_square_of_the_images_plus_one():
    flow, batch = method(Recorder), images(16)
    values = [float(flow.losses("generator", flow(batch))["flow"].detach()) for _ in range(8)]
    expected = float(batch["thermal"].square().mean()) + 1
    n = 8 * batch["thermal"].numel()
    assert np.mean(values) == pytest.approx(expected, abs=5 * math.sqrt((2 + 4 * expected) / n))


@pytest.mark.parametrize(("distribution", "reference"), [("uniform", "uniform"), ("logit_normal", "norm")])
def test_the_time_has_the_distribution_of_its_option_and_all_draws_are_of_the_stream_of_the_run(
    distribution, reference
):
    flow, batch = method(Recorder, time=distribution), images(64, side=4)
    before = torch.get_rng_state()
    for _ in range(30):
        flow(batch)
    assert torch.equal(before, torch.get_rng_state())
    times = flow.G.times.double()
    drawn = times if reference == "uniform" else torch.logit(times)
    assert stats.kstest(drawn.numpy(), reference).pvalue > 1e-3
    one, other = method(Recorder, time=distribution), method(Recorder, time=distribution)
    assert torch.equal(one(batch)["line"], other(batch)["line"]) and torch.equal(one.G.times, other.G.times)


def test_the_point_is_on_the_line_at_the_time_that_the_network_reads():
    class Shown(Recorder):
        def forward(self, x, *, time):
            self.x = x
            return super().forward(x, time=time)

    flow, batch = method(Shown), images(3, side=8)
    noise = batch["thermal"] - flow(batch)["line"]
    share = flow.G.times[:, None, None, None]
    torch.testing.assert_close(flow.G.x[:, :1], share * batch["thermal"] + (1 - share) * noise)
    assert torch.equal(flow.G.x[:, 1:], batch["visible"])


@pytest.mark.parametrize("sampler", ["euler", "heun"])
@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_the_ideal_velocity_of_one_image_ends_on_it_for_any_number_of_steps(sampler, steps):
    image, noise = torch.rand(1, 1, 4, 4, dtype=torch.float64), torch.randn(1, 1, 4, 4, dtype=torch.float64)
    found = integrate(lambda x, t: (image - x) / (1 - t), noise, steps=steps, sampler=sampler)
    torch.testing.assert_close(found, image, rtol=0, atol=1e-12)


def gaussian(x: Tensor, t: float) -> Tensor:
    """The velocity that carries N(0, 1) to N(MEAN, STD^2) along the mean straight lines."""
    var = t**2 * STD**2 + (1 - t) ** 2
    return MEAN + (t * STD**2 - (1 - t)) / var * (x - t * MEAN)


def deviation(steps: int, *, heun: int) -> float:
    """Return the deviation after steps of which the first `heun` are Heun's: the velocity is linear in x."""

    def slope(t: float) -> float:
        return (t * STD**2 - (1 - t)) / (t**2 * STD**2 + (1 - t) ** 2)

    factors = []
    for step in range(steps):
        first, last = slope(step / steps), slope((step + 1) / steps)
        average = (first + last * (1 + first / steps)) / 2 if step < heun else first
        factors.append(1 + average / steps)
    return math.prod(factors)


@pytest.mark.parametrize("steps", [1, 5, 10, 20, 50])
def test_gaussian_transport_has_the_deviation_of_the_closed_form_and_the_exact_mean(steps):
    published = {1: (0.0, None), 5: (0.157, 0.260), 10: (0.201, 0.254), 20: (0.224, 0.251), 50: (0.240, 0.2503)}
    euler, heun = published[steps]
    assert deviation(steps, heun=0) == pytest.approx(euler, abs=1e-3)
    assert heun is None or deviation(steps, heun=steps) == pytest.approx(heun, abs=5e-4)  # Heun's last step too
    noise = torch.randn(20_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noise = (noise - noise.mean()) / noise.std()
    for sampler, expected in (("euler", deviation(steps, heun=0)), ("heun", deviation(steps, heun=steps - 1))):
        found = integrate(gaussian, noise, steps=steps, sampler=sampler)
        assert float(found.mean()) == pytest.approx(MEAN, abs=1e-9)
        assert float(found.std()) == pytest.approx(expected, abs=1e-9)
    if steps == 50:
        assert float(found.var()) == pytest.approx(STD**2, rel=0.02)


def test_heun_is_of_second_order_and_euler_of_first_on_an_equation_with_a_known_solution():
    start = torch.tensor([1.0, -0.5], dtype=torch.float64)
    exact = start * math.exp(math.sin(3.0) / 3)

    def error(steps: int, sampler: str) -> float:
        found = integrate(lambda x, t: x * math.cos(3 * t), start, steps=steps, sampler=sampler)
        return float((found - exact).abs().max())

    for sampler, order in (("euler", 1), ("heun", 2)):
        orders = [math.log2(error(steps, sampler) / error(2 * steps, sampler)) for steps in (64, 128, 256)]
        assert orders == pytest.approx([order] * 3, abs=0.1)


def test_the_solver_of_scipy_ends_where_many_steps_of_a_frozen_network_do():
    torch.manual_seed(0)
    network = PixelNet(1, 1).double().requires_grad_(False)
    noise = torch.randn(1, 1, 3, 3, dtype=torch.float64)

    def field(x: Tensor, t: float) -> Tensor:
        return 5 * network(x, time=x.new_full((1,), t))

    solved = solve_ivp(
        lambda t, x: field(torch.from_numpy(x).view(1, 1, 3, 3), t).numpy().ravel(),
        (0, 1),
        noise.numpy().ravel(),
        rtol=1e-6,
        atol=1e-8,
    )
    for sampler, steps, error in (("heun", 50, 1e-3), ("euler", 400, 1e-2)):
        found = integrate(field, noise, steps=steps, sampler=sampler).numpy().ravel()
        np.testing.assert_allclose(found, solved.y[:, -1], atol=error)


class AffineNet(Generator):
    """A velocity that is affine in the point, with coefficients that a small network of the time learns."""

    def __init__(self, in_channels: int, out_channels: int, width: int = 32) -> None:
        super().__init__()
        hidden = [nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()]
        self.coefficients = nn.Sequential(*hidden, nn.Linear(width, 2))

    def forward(self, x: Tensor, *, time: Tensor) -> Tensor:
        slope, offset = self.coefficients(time[:, None])[..., None, None, None].unbind(1)
        return slope * x[:, :1] + offset


def test_training_recovers_the_transport_of_one_gaussian_to_another():
    """Mean and variance of samples within 2 % of those of the data, whose pixels are independent normal numbers."""
    mean, std, steps = 0.3, 0.2, 2500
    flow, stream = method(AffineNet, steps=100).train(), torch.Generator().manual_seed(1)
    adam = torch.optim.AdamW(flow.G.parameters(), lr=1e-2, weight_decay=0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    visible = torch.zeros(64, 3, 8, 8)
    for _ in range(steps):
        thermal = mean + std * torch.randn(64, 1, 8, 8, generator=stream)
        loss = flow.losses("generator", flow({"visible": visible, "thermal": thermal}))["flow"]
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
    with torch.no_grad():
        samples = flow.translate({"visible": torch.zeros(1, 3, 300, 300)}).double()
    assert float(samples.mean()) == pytest.approx(mean, rel=0.02)
    assert float(samples.var()) == pytest.approx(std**2, rel=0.02)


def test_an_image_does_not_depend_on_its_batch_and_a_tile_agrees_with_the_whole():
    flow, batch = method().eval(), {"visible": images(3, side=64)["visible"]}
    with torch.no_grad():
        whole = flow.translate(batch)
        for i in (2, 0):
            single = flow.translate({"visible": batch["visible"][i : i + 1]})
            torch.testing.assert_close(single[0], whole[i], rtol=0, atol=1e-5)
        tiled = in_tiles(flow.translate, batch, tile=(32, 40))
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5)
    assert float(whole.std()) > 0.1


def test_several_samples_give_their_mean_and_spread():
    batch = {"visible": torch.zeros(2, 3, 8, 8)}
    singles = [pixel_noise((1, 1, 8, 8), seed=5, draw=k, origin=None, device=CPU).clamp(-1, 1) for k in range(4)]
    flow = method(Recorder, seed=5, samples=4)
    torch.testing.assert_close(flow.translate(batch)[1:], torch.stack(singles).mean(0))
    torch.testing.assert_close(flow.spread(batch)[1:], torch.stack(singles).std(0))
    assert method(Recorder).spread(batch) is None
    assert not torch.equal(method(Recorder, seed=6).translate(batch), method(Recorder, seed=5).translate(batch))


@pytest.mark.parametrize(
    ("options", "passes"),
    [({}, 19), ({"sampler": "euler", "steps": 20}, 20), ({"samples": 3, "steps": 2}, 9), ({"steps": 1}, 1)],
)
def test_the_cost_is_that_of_all_passes(options, passes):
    flow, batch = method(**options).eval(), {"visible": torch.zeros(1, 3, 16, 16)}
    with torch.no_grad(), count_passes(flow) as calls:
        flow.translate(batch)
    assert calls[flow.G] == passes
    cost = measure_cost(flow, batch, CPU)
    assert cost.passes == passes and cost.flops == passes * 2 * 256 * (5 * 32 + 32 * 32 + 32)


def test_options_of_translation_are_marked():
    from zoo.hookspec import INFERENCE

    marked = {name for name, field in FlowConfig.__dataclass_fields__.items() if field.metadata.get(INFERENCE)}
    assert marked == {"steps", "sampler", "seed", "samples"}


def test_the_optimizer_is_adamw_with_a_warm_up_and_the_weights_are_averaged():
    spec, flow = method().optimizer("generator"), method()
    assert (spec.kind, spec.lr, spec.betas, spec.weight_decay, spec.clip_norm) == ("adamw", 1e-4, (0.9, 0.999), 0, 1)
    assert (spec.schedule.kind, spec.schedule.warmup) == ("constant", 1000)
    assert flow.ema.decay == 0.9999 and flow.ema.ramp and method(ema=0).ema is None
    assert isinstance(flow, Method) and scenes_batch(32)["thermal"].shape[1] == 1
