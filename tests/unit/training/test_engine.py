from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from zoo.contracts import Batch, Method, OptimizerSpec, State
from zoo.training.losses import TrainingError


class OneOptimizer(Method):
    """Trains one weight on `loss(weight, step)`."""

    order = ("generator",)

    def __init__(self, loss: Callable[[Tensor, int], Tensor]) -> None:
        super().__init__()
        self.net, self.loss, self.step = nn.Linear(1, 1, bias=False), loss, 0
        nn.init.ones_(self.net.weight)

    def networks(self) -> dict[str, list[nn.Module]]:
        return {"generator": [self.net]}

    def optimizer(self, name: str) -> OptimizerSpec:
        return OptimizerSpec(lr=0.1, betas=(0.5, 0.9))

    def forward(self, batch: Batch) -> State:
        self.step += 1
        return {}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        return {"good": self.net.weight.sum() * 0 + 1, "bad": self.loss(self.net.weight, self.step)}


def log_lines(folder: Path) -> list[dict]:
    """The log without the speeds, which no two runs share."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "it_s"} for line in lines]


def saved_tensors(folder: Path) -> dict[str, Tensor]:
    return load_file(max((folder / "checkpoints").iterdir()) / "tensors.safetensors")


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


@pytest.mark.parametrize("stop_after", [1, 2, 3, 5])
def test_a_stopped_training_goes_on_bit_for_bit(new_run, stop_after: int) -> None:
    whole, parts = new_run(), new_run()
    whole.go(6)
    assert parts.go(6, stop_after=stop_after).status == "interrupted"
    result = parts.go(6)
    assert (result.status, result.steps) == ("finished", 6)
    assert_same(whole.end(), parts.end())
    assert_same(saved_tensors(whole.folder), saved_tensors(parts.folder))
    assert log_lines(whole.folder) == log_lines(parts.folder)
    assert [line["step"] for line in log_lines(parts.folder)] == [2, 4, 6]
    order = ["generator/gan", "generator/l1", "discriminator/critic"]
    assert [list(line["losses"]) for line in log_lines(parts.folder)] == [order] * 3


class KilledError(BaseException):
    """Stands for a kill: nothing in the engine may catch it."""


def dying_after(updates: int, make: Callable[[torch.Generator], Method]) -> Callable[[torch.Generator], Method]:
    """Methods that fail in the middle of an update, with an exception that the engine does not catch."""

    def build(rng: torch.Generator) -> Method:
        method, done = make(rng), []
        losses = method.losses

        def dying(name: str, state: State) -> dict[str, Tensor]:
            done.append(name)
            if len(done) > updates:
                raise KilledError
            return losses(name, state)

        method.losses = dying
        return method

    return build


def test_a_training_that_dies_between_checkpoints_ends_as_one_that_did_not(new_run) -> None:
    whole, killed = new_run(), new_run()
    whole.go(7)
    killed.go(7, stop_after=3)
    make, killed.make = killed.make, dying_after(8, killed.make)
    with pytest.raises(KilledError):
        killed.go(7)
    assert [line["step"] for line in log_lines(killed.folder)] == [2, 4]
    killed.make = make
    killed.go(7)
    assert_same(whole.end(), killed.end())
    assert log_lines(whole.folder) == log_lines(killed.folder)


def test_only_the_networks_of_the_updated_optimizer_get_gradients(new_run) -> None:
    run = new_run()
    run.go(1)
    assert run.method.gradients_by_update == [
        ("generator", True, False),
        ("discriminator", False, True),
        ("discriminator", False, True),
    ]


def test_what_a_method_froze_stays_frozen(new_run) -> None:
    run = new_run()
    run.go(3)
    torch.manual_seed(0)
    assert_same(run.make(torch.Generator()).frozen.state_dict(), run.method.frozen.state_dict())
    assert not run.method.frozen.weight.requires_grad


def test_a_finished_training_is_not_trained_again(new_run) -> None:
    run = new_run()
    run.go(4)
    end = run.end()
    assert run.go(4).status == "finished"
    assert run.reports == []
    assert_same(end, run.end())


def test_reports_come_every_step_and_log_entries_at_the_log_interval(new_run) -> None:
    run = new_run()
    result = run.go(5)
    assert [report.step for report in run.reports] == [1, 2, 3, 4, 5]
    assert [report.entry is not None for report in run.reports] == [False, True, False, True, True]
    assert [entry.step for entry in result.tail] == [2, 4, 5]
    assert set(result.tail[0].losses) == {"generator/gan", "generator/l1", "discriminator/critic"}


def test_the_log_holds_the_mean_of_each_term_over_its_turns(new_run) -> None:
    run = new_run(lambda rng: OneOptimizer(lambda weight, step: (weight - weight.detach()).sum() + step**2))
    means = [entry.losses["generator/bad"] for entry in run.go(5).tail]
    assert means == [(1 + 4) / 2, (9 + 16) / 2, 25]


def test_checkpoints_are_written_as_time_goes_by_and_two_are_kept(new_run) -> None:
    run = new_run()
    run.go(5, every=0.0)
    assert sorted(path.name for path in (run.folder / "checkpoints").iterdir()) == ["000000004", "000000005"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_term_that_is_not_finite_in_one_step_stops_the_training_at_the_next_reading(new_run, value: float) -> None:
    run = new_run(lambda rng: OneOptimizer(lambda weight, step: weight.sum() + (value if step == 3 else 0.0)))
    with pytest.raises(TrainingError, match="generator/bad no longer finite by step 4") as caught:
        run.go(8)
    assert (caught.value.step, caught.value.terms) == (4, ("generator/bad",))
    assert [line["step"] for line in log_lines(run.folder)] == [2]


def test_a_state_that_diverged_is_not_saved(new_run) -> None:
    run = new_run(lambda rng: OneOptimizer(lambda weight, step: weight.sum() * (float("nan") if step == 3 else 1.0)))
    with pytest.raises(TrainingError):
        run.go(8, every=0.0)
    assert sorted(path.name for path in (run.folder / "checkpoints").iterdir()) == ["000000001", "000000002"]


def test_networks_without_gradients_are_called_dead(new_run) -> None:
    run = new_run(lambda rng: OneOptimizer(lambda weight, step: (weight * 0).relu().sum()))
    with pytest.raises(TrainingError, match="the generator is dead: no gradient") as caught:
        run.go(12)
    assert caught.value.terms == ("generator",)


def test_a_method_without_optimizers_is_fitted_over_the_whole_split_once(new_run) -> None:
    class Mean(Method):
        def fit(self, batches):
            self.sizes = [len(batch["thermal"]) for batch in batches]

    run = new_run(lambda rng: Mean())
    assert run.go(6).status == "finished"
    assert run.method.sizes == [2, 2, 1]


def test_a_training_equals_torch_adam_on_the_schedule(new_run) -> None:
    run = new_run(lambda rng: OneOptimizer(lambda weight, step: (weight - 3).square().sum()))
    run.go(4)
    weight = torch.ones(1, 1, requires_grad=True)
    adam = torch.optim.Adam([weight], lr=0.1, betas=(0.5, 0.9))
    for factor in (1.0, 1.0, 2 / 3, 1 / 3):
        adam.param_groups[0]["lr"] = 0.1 * factor
        adam.zero_grad()
        (weight - 3).square().sum().backward()
        adam.step()
    torch.testing.assert_close(run.method.net.weight, weight, rtol=1e-6, atol=0)


def test_a_process_killed_by_the_system_goes_on_bit_for_bit(new_run) -> None:
    whole, killed = new_run(), new_run()
    whole.go(6)
    script = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import Run
Run(Path(sys.argv[2])).go(6, every=0.0, on_step=lambda r: r.step == 4 and os.kill(os.getpid(), signal.SIGKILL))
"""
    command = [sys.executable, "-c", script, str(Path(__file__).parent), str(killed.folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    killed.go(6)
    assert [report.step for report in killed.reports] == [5, 6]
    assert_same(whole.end(), killed.end())
    assert log_lines(whole.folder) == log_lines(killed.folder)
