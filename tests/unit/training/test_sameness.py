"""Every faster path against the plain one over fifty steps of real methods.

In float64, where rounding is too small for a GAN to blow it up within the fifty steps: a path that computed anything else would
show. What is special to float32 and bfloat16 kernels is compared over the first steps.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from zoo.build import build_method
from zoo.composition import compose
from zoo.compute.graph import WARM_STEPS, CudaGraphStep
from zoo.compute.networks import prepared
from zoo.compute.options import PLAIN, ComputeOptions, kernels
from zoo.data.layout import read_info
from zoo.data.sampling import BatchSampler
from zoo.data.store import PairStore
from zoo.errors import ZooError
from zoo.recipe import Budget, Precision
from zoo.training.seeds import seed_everything
from zoo.training.step import TrainStep

CPU, SIZE, STEPS = torch.device("cpu"), 16, 50
RESNET = "resnet6:width=4,blocks=1"
SYSTEMS = {
    "gn": {"generator": RESNET, "discriminator": "patchgan_gn:width=4,layers=2"},
    "sn, batch of 2": {"generator": RESNET, "discriminator": "patchgan_sn:width=4,layers=2", "batch": 2},
    "gp": {"generator": RESNET, "discriminator": "patchgan_gp:width=4,layers=2"},
    "cut": {
        "method": "cut:width=8,patches=8",
        "generator": RESNET + ",antialias=true",
        "discriminator": "patchgan:width=4,layers=2",
    },
}
Losses = list[dict[str, float]]
Wrap = Callable[[TrainStep], TrainStep | CudaGraphStep]


@pytest.fixture(autouse=True)
def _settings():
    """Leave torch's global settings as they were."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    yield
    torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def train(
    root: Path,
    system: str,
    compute: ComputeOptions,
    *,
    steps: int = STEPS,
    kind: torch.dtype = torch.float64,
    precision: Precision = "fp32",
    wrap: Wrap = lambda train_step: train_step,
) -> Losses:
    """Return the losses of every step."""
    recipe = compose(data=str(root), size=SIZE, steps=steps, **SYSTEMS[system])
    rng = seed_everything(0, CPU)
    method = build_method(recipe, read_info(root), rng, training=True).to(kind).train()
    store = PairStore.open(root, "train", size=SIZE + 2, device=CPU)
    order = BatchSampler(0, store.n_visible, store.n_thermal, recipe.batch, False)
    losses = []
    with kernels(precision, compute), prepared(method, compute, precision, CPU):
        train_step = TrainStep(method, compute, budget=Budget(steps=steps, constant=1))
        advance = wrap(train_step)
        for step in range(steps):
            batch = store.sample(*order.indices(step), crop=SIZE, rng=rng, aligned=False)
            floats = {name: tensor.to(kind) for name, tensor in batch.items() if tensor.is_floating_point()}
            advance.step(batch | floats, step)
            losses.append(train_step.losses.read(step))
    return losses


def far(a: Losses, b: Losses) -> float:
    """The largest difference of two losses, relative to the first."""
    return max(abs(x[name] - y[name]) / (abs(x[name]) + 1e-3) for x, y in zip(a, b, strict=True) for name in x)


@pytest.mark.parametrize("system", SYSTEMS)
def test_channels_last_and_fused_follow_the_plain_path(pairs, system):
    fast = train(pairs, system, ComputeOptions(channels_last=True, fused=True))
    assert far(train(pairs, system, PLAIN), fast) < 1e-6


@pytest.mark.parametrize("system", SYSTEMS)
def test_recomputed_activations_change_no_bit(pairs, system):
    assert train(pairs, system, ComputeOptions(recompute=True), steps=8) == train(pairs, system, PLAIN, steps=8)


def test_float32_kernels_follow_the_plain_path_until_rounding_grows(pairs):
    paths = [
        train(pairs, "gn", compute, steps=3, kind=torch.float32)
        for compute in (PLAIN, ComputeOptions(channels_last=True, fused=True))
    ]
    assert far(*paths) < 1e-4


class StandIn:
    """Records on a CPU: like a graph, recording changes no tensor, and a replay runs what was recorded."""

    def __init__(self, train_step: TrainStep) -> None:
        self.train_step, self.warmed, self.replayed = train_step, 0, 0

    def warm(self, work):
        self.warmed += 1
        work()

    def record(self, work):
        rng = next(module.rng for module in self.train_step.method.modules() if hasattr(module, "rng"))
        before = {name: tensor.clone() for name, tensor in self.train_step.tensors().items()}
        streams = rng.get_state(), torch.get_rng_state()
        work()
        for name, tensor in self.train_step.tensors().items():
            tensor.detach().copy_(before[name])
        rng.set_state(streams[0])
        torch.set_rng_state(streams[1])

        def replay() -> None:
            counts = copy.copy(self.train_step.losses.counts)
            work()
            self.train_step.losses.counts = counts  # a graph runs no Python
            self.replayed += 1

        return replay


@pytest.mark.parametrize("system", ["gn", "sn, batch of 2"])
def test_a_recorded_step_is_the_plain_one_bit_for_bit(pairs, system):
    recorders = []

    def wrap(train_step: TrainStep) -> CudaGraphStep:
        recorders.append(StandIn(train_step))
        return CudaGraphStep(train_step, recorders[0])

    recorded = train(pairs, system, PLAIN, steps=12, wrap=wrap)
    assert recorded == train(pairs, system, PLAIN, steps=12)
    assert (recorders[0].warmed, recorders[0].replayed) == (WARM_STEPS, 12 - WARM_STEPS)


def test_a_step_whose_batch_holds_lists_runs_without_a_graph():
    class Counting:
        steps = 0

        def step(self, batch, factor):
            self.steps += 1

    plain = Counting()
    recorded = CudaGraphStep(plain, StandIn(plain))
    for _ in range(WARM_STEPS + 2):
        recorded.step({"visible": torch.zeros(1), "boxes": [torch.zeros(2, 5)]}, 1.0)
    assert plain.steps == WARM_STEPS + 2


class Refusing(StandIn):
    """Cannot record, and finds that out at the end of the work."""

    def record(self, work):
        super().record(work)
        raise RuntimeError("operation not permitted when stream is capturing")


def test_a_step_that_cannot_be_captured_runs_without_a_graph(pairs, caplog):
    refused = train(
        pairs, "gn", PLAIN, steps=8, wrap=lambda train_step: CudaGraphStep(train_step, Refusing(train_step))
    )
    assert refused == train(pairs, "gn", PLAIN, steps=8)
    assert caplog.text.count("cannot be captured in a CUDA graph") == 1


@pytest.mark.parametrize("failure", ["stuck", "full"])
def test_a_failed_capture_that_cannot_be_left_is_an_error(pairs, failure):
    class Stuck(Refusing):
        def record(self, work):
            if failure == "full":
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().record(work)

        def warm(self, work):
            self.warmed += 1
            if self.warmed > WARM_STEPS:
                raise RuntimeError("Offset increment outside graph capture")
            work()

    error, message = (
        (ZooError, "cannot leave the capture. Use `compute`")
        if failure == "stuck"
        else (torch.OutOfMemoryError, "CUDA")
    )
    with pytest.raises(error, match=message):
        train(pairs, "gn", PLAIN, steps=8, wrap=lambda train_step: CudaGraphStep(train_step, Stuck(train_step)))


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_compiled_networks_follow_the_plain_path(pairs, system, monkeypatch):
    compiler = torch.compile
    # Traced and differentiated as for any backend, and run by torch's own kernels: no C++ compiler is needed.
    monkeypatch.setattr(
        torch, "compile", lambda function, **_: partial(compiler, backend="aot_eager", dynamic=False)(function)
    )
    assert far(train(pairs, system, PLAIN), train(pairs, system, ComputeOptions(compile=True))) < 1e-6


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="compiling for a CPU needs g++")
@pytest.mark.parametrize("system", ["gn", "cut"])
def test_networks_compiled_to_c_follow_the_plain_path(pairs, system):
    fast = train(pairs, system, ComputeOptions(channels_last=True, fused=True, compile=True))
    assert far(train(pairs, system, PLAIN), fast) < 1e-6


@pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has no bf16 units")
@pytest.mark.parametrize("system", SYSTEMS)
def test_bf16_starts_within_its_precision_of_the_plain_path(pairs, system):
    half = train(pairs, system, PLAIN, steps=1, kind=torch.float32, precision="bf16")
    assert 0 < far(train(pairs, system, PLAIN, steps=1, kind=torch.float32), half) < 0.05
