"""Averaged weights against a loop over Python numbers, which are float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from zoo.contracts import EmaSpec, OptimizerSpec, Schedule
from zoo.training.ema import Ema

from .conftest import Run, TinyMethod


def averaging(spec: EmaSpec) -> Callable[[torch.Generator], TinyMethod]:
    class Averaging(TinyMethod):
        inference = ("translator",)
        ema = spec

        def optimizer(self, name: str) -> OptimizerSpec:
            return OptimizerSpec(kind="adamw", lr=0.01, weight_decay=0.1, clip_norm=1.0, schedule=Schedule(warmup=3))

    return Averaging


@pytest.mark.parametrize(
    "spec",
    [
        EmaSpec(decay=0.9, ramp=False),
        EmaSpec(decay=0.9999),
        EmaSpec(decay=0.5, start=4),
        EmaSpec(decay=0.8, ramp=False, start=2, every=3),
    ],
)
def test_the_average_is_that_of_a_plain_loop(spec: EmaSpec) -> None:
    method = averaging(spec)(torch.Generator()).double()
    ema = Ema(method, spec)
    weight = method.translator[0].weight
    expected, n = weight[0, 0, 0, 0].item(), 0
    for done in range(1, 15):
        with torch.no_grad():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(done)).double())
        ema.update(done)
        now = weight[0, 0, 0, 0].item()
        if done <= spec.start:
            expected = now
        elif (done - spec.start) % spec.every == 0:
            decay = min(spec.decay, (1 + n) / (10 + n)) if spec.ramp else spec.decay
            expected, n = decay * expected + (1 - decay) * now, n + 1
        assert ema.average["translator.0.weight"][0, 0, 0, 0].item() == pytest.approx(expected, rel=1e-12)


def test_only_what_translates_is_averaged() -> None:
    method = averaging(EmaSpec())(torch.Generator())
    assert {name.split(".")[0] for name in Ema(method, EmaSpec()).average} == {"translator"}


def test_the_average_translates_at_the_end_and_the_last_weights_are_kept(new_run: Callable[..., Run]) -> None:
    plain, averaged = new_run(averaging(None)), new_run(averaging(EmaSpec(decay=0.5, ramp=False)))
    plain.go(8)
    result = averaged.go(8)
    last, average = plain.end(), averaged.end()
    for name, tensor in result.last.items():
        assert torch.equal(tensor, last[name])
    assert not torch.equal(average["translator.0.weight"], last["translator.0.weight"])
    assert torch.equal(average["discriminator.weight"], last["discriminator.weight"])


def test_a_stopped_training_ends_with_the_same_average_and_weights(new_run: Callable[..., Run]) -> None:
    whole, stopped = (new_run(averaging(EmaSpec(decay=0.7))) for _ in range(2))
    result = whole.go(40)
    assert stopped.go(40, stop_after=17).last == {}
    resumed = stopped.go(40)
    end = stopped.end()
    for name, tensor in whole.end().items():
        assert torch.equal(tensor, end[name]), name
    assert all(torch.equal(tensor, resumed.last[name]) for name, tensor in result.last.items())
    assert whole.method.ema is not None


def test_a_stopped_training_of_batches_in_parts_ends_with_the_same_weights(new_run: Callable[..., Run]) -> None:
    class Once(averaging(EmaSpec())):
        order = ("generator", "discriminator")

    whole, stopped = new_run(Once), new_run(Once)
    whole.go(20, accumulate=2)
    stopped.go(20, stop_after=9, accumulate=2)
    stopped.go(20, accumulate=2)
    end = stopped.end()
    assert all(torch.equal(tensor, end[name]) for name, tensor in whole.end().items())
