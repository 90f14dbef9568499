"""Optimizers against torch's own, used as a plain program would; schedules against torch's schedulers."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR

from zoo.compute.options import PLAIN, ComputeOptions
from zoo.contracts import Batch, Method, OptimizerSpec, Schedule, State
from zoo.errors import UsageError
from zoo.recipe import Budget
from zoo.training.losses import TrainingError
from zoo.training.schedule import lr_factor
from zoo.training.step import STALLED_CHECKS, TrainStep

STEPS = 20


class Fit(Method):
    """A linear regression."""

    order = ("generator",)

    def __init__(self, spec: OptimizerSpec) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net, self.spec = nn.Linear(3, 2).double(), spec
        self.seen: list[tuple[int, float]] = []

    def networks(self) -> dict[str, list[nn.Module]]:
        return {"generator": [self.net]}

    def optimizer(self, name: str) -> OptimizerSpec:
        return self.spec

    def forward(self, batch: Batch) -> State:
        self.seen.append((int(batch["step"]), float(batch["progress"])))
        return {"out": self.net(batch["visible"]), "thermal": batch["thermal"]}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        return {"mse": 100 * F.mse_loss(state["out"], state["thermal"])}


class Twice(Fit):
    order = ("generator", "generator")


def batch_of(step: int, size: int = 4) -> Batch:
    stream = torch.Generator().manual_seed(step)
    return {
        "visible": torch.randn(size, 3, generator=stream).double(),
        "thermal": torch.randn(size, 2, generator=stream).double(),
    }


Parameters = list[nn.Parameter]
CASES: dict[str, tuple[OptimizerSpec, Callable[[Parameters], torch.optim.Optimizer]]] = {
    "adam": (OptimizerSpec(lr=0.1, betas=(0.5, 0.9)), lambda p: torch.optim.Adam(p, 0.1, (0.5, 0.9))),
    "adam with L2": (
        OptimizerSpec(lr=0.1, weight_decay=0.3),
        lambda p: torch.optim.Adam(p, 0.1, weight_decay=0.3),
    ),
    "adamw": (
        OptimizerSpec(kind="adamw", lr=0.1, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.3),
    ),
    "rmsprop": (
        OptimizerSpec(kind="rmsprop", lr=0.01, momentum=0.5, alpha=0.9),
        lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, momentum=0.5),
    ),
    "sgd": (
        OptimizerSpec(kind="sgd", lr=0.001, momentum=0.9, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, 0.001, momentum=0.9, weight_decay=0.1),
    ),
    "clipped norm": (OptimizerSpec(kind="sgd", lr=0.1, clip_norm=0.5), lambda p: torch.optim.SGD(p, 0.1)),
    "clipped values": (OptimizerSpec(kind="sgd", lr=0.1, clip_value=0.2), lambda p: torch.optim.SGD(p, 0.1)),
}


def plain(
    spec: OptimizerSpec,
    make: Callable[[Parameters], torch.optim.Optimizer],
    schedule: Callable[[torch.optim.Optimizer], LRScheduler] | None = None,
) -> dict[str, Tensor]:
    """Train as a program without zoo would."""
    net = Fit(spec).net
    optimizer = make(list(net.parameters()))
    scheduler = schedule(optimizer) if schedule else None
    for step in range(STEPS):
        batch = batch_of(step)
        optimizer.zero_grad()
        (100 * F.mse_loss(net(batch["visible"]), batch["thermal"])).backward()
        if spec.clip_value:
            nn.utils.clip_grad_value_(net.parameters(), spec.clip_value)
        if spec.clip_norm:
            nn.utils.clip_grad_norm_(net.parameters(), spec.clip_norm)
        optimizer.step()
        if scheduler:
            scheduler.step()
    return dict(net.state_dict())


def trained(method: Fit, compute: ComputeOptions = PLAIN, budget: Budget | None = None) -> dict[str, Tensor]:
    train_step = TrainStep(method, compute, budget=budget)
    for step in range(STEPS):
        train_step.step(batch_of(step), step)
    return dict(method.net.state_dict())


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_an_optimizer_is_torchs(case: str, fused: bool) -> None:
    spec, make = CASES[case]
    torch.testing.assert_close(
        trained(Fit(spec), ComputeOptions(fused=fused)), plain(spec, make), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("case", CASES)
def test_state_of_every_optimizer_is_restored(case: str) -> None:
    spec, _ = CASES[case]
    whole, first, second = (TrainStep(Fit(spec)) for _ in range(3))
    for step in range(STEPS):
        whole.step(batch_of(step))
        (first if step < 7 else second).step(batch_of(step))
        if step == 6:
            second.restore({name: tensor.clone() for name, tensor in first.tensors().items()}, first.losses.counts)
    for name, tensor in whole.method.state_dict().items():
        assert torch.equal(tensor, second.method.state_dict()[name])


def test_warm_up_and_cosine_are_torchs() -> None:
    def schedule(optimizer: torch.optim.Optimizer) -> LRScheduler:
        rise = LinearLR(optimizer, start_factor=0.5, total_iters=1)
        return SequentialLR(optimizer, [rise, CosineAnnealingLR(optimizer, STEPS - 2, eta_min=0.01)], milestones=[2])

    spec = OptimizerSpec(lr=0.1, schedule=Schedule(kind="cosine", warmup=2, end=0.1))
    budget = Budget(steps=STEPS, constant=STEPS)
    expected = plain(spec, lambda p: torch.optim.Adam(p, 0.1), schedule)
    torch.testing.assert_close(trained(Fit(spec), budget=budget), expected, rtol=1e-9, atol=1e-12)


def test_a_linear_schedule_with_a_hold_of_its_own_falls_to_its_end() -> None:
    schedule = Schedule(hold=0.25, end=0.25, warmup=2)
    factors = [lr_factor(step, Budget(steps=20, constant=20), schedule) for step in range(20)]
    assert factors[:5] == [0.5, 1, 1, 1, 1]
    assert factors[5:] == pytest.approx([1 - 0.75 * n / 16 for n in range(1, 16)])


def test_a_cosine_by_epochs_changes_at_their_ends() -> None:
    factors = [lr_factor(step, Budget(steps=12, constant=0, period=3), Schedule(kind="cosine")) for step in range(12)]
    assert factors == pytest.approx([(1 + math.cos(math.pi * (step // 3) / 4)) / 2 for step in range(12)])


def test_a_constant_rate_only_warms_up() -> None:
    factors = [lr_factor(s, Budget(steps=30, constant=0), Schedule(kind="constant", warmup=999)) for s in range(30)]
    assert factors == pytest.approx([1 / 3, 2 / 3] + [1] * 28)  # warm-up takes a tenth of a short training


def test_optimizers_have_schedules_of_their_own() -> None:
    train_step = TrainStep(
        Fit(OptimizerSpec(lr=0.5, schedule=Schedule(kind="constant"))), budget=Budget(steps=4, constant=0)
    )
    train_step.step(batch_of(0), 3)
    assert train_step.rates == {"generator": 0.5}


def test_a_step_says_its_number_and_progress() -> None:
    method = Fit(OptimizerSpec(lr=0.1))
    trained(method, budget=Budget(steps=STEPS, constant=STEPS))
    assert [step for step, _ in method.seen] == list(range(STEPS))
    assert [progress for _, progress in method.seen] == pytest.approx([step / STEPS for step in range(STEPS)])


@pytest.mark.parametrize("case", ["adam", "clipped norm"])
def test_a_batch_in_parts_has_the_gradient_of_the_whole(case: str) -> None:
    spec, _ = CASES[case]
    whole, parts = TrainStep(Fit(spec)), TrainStep(Fit(spec), accumulate=4)
    for step in range(STEPS):
        whole.step(batch_of(step, size=8))
        parts.step(batch_of(step, size=8))
        assert whole.losses.read(step) == pytest.approx(parts.losses.read(step), rel=1e-9)
    torch.testing.assert_close(dict(whole.method.state_dict()), dict(parts.method.state_dict()), rtol=1e-9, atol=1e-12)


def test_a_batch_in_parts_is_refused_where_an_optimizer_updates_twice() -> None:
    with pytest.raises(UsageError, match="updates its generator several times"):
        TrainStep(Twice(OptimizerSpec(lr=0.1)), accumulate=2)


@pytest.mark.parametrize("kind", ["adam", "adamw", "rmsprop", "sgd"])
def test_a_network_without_gradient_is_dead_under_every_optimizer(kind: str) -> None:
    class Still(Fit):
        def losses(self, name: str, state: State) -> dict[str, Tensor]:
            return {"mse": 0 * F.mse_loss(state["out"], state["thermal"])}

    train_step = TrainStep(Still(OptimizerSpec(kind=kind, lr=0.1)))
    train_step.step(batch_of(0))
    for step in range(1, STALLED_CHECKS):
        train_step.check_alive(step)
    with pytest.raises(TrainingError, match="the generator is dead"):
        train_step.check_alive(STALLED_CHECKS)
    alive = TrainStep(Fit(OptimizerSpec(kind=kind, lr=0.1)))
    alive.step(batch_of(0))
    alive.check_alive(1)
