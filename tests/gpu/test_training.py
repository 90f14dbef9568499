"""The main job on a CUDA device. Run by hand where there is one: `python -m pytest tests/gpu`."""

from __future__ import annotations

import json

import pytest
import torch

import zoo as package
from zoo.build import build_method
from zoo.composition import compose
from zoo.data.layout import read_info
from zoo.data.sampling import BatchSampler
from zoo.data.store import PairStore
from zoo.training.seeds import seed_everything
from zoo.training.step import TrainStep

pytestmark = pytest.mark.gpu

TINY = {"generator": "resnet6:width=8,blocks=1", "discriminator": "patchgan_gn:width=8,layers=2", "size": 32}


def train_step_on(device: torch.device, root) -> tuple[TrainStep, PairStore, torch.Generator]:
    recipe = compose(data=str(root), **TINY)
    rng = seed_everything(0, device)
    method = build_method(recipe, read_info(root), rng, training=True).to(device).train()
    return TrainStep(method), PairStore.open(root, "train", size=36, device=device), rng


def test_no_step_waits_for_the_device(pairs):
    train_step, store, rng = train_step_on(torch.device("cuda"), pairs)
    order = BatchSampler(0, store.n_visible, store.n_thermal, 1, False)
    for step in range(3):
        torch.cuda.set_sync_debug_mode("error" if step else "default")  # the first step may build caches
        train_step.step(store.sample(*order.indices(step), crop=32, rng=rng, aligned=False), 1.0)
    torch.cuda.set_sync_debug_mode("default")


def test_a_cuda_step_gives_the_cpus_losses(pairs):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    losses = []
    for name in ("cpu", "cuda"):
        device = torch.device(name)
        train_step, store, _ = train_step_on(device, pairs)
        batch = {key: value[..., :32, :32] for key, value in store.whole(torch.tensor([0])).items() if value.dim() == 4}
        train_step.step(batch)
        losses.append(train_step.losses.read(1))
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_a_bench_on_cuda_leaves_a_record_and_a_model(pairs, zoo, tmp_path):
    words = ("--gen", TINY["generator"], "--disc", TINY["discriminator"], "--size", "32", "--steps", "6")
    done = zoo("bench", *words, "--data", str(pairs), "--device", "cuda", "--out", "out")
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "out").glob("*/record.json")
    record = json.loads(path.read_text())
    assert record["environment"]["device"].startswith("cuda") and record["peak_memory"]["device"] > 0
    translated = package.load(path.parent, device="cuda").translate(torch.zeros(3, 40, 50))
    assert translated.shape == (1, 40, 50)
