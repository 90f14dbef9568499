"""How long a training step takes: the default path against the plain one, eager and fp32, of the same run.

python benchmarks/speed/steps.py cyclegan gn_cyclegan pix2pix --size 128,256 --batch 1,4
A system is a recipe's name or METHOD+GENERATOR+DISCRIMINATOR, e.g. cyclegan+unet_128+patchgan_gn.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, cast

import harness  # before torch
import torch

from zoo.build import build_method
from zoo.composition import compose
from zoo.compute.graph import WARM_STEPS, CudaGraph, CudaGraphStep
from zoo.compute.networks import is_deep, prepared
from zoo.compute.options import LONG, PLAIN, choose_compute, kernels, parse_compute, require_precision
from zoo.data.layout import read_info
from zoo.data.sampling import BatchSampler
from zoo.data.store import PairStore
from zoo.errors import ZooError
from zoo.recipe import Precision, Recipe, choice_of
from zoo.sources import open_source
from zoo.training.seeds import seed_everything
from zoo.training.step import TrainStep

DATA = "scenes:train=20,test=2"


class Path:
    """One way to train a recipe, ready to do the next step."""

    def __init__(self, recipe: Recipe, words: str, steps: int, device: torch.device) -> None:
        text, _, precision = words.partition("@")
        self.precision = cast(Precision, precision or "fp32")
        require_precision(self.precision, device)
        self.undo, self.number = ExitStack(), 0
        root = open_source(DATA, size=recipe.size).root
        self.rng = seed_everything(recipe.seed, device)
        method = build_method(recipe, read_info(root), self.rng, training=True).to(device).train()
        self.speed = speed = choose_compute(parse_compute(text), device, steps=steps, deep=is_deep(method))
        self.store = PairStore.open(
            root, "train", size=recipe.load_size, device=device, thermal_channels=recipe.thermal_channels
        )
        self.paired = "pairs" in choice_of("method", recipe.method).contract.needs
        self.order = BatchSampler(recipe.seed, self.store.n_visible, self.store.n_thermal, recipe.batch, self.paired)
        self.size = recipe.size
        self.undo.enter_context(prepared(method, speed, self.precision, device))
        train_step = TrainStep(method, speed)
        self.train_step = CudaGraphStep(train_step, CudaGraph(device, self.rng)) if speed.graph else train_step

    def step(self) -> None:
        """Do the next step."""
        with kernels(self.precision, self.speed):
            indices = self.order.indices(self.number)
            batch = self.store.sample(*indices, crop=self.size, rng=self.rng, aligned=self.paired)
            self.train_step.step(batch)
        self.number += 1

    def warm(self) -> None:
        """Do the first steps, in which state is made, code compiled and a graph recorded."""
        for _ in range(WARM_STEPS + 2 if self.speed != PLAIN else 1):
            self.step()


def main() -> None:
    """Measure every system at every size and batch."""
    options = harness.parser(__doc__)
    options.add_argument("systems", nargs="*", default=["cyclegan"])
    options.add_argument("--size", default="128", type=harness.numbers)
    options.add_argument("--batch", default="1", type=harness.numbers)
    options.add_argument(
        "--compute", help="compute options to compare with plain, separated by /; @bf16 for another precision"
    )
    options.add_argument("--steps", type=int, default=LONG, help="length of the training that auto chooses for")
    args = options.parse_args()
    rows: list[dict[str, Any]] = []
    for system in args.systems:
        for size in args.size:
            for batch in args.batch:
                new = list(_rows(args, system, size, batch))
                harness.report(new, args, before=rows)  # at once: the next may run out of time
                rows += new


def _rows(args: argparse.Namespace, system: str, size: int, batch: int) -> Iterator[dict[str, Any]]:
    about = {"system": system, "px": size, "batch": batch}
    device = torch.device(args.device)
    paths: dict[str, Path] = {}
    try:
        recipe = _recipe(system, size, batch)
        usual = "plain@tf32/auto/auto@bf16" if device.type == "cuda" else "auto"
        for words in ("plain", *(args.compute or usual).split("/")):
            path = Path(recipe, words, args.steps, device)
            paths[f"{path.speed} {path.precision}"] = path
        memory = {name: harness.working_bytes(path.warm, device) for name, path in paths.items()}
        flops = harness.flops(next(iter(paths.values())).step)
        times = harness.compare({name: path.step for name, path in paths.items()}, device, args.seconds)
    except (ZooError, RuntimeError) as error:  # as of too little memory, or of what cannot be compiled
        yield {**about, "path": f"not run: {' '.join(str(error).split())[:200]}"}
        return
    finally:
        for path in paths.values():
            path.undo.close()
        gc.collect()
    plain = next(iter(times.values()))
    for name, timing in times.items():
        rate = flops / timing.median / 1e12
        yield {
            **about,
            "path": name,
            "ms": 1e3 * timing.median,
            "best ms": 1e3 * timing.best,
            **harness.ratios(plain.times, timing.times),
            "processor ratio": plain.processor / timing.processor,
            "TFLOP/s": rate,
            "of peak": rate / harness.matmul_peak(device, name.split()[-1]),
            "MiB": memory[name] // 2**20,
            "rounds": len(timing.times),
        }


def _recipe(system: str, size: int, batch: int) -> Recipe:
    words = dict(zip(("method", "generator", "discriminator"), system.split("+"), strict=False))
    parts = words if len(words) > 1 else {"recipe": system}
    return compose(**parts, data=open_source(DATA, size=size), size=size, batch=batch, steps=1, preset="paper")


if __name__ == "__main__":
    main()
