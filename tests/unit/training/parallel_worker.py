"""One process of the trainings for test_distributed.py: DATA JOBS, with batch 2 over all processes.

It computes in float64. A bias in front of an instance norm has no gradient but rounding, which Adam turns into full steps in
float32; these change no output, but no two ways of summing a batch agree on them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from zoo.build import build_method
from zoo.composition import compose
from zoo.contracts import Batch
from zoo.data.store import PairStore
from zoo.recipe import choice_of
from zoo.sources import DataSource, open_source
from zoo.training.engine import train
from zoo.training.seeds import seed_everything
from zoo.training.watch import Watch
from zoo.training_options import TrainingOptions


class DoubleStore:
    """The training split in float64."""

    def __init__(self, store: PairStore) -> None:
        self.n_visible, self.n_thermal, self._store = store.n_visible, store.n_thermal, store

    def sample(
        self, *indices: Tensor, crop: int, rng: torch.Generator, aligned: bool, flip: bool, part: slice
    ) -> Batch:
        batch = self._store.sample(*indices, crop=crop, rng=rng, aligned=aligned, flip=flip, part=part)
        return {name: images.double() for name, images in batch.items()}


def train_one(
    source: DataSource, out: Path, parts: dict[str, str], steps: int, stop_after: int, training: dict[str, object]
) -> None:
    recipe = compose(**parts, data=source, size=32, steps=steps, batch=2, training=TrainingOptions(**training))
    device, done = torch.device("cpu"), []

    def split(size: int) -> DoubleStore:
        return DoubleStore(PairStore.open(source.root, "train", size=size, device=device))

    rng = seed_everything(0, device)
    result = train(
        build_method(recipe, source.info, rng, training=True),
        recipe,
        split(recipe.load_size),
        folder=out,
        train_key="key",
        device=device,
        rng=rng,
        paired="pairs" in choice_of("method", recipe.method).contract.needs,
        on_step=done.append,
        stop=lambda: len(done) >= stop_after,
        log_every=2,
        decay_store=None if recipe.decay_crop else lambda: split(recipe.size),
        watch=Watch(recipe.validation, lambda method: 1.0, higher=True) if recipe.validation else None,
    )
    print(result.status, result.steps)


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    data = open_source(sys.argv[1], size=32)
    for job in json.loads(sys.argv[2]):
        train_one(data, Path(job["out"]), job["parts"], job["steps"], job["stop_after"], job["training"])
