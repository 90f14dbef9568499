"""The faster paths of a training step on a CUDA device, against the plain one. Run by hand: `python -m pytest tests/gpu`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from zoo.build import build_method
from zoo.composition import compose
from zoo.compute.graph import WARM_STEPS, CudaGraph, CudaGraphStep
from zoo.compute.networks import prepared
from zoo.compute.options import PLAIN, ComputeOptions, kernels
from zoo.data.layout import read_info
from zoo.data.sampling import BatchSampler
from zoo.data.store import PairStore
from zoo.recipe import Budget, Precision, choice_of
from zoo.training.engine import train
from zoo.training.seeds import seed_everything
from zoo.training.step import TrainStep

pytestmark = pytest.mark.gpu

SIZE, STEPS = 32, 50
RESNET = "resnet6:width=8,blocks=1"
# A graph holds learning rates in float32, so they are powers of two: rounding them would be another training.
RATE = "lr=0.000244140625"
SYSTEMS = {
    "gn": {"method": f"cyclegan:{RATE}", "generator": RESNET, "discriminator": "patchgan_gn:width=8,layers=2"},
    "gp": {"method": f"cyclegan:{RATE}", "generator": RESNET, "discriminator": "patchgan_gp:width=8,layers=2"},
    "sn": {"method": f"cyclegan:{RATE}", "generator": RESNET, "discriminator": "patchgan_sn:width=8,layers=2"},
    "pix2pix": {
        "method": f"pix2pix:{RATE}",
        "generator": "unet_auto:width=8",
        "discriminator": "patchgan:width=8,layers=2",
    },
    "cut": {
        "method": f"cut:width=16,patches=16,{RATE}",
        "generator": RESNET + ",antialias=true",
        "discriminator": "patchgan:width=8,layers=2",
    },
}
GRAPH = ComputeOptions(fused=True, graph=True)
Losses = list[dict[str, float]]


class Training:
    """A system on the GPU, step by step."""

    def __init__(
        self, root: Path, system: str, compute: ComputeOptions, kind: torch.dtype, precision: Precision, undo: ExitStack
    ):
        self.device, self.kind = torch.device("cuda"), kind
        recipe = compose(data=str(root), size=SIZE, steps=STEPS, **SYSTEMS[system])
        self.rng = seed_everything(0, self.device)
        method = build_method(recipe, read_info(root), self.rng, training=True).to(self.device, kind).train()
        self.store = PairStore.open(root, "train", size=SIZE + 4, device=self.device)
        self.paired = "pairs" in choice_of("method", recipe.method).contract.needs
        self.order = BatchSampler(0, self.store.n_visible, self.store.n_thermal, 1, self.paired)
        undo.enter_context(kernels(precision, compute))
        undo.enter_context(prepared(method, compute, precision, self.device))
        self.train_step = TrainStep(method, compute, budget=Budget(steps=STEPS, constant=STEPS // 2))
        self.advance = (
            CudaGraphStep(self.train_step, CudaGraph(self.device, self.rng)) if compute.graph else self.train_step
        )

    def step(self, step: int) -> None:
        batch = self.store.sample(*self.order.indices(step), crop=SIZE, rng=self.rng, aligned=self.paired)
        floats = {name: tensor.to(self.kind) for name, tensor in batch.items() if tensor.is_floating_point()}
        self.advance.step(batch | floats, step)


def losses(
    root: Path,
    system: str,
    compute: ComputeOptions,
    *,
    kind: torch.dtype = torch.float64,
    steps: int = STEPS,
    precision: Precision = "fp32",
) -> Losses:
    """Return the losses of every step."""
    read = []
    with ExitStack() as undo:
        training = Training(root, system, compute, kind, precision, undo)
        for step in range(steps):
            training.step(step)
            read.append(training.train_step.losses.read(step))
        if compute.graph:
            assert training.advance._replay is not None, "the step was not recorded"
    return read


def far(a: Losses, b: Losses) -> float:
    """The largest difference of two losses, relative to the first."""
    return max(abs(x[name] - y[name]) / (abs(x[name]) + 1e-3) for x, y in zip(a, b, strict=True) for name in x)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_recorded_step_follows_the_plain_one(pairs, system):
    assert far(losses(pairs, system, PLAIN), losses(pairs, system, GRAPH)) < 1e-6


@pytest.mark.parametrize("system", ["gn", "cut"])
def test_channels_last_follows_the_plain_path(pairs, system):
    assert far(losses(pairs, system, PLAIN), losses(pairs, system, ComputeOptions(channels_last=True))) < 1e-6


@pytest.mark.parametrize("system", ["gn", "gp", "cut"])
def test_compiled_and_recorded_follows_the_plain_path(pairs, system):
    compute = ComputeOptions(channels_last=True, fused=True, compile=True, graph=True)
    assert far(losses(pairs, system, PLAIN), losses(pairs, system, compute)) < 1e-6


@pytest.mark.parametrize("system", SYSTEMS)
def test_bf16_starts_within_its_precision_of_fp32(pairs, system):
    full = losses(pairs, system, PLAIN, kind=torch.float32, steps=1)
    assert 0 < far(full, losses(pairs, system, PLAIN, kind=torch.float32, steps=1, precision="bf16")) < 0.05


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("compute", [PLAIN, GRAPH], ids=str)
def test_no_step_of_any_method_waits_for_the_device(pairs, system, compute):
    with ExitStack() as undo:
        training = Training(pairs, system, compute, torch.float32, "fp32", undo)
        for step in range(WARM_STEPS + 4):
            # The first steps build caches, and recording itself waits.
            torch.cuda.set_sync_debug_mode("error" if step > WARM_STEPS else "default")
            try:
                training.step(step)
            finally:
                torch.cuda.set_sync_debug_mode("default")


def test_a_recorded_training_draws_on_after_a_checkpoint(pairs, tmp_path):
    def go(folder: Path, stop_after: int | None) -> list[dict[str, float]]:
        device, heard = torch.device("cuda"), []
        recipe = compose(data=str(pairs), size=SIZE, steps=12, **SYSTEMS["gn"])
        rng = seed_everything(0, device)
        method = build_method(recipe, read_info(pairs), rng, training=True)
        result = train(
            method,
            recipe,
            PairStore.open(pairs, "train", size=SIZE + 4, device=device),
            folder=folder,
            train_key="key",
            device=device,
            rng=rng,
            paired=False,
            on_step=heard.append,
            stop=lambda: stop_after is not None and len(heard) >= stop_after,
            log_every=1,
            compute=GRAPH,
        )
        return [reading.losses for reading in result.tail]

    whole = go(tmp_path / "whole", None)
    go(tmp_path / "parts", 7)
    assert far(whole, go(tmp_path / "parts", None)) < 1e-3
