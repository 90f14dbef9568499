"""The training loop, one for all methods; a kill at any moment loses nothing that a resume cannot repeat.

One training step of a GAN (`zoo.training.step`, in the loop of `train`):

    indices = the images of this step, from the seed               # zoo.data.sampling
    batch = random crops and flips of these images                 # zoo.data.store
    lr of each optimizer = its own lr * lr_factor(step, ...)       # zoo.training.schedule
    state = method(batch)                                          # all translations, once, e.g. fake = G(visible)
    for name in method.order:                                      # e.g. generator, discriminator
        require gradients of this optimizer's networks only
        terms = method.losses(name, state)                         # weighted; D's losses detach the fakes
        optimizer.zero_grad()
        sum(terms).backward()
        average its gradients over the processes, and clip them where its spec says so
        optimizer.step()                                           # Adam, or what its spec names
        method.after_step(name)                                    # e.g. clips weights
        add terms to the running losses, which stay on the device
    average running statistics of the networks over the processes  # e.g. of batch normalization
    average the weights over the steps, where the method asks for it   # zoo.training.ema
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from zoo.compute.networks import prepared
from zoo.compute.options import PLAIN, ComputeOptions, kernels, require_precision
from zoo.contracts import Batch, Method
from zoo.data.sampling import BatchSampler
from zoo.data.store import PairStore
from zoo.recipe import Recipe
from zoo.training.distributed import World
from zoo.training.log import LOG, LogEntry, read_log
from zoo.training.loop import Loop, StepReport
from zoo.training.losses import DivergedError
from zoo.training.samples import Samples
from zoo.training.watch import Watch
from zoo.training_options import held_out

TAIL = 20
"""Log entries in a result."""


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a training ended."""

    status: Literal["finished", "interrupted"]
    steps: int
    """Steps done in total, before and after a resume."""
    seconds: float
    """Time in total."""
    tail: tuple[LogEntry, ...]
    """The last entries of the log."""
    last: Mapping[str, Tensor] = field(default_factory=dict)
    """Where the method averages its weights, which then are the average: the last weights of what translates, by name."""


def train(
    method: Method,
    recipe: Recipe,
    store: PairStore | None,
    *,
    folder: Path,
    train_key: str,
    device: torch.device,
    rng: torch.Generator,
    paired: bool,
    on_step: Callable[[StepReport], None],
    stop: Callable[[], bool],
    checkpoint_every: float = 300.0,
    log_every: int = 50,
    keep_end: bool = True,
    compute: ComputeOptions = PLAIN,
    world: World | None = None,
    decay_store: Callable[[], PairStore] | None = None,
    watch: Watch | None = None,
    samples: Samples | None = None,
) -> TrainResult:
    """Train to the end of the recipe's budget, or until `stop()`, from the last checkpoint in `folder` if there is one.

    `folder` receives `log.jsonl` and `checkpoints/`. On a CPU a training that was stopped or killed and then resumed ends with
    the same weights, bit for bit, and the same losses in its log as one that was not.

    Under `accelerate launch` each process calls this with the same arguments: the batch is divided among them, and the main
    process decides when to stop and to save, and reads and writes files.

    Args:
        method: built and prepared for training; moved to `device`.
        recipe: its size, batch, budget, seed and precision are used.
        store: the training split on `device`; None for a method that reads no training images.
        folder: the run's folder.
        train_key: identity of the training; a checkpoint of another one is refused.
        device: where to train.
        rng: the run's random stream on `device`, from `seed_everything`; the method's parts hold the same one.
        paired: whether a step's visible and thermal images show the same views, for methods that need pairs.
        on_step: called after every step.
        stop: called before every step; when true the state is saved and the training returns.
        checkpoint_every: seconds between checkpoints.
        log_every: steps between log entries, the only moments besides checkpoints that wait for the device.
        keep_end: whether a finished training leaves a checkpoint of its end too, several times the size of the weights.
        compute: how to compute a step, from `choose_compute`.
        world: the processes of the training; by default those that the environment names.
        decay_store: opens the training split at the recipe's `size`, for recipes without `decay_crop`: it replaces `store`
            when the learning rate begins to fall.
        watch: scores the training on validation images, where the recipe says so.
        samples: shows training images as they are translated meanwhile.

    Raises:
        TrainingError: a loss became NaN or infinite, or networks receive no gradient any more.
        CheckpointError: the checkpoints cannot be used.
        ZooError: the folder cannot be written.
        UsageError: the batch cannot be divided equally among the processes, or the device lacks hardware for the precision.
    """
    started = time.perf_counter()
    method.to(device).train()
    if not method.order:
        if store is not None:
            method.fit(_whole_split(store, recipe.batch))
        return TrainResult(status="finished", steps=0, seconds=time.perf_counter() - started, tail=())

    require_precision(recipe.precision, device)
    assert store is not None, "a training needs images"
    assert recipe.decay_crop or decay_store, "a recipe without decay_crop needs the split at its size"
    with kernels(recipe.precision, compute), prepared(method, compute, recipe.precision, device):
        loop = Loop(
            method,
            recipe,
            folder,
            train_key,
            device,
            rng,
            compute,
            world or World(device, recipe.batch),
            watch,
            samples,
        )
        if loop.samples:
            loop.samples.choose(store, recipe.size, recipe.seed)
        loop.resume()
        again = store if recipe.validation and recipe.validation.rescues else None
        while True:
            batches = _batches(
                recipe, store, decay_store, rng=rng, aligned=paired, part=loop.world.part, step=loop.step
            )
            del store  # only `batches` holds it, and releases it where another replaces it
            try:
                loop.run(
                    batches, on_step, stop, checkpoint_every=checkpoint_every, log_every=log_every, keep_end=keep_end
                )
                break
            except DivergedError:
                if again is None or not loop.rescue():
                    raise
                store = again
        last = loop.end() if loop.finished else {}
    return TrainResult(
        status="finished" if loop.finished else "interrupted",
        steps=loop.step,
        seconds=loop.seconds,
        tail=tuple(read_log(folder / LOG, TAIL)) if loop.world.is_main else (),
        last=last,
    )


def _batches(
    recipe: Recipe,
    store: PairStore,
    decay_store: Callable[[], PairStore] | None,
    *,
    rng: torch.Generator,
    aligned: bool,
    part: slice,
    step: int,
) -> Iterator[Batch]:
    """Yield the augmented images of each step from `step` on; random numbers are drawn only when a batch is requested."""
    out = set(held_out(store.n_visible, recipe.validation.part)) if recipe.validation else set()
    kept = torch.tensor([image for image in range(store.n_visible) if image not in out])
    n_thermal = store.n_thermal - len(out)
    sampler = BatchSampler(recipe.seed, len(kept), n_thermal, recipe.batch, aligned)
    while True:
        if decay_store and step >= recipe.budget.constant:
            del store  # so that its memory is free before the other split is opened
            store, decay_store = decay_store(), None
        indices = sampler.indices(step)
        if out:  # images are held out of paired data only, whose two numbers are the same
            indices = (kept[indices[0]], kept[indices[1]])
        yield store.sample(*indices, crop=recipe.size, rng=rng, aligned=aligned, flip=recipe.flip, part=part)
        step += 1


def _whole_split(store: PairStore, batch: int) -> Iterator[Batch]:
    """Yield every thermal image once, in order, without augmentation; its visible image, or any where there are no pairs."""
    for start in range(0, store.n_thermal, batch):
        index = torch.arange(start, min(start + batch, store.n_thermal))
        yield store.whole(index % store.n_visible, index)
