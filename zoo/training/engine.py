"""The training loop, one for all methods; a kill at any moment loses nothing that a resume cannot repeat.

One training step of a GAN (`zoo.training.step`, in the loop of `train`):

    indices = the images of this step, from the seed               # zoo.data.sampling
    batch = random crops and flips of these images                 # zoo.data.store
    lr of each optimizer = its own lr * lr_factor(step, budget)    # zoo.training.schedule
    state = method(batch)                                          # all translations, once, e.g. fake = G(visible)
    for name in method.order:                                      # e.g. generator, discriminator
        require gradients of this optimizer's networks only
        terms = method.losses(name, state)                         # weighted; D's losses detach the fakes
        optimizer.zero_grad()
        sum(terms).backward()
        average its gradients over the processes
        optimizer.step()                                           # Adam
        method.after_step(name)                                    # e.g. clips weights
        add terms to the running losses, which stay on the device
    average running statistics of the networks over the processes  # e.g. of batch normalization
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from zoo.compute.graph import CudaGraph, CudaGraphStep
from zoo.compute.networks import prepared
from zoo.compute.options import PLAIN, ComputeOptions, kernels, require_precision
from zoo.contracts import Batch, Method
from zoo.data.sampling import BatchSampler
from zoo.data.store import PairStore
from zoo.recipe import Recipe
from zoo.training import checkpoint as checkpoints
from zoo.training.checkpoint import Checkpoint, CheckpointError, CheckpointState
from zoo.training.distributed import World
from zoo.training.log import LOG, Log, LogEntry, read_log
from zoo.training.schedule import lr_factor
from zoo.training.seeds import restore_streams, save_streams, seed_process
from zoo.training.step import TrainStep

CHECKPOINTS = "checkpoints"
"""Name in a run's folder."""
TAIL = 20
"""Log entries in a result."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What `on_step` receives after every step."""

    step: int
    """Steps done, of `steps`."""
    steps: int
    entry: LogEntry | None
    """The log entry of this step, if it has one."""


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


def train(
    method: Method,
    recipe: Recipe,
    store: PairStore,
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
) -> TrainResult:
    """Train to the end of the recipe's budget, or until `stop()`, from the last checkpoint in `folder` if there is one.

    `folder` receives `log.jsonl` and `checkpoints/`. On a CPU a training that was stopped or killed and then resumed ends with
    the same weights, bit for bit, and the same losses in its log as one that was not.

    Under `accelerate launch` each process calls this with the same arguments: the batch is divided among them, and the main
    process decides when to stop and to save, and reads and writes files.

    Args:
        method: built and prepared for training; moved to `device`.
        recipe: its size, batch, budget, seed and precision are used.
        store: the training split on `device`.
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

    Raises:
        TrainingError: a loss became NaN or infinite, or networks receive no gradient any more.
        CheckpointError: the checkpoints cannot be used.
        ZooError: the folder cannot be written.
        UsageError: the batch cannot be divided equally among the processes, or the device lacks hardware for the precision.
    """
    started = time.perf_counter()
    method.to(device).train()
    if not method.order:
        method.fit(_whole_split(store, recipe.batch))
        return TrainResult(status="finished", steps=0, seconds=time.perf_counter() - started, tail=())

    require_precision(recipe.precision, device)
    assert recipe.decay_crop or decay_store, "a recipe without decay_crop needs the split at its size"
    with kernels(recipe.precision, compute), prepared(method, compute, recipe.precision, device):
        sampler = BatchSampler(recipe.seed, store.n_visible, store.n_thermal, recipe.batch, paired)
        train_step = TrainStep(method, compute)
        advance = CudaGraphStep(train_step, CudaGraph(device, rng)) if compute.graph else train_step
        world = world or World(device, recipe.batch)
        newest = checkpoints.load(folder / CHECKPOINTS, train_key=train_key, device=device) if world.is_main else None
        loaded = world.broadcast(newest)
        if loaded is not None:
            _restore(loaded, train_step, rng, device, world)
        else:
            world.broadcast_parameters(method.state_dict().values())
            seed_process(recipe.seed, world)
        saved = step = loaded.state.step if loaded else 0
        before = loaded.state.seconds if loaded else 0.0
        batches = _batches(recipe, sampler, store, decay_store, rng=rng, aligned=paired, part=world.part, step=step)
        del store  # only `batches` holds it, and releases it where another replaces it
        steps, last_save = recipe.budget.steps, time.perf_counter()

        def save() -> None:
            train_step.losses.check(step)
            state = CheckpointState(
                step=step,
                train_key=train_key,
                device=device.type,
                seconds=before + time.perf_counter() - started,
                speed=str(compute),
                counts=train_step.losses.counts,
            )
            tensors = train_step.tensors() | save_streams(device, rng, world)
            if log_file:
                log_file.flush()
                checkpoints.save(folder / CHECKPOINTS, Checkpoint(state=state, tensors=tensors))

        with Log(folder / LOG, after=step) if world.is_main else nullcontext() as log_file:
            last_entry = (step, time.perf_counter())
            while step < steps and not world.broadcast_flag(stop(), step):
                factor = lr_factor(step, recipe.budget)
                advance.step(next(batches), factor)
                step += 1
                entry = None
                if step % log_every == 0 or step == steps:
                    entry, last_entry = _log_entry(train_step, step, factor, last_entry)
                    if log_file:
                        log_file.append(entry)
                if world.broadcast_flag(time.perf_counter() - last_save >= checkpoint_every, step):
                    save()
                    saved, last_save = step, time.perf_counter()
                on_step(StepReport(step=step, steps=steps, entry=entry))
            if step > saved and (keep_end or step < steps):
                save()
    return TrainResult(
        status="finished" if step == steps else "interrupted",
        steps=step,
        seconds=before + time.perf_counter() - started,
        tail=tuple(read_log(folder / LOG, TAIL)) if world.is_main else (),
    )


def _batches(
    recipe: Recipe,
    sampler: BatchSampler,
    store: PairStore,
    decay_store: Callable[[], PairStore] | None,
    *,
    rng: torch.Generator,
    aligned: bool,
    part: slice,
    step: int,
) -> Iterator[Batch]:
    """Yield the augmented images of each step from `step` on; random numbers are drawn only when a batch is requested."""
    while True:
        if decay_store and step >= recipe.budget.constant:
            del store  # so that its memory is free before the other split is opened
            store, decay_store = decay_store(), None
        indices = sampler.indices(step)
        yield store.sample(*indices, crop=recipe.size, rng=rng, aligned=aligned, flip=recipe.flip, part=part)
        step += 1


def _log_entry(
    train_step: TrainStep, step: int, factor: float, last: tuple[int, float]
) -> tuple[LogEntry, tuple[int, float]]:
    """Return the losses since the last entry, and this entry's step and time."""
    losses = train_step.losses.read(step)
    train_step.check_alive(step)
    now = time.perf_counter()
    lr = train_step.specs[train_step.method.order[-1]].lr * factor
    return LogEntry(step=step, losses=losses, lr=lr, it_s=(step - last[0]) / (now - last[1])), (step, now)


def _restore(
    loaded: Checkpoint, train_step: TrainStep, rng: torch.Generator, device: torch.device, world: World
) -> None:
    before, now = loaded.state.speed, str(train_step.compute)
    if before and before != now:
        log.warning("resuming with compute %s after %s: the same training, but not bit for bit", now, before)
    try:
        train_step.restore(loaded.tensors, loaded.state.counts)
        restore_streams(loaded.tensors, device, rng, world)
    except (RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint of step {loaded.state.step} does not fit this method, it is of other code: {error}"
        ) from error


def _whole_split(store: PairStore, batch: int) -> Iterator[Batch]:
    """Yield every thermal image once, in order, without augmentation; its visible image, or any where there are no pairs."""
    for start in range(0, store.n_thermal, batch):
        index = torch.arange(start, min(start + batch, store.n_thermal))
        yield store.whole(index % store.n_visible, index)
