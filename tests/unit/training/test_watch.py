"""Validation during a training: what it keeps, when it ends, that it changes nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.compute.graph import CudaGraphStep
from zoo.compute.options import ComputeOptions
from zoo.contracts import Batch, EmaSpec, Method, State
from zoo.recipe import Budget, Part, Validation
from zoo.training import loop
from zoo.training.log import LOG, read_log
from zoo.training.losses import TrainingError
from zoo.training.schedule import lr_factor
from zoo.training.step import TrainStep
from zoo.training.watch import Watch
from zoo.training_options import held_out

from .conftest import Run, TinyMethod, TinyStore

PSNR = Part(name="metrics/psnr")


class Tiny(TinyMethod):
    inference = ("translator",)


def plan(every: int = 4, **options: Any) -> Validation:
    return Validation(split="validation", every=every, metric=PSNR, **options)


class Scores:
    """Scores given in advance, with what translated at each; as careless with random numbers as a metric may be."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values, self.seen = list(values), list[dict[str, Tensor]]()

    def __call__(self, method: Method) -> float:
        torch.manual_seed(99)
        method.train()
        method.translator(torch.randn(2, 3, 8, 8))
        self.seen.append({name: tensor.clone() for name, tensor in method.state_dict().items()})
        return self.values[len(self.seen) - 1]


def watched(validation: Validation, values: Sequence[float], *, higher: bool = True) -> tuple[Watch, Scores]:
    scores = Scores(values)
    return Watch(validation, scores, higher=higher), scores


def test_a_validation_changes_no_weight(new_run: Callable[..., Run]) -> None:
    plain, validated = new_run(Tiny), new_run(Tiny)
    plain.go(12)
    watch, _ = watched(plan(), [3, 2, 1])
    validated.go(12, watch=watch, validation=watch.plan)
    end = validated.end()
    assert all(torch.equal(tensor, end[name]) for name, tensor in plain.end().items())


@pytest.mark.parametrize(("higher", "step"), [(True, 8), (False, 12)])
def test_the_best_weights_remain(new_run: Callable[..., Run], higher: bool, step: int) -> None:
    watch, scores = watched(plan(keep="best"), [2, 3, 1, 2.5], higher=higher)
    run = new_run(Tiny)
    run.go(16, watch=watch, validation=watch.plan)
    assert (watch.step, len(scores.seen)) == (step, 4)
    expected = scores.seen[step // 4 - 1]
    for name, tensor in run.end().items():
        if name.startswith("translator") and "running" not in name and "num_batches" not in name:
            assert torch.equal(tensor, expected[name])
    assert [entry.validation for entry in read_log(run.folder / LOG) if entry.validation is not None] == [2, 3, 1, 2.5]


def test_the_average_is_what_is_validated_and_kept(new_run: Callable[..., Run]) -> None:
    class Averaged(Tiny):
        ema = EmaSpec(decay=0.5, ramp=False)

    watch, scores = watched(plan(keep="best"), [1, 2, 0])
    run = new_run(Averaged)
    result = run.go(12, watch=watch, validation=watch.plan)
    weight = "translator.0.weight"
    assert torch.equal(run.end()[weight], scores.seen[1][weight])
    assert not torch.equal(result.last[weight], scores.seen[2][weight])


def test_patience_ends_a_training_that_does_not_improve(new_run: Callable[..., Run]) -> None:
    watch, scores = watched(plan(patience=2), [1, 2, 1.5, 1.9, 5])
    result = new_run(Tiny).go(40, watch=watch, validation=watch.plan)
    assert (result.status, result.steps, len(scores.seen)) == ("finished", 16, 4)


def test_a_stopped_training_keeps_the_same_weights(new_run: Callable[..., Run]) -> None:
    values = [1, 4, 2, 3, 2, 1]
    whole, stopped = new_run(Tiny), new_run(Tiny)
    watch, _ = watched(plan(keep="best", patience=3), values)
    whole.go(24, watch=watch, validation=watch.plan)
    first, _ = watched(watch.plan, values)
    stopped.go(24, watch=first, validation=watch.plan, stop_after=13)
    second, _ = watched(watch.plan, values[3:])
    result = stopped.go(24, watch=second, validation=watch.plan)
    assert (second.value, second.step, result.steps) == (watch.value, watch.step, 20)
    end = stopped.end()
    assert all(torch.equal(tensor, end[name]) for name, tensor in whole.end().items())


class Fragile(Tiny):
    """Its loss is not finite the first times that step 10 is reached."""

    order = ("generator", "discriminator")

    def __init__(self, rng: torch.Generator, failures: int) -> None:
        super().__init__(rng)
        self.failures = failures

    def forward(self, batch: Batch) -> State:
        self.fails = int(batch["step"]) == 10 and self.failures > 0
        self.failures -= self.fails
        return super().forward(batch)

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        return {key: value * float("nan" if self.fails else 1) for key, value in super().losses(name, state).items()}


def test_a_loss_that_is_not_finite_goes_back_to_the_last_validation_at_half_the_rate(
    new_run: Callable[..., Run],
) -> None:
    run = new_run(lambda rng: Fragile(rng, failures=1))
    watch, _ = watched(plan(rescues=1), [1.0] * 9)
    run.go(16, watch=watch, validation=watch.plan)
    rates = {entry.step: entry.lr for entry in read_log(run.folder / LOG)}
    factors = {step: lr_factor(step - 1, Budget(steps=16, constant=8)) for step in rates}
    expected = {step: 0.02 * factor * (0.5 if step > 8 else 1) for step, factor in factors.items()}
    assert rates == pytest.approx(expected)
    assert sorted(rates) == list(range(2, 17, 2))
    assert all(tensor.isfinite().all() for tensor in run.end().values())


def test_a_training_is_not_rescued_more_often_than_asked(new_run: Callable[..., Run]) -> None:
    run = new_run(lambda rng: Fragile(rng, failures=9))
    watch, _ = watched(plan(rescues=2), [1.0] * 9)
    with pytest.raises(TrainingError, match="no longer finite by step 1"):
        run.go(16, watch=watch, validation=watch.plan)
    assert run.method.failures == 9 - 3


def test_held_out_images_are_never_trained_on(new_run: Callable[..., Run]) -> None:
    class Noting(TinyStore):
        def __init__(self) -> None:
            super().__init__()
            self.drawn = set[int]()

        def sample(self, visible: Tensor, thermal: Tensor, **options: Any) -> Batch:
            self.drawn |= {*visible.tolist(), *thermal.tolist()}
            return super().sample(visible, thermal, **options)

    store = Noting()
    validation = Validation(part=0.4, every=99, metric=PSNR)
    watch, _ = watched(validation, [1.0])
    new_run(Tiny).go(30, store=store, watch=watch, validation=validation)
    assert store.drawn == {0, 1, 2, 3, 4} - set(held_out(5, 0.4))
    assert len(held_out(5, 0.4)) == 2


def test_a_captured_step_is_captured_again_after_going_back(
    new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[TrainStep] = []

    class Recorded(CudaGraphStep):
        def __init__(self, train_step: TrainStep, recorder: object) -> None:
            super().__init__(train_step, Replaying())
            made.append(train_step)

    class Replaying:
        def warm(self, work: Callable[[], None]) -> None:
            work()

        def record(self, work: Callable[[], None]) -> Callable[[], None]:
            return work

    monkeypatch.setattr(loop, "CudaGraphStep", Recorded)
    monkeypatch.setattr(loop, "CudaGraph", lambda device, rng: None)
    run = new_run(lambda rng: Fragile(rng, failures=1))
    watch, _ = watched(plan(rescues=1), [1.0] * 9)
    run.go(16, watch=watch, validation=watch.plan, compute=ComputeOptions(graph=True))
    assert len(made) == 2


def test_weights_that_are_not_finite_at_a_validation_are_a_diverged_training(new_run: Callable[..., Run]) -> None:
    class Broken(Tiny):
        def after_step(self, name: str) -> None:
            with torch.no_grad():
                self.translator[0].weight.fill_(float("inf"))

    watch, scores = watched(plan(every=1, rescues=1), [1.0] * 9)
    with pytest.raises(TrainingError, match=r"translator.0.weight and others are no longer finite by step 1"):
        new_run(Broken).go(4, watch=watch, validation=watch.plan)
    assert scores.seen == []


def test_a_score_that_is_no_number_is_never_the_best(new_run: Callable[..., Run]) -> None:
    watch, _ = watched(plan(keep="best"), [float("nan"), 2, float("nan"), 1])
    new_run(Tiny).go(16, watch=watch, validation=watch.plan)
    assert (watch.value, watch.step) == (2, 8)


def test_the_last_weights_stand_beside_the_best(new_run: Callable[..., Run]) -> None:
    class Averaged(Tiny):
        ema = EmaSpec(decay=0.5)

    plain = new_run(Tiny)
    plain.go(12)
    watch, _ = watched(plan(keep="best"), [3, 2, 1])
    last = new_run(Averaged).go(12, watch=watch, validation=watch.plan).last
    assert last.keys() == {name for name in plain.end() if name.startswith("translator")}
    assert all(torch.equal(tensor, plain.end()[name]) for name, tensor in last.items())
