"""The training loop: one for all methods, on accelerate, that a kill at any moment does not harm.

One training step of a GAN (`zoo.training.step`, with the loop of `train` around it):

    indices = the seed's images of this step                       # zoo.data.sampling
    batch = random crops and flips of these images                 # zoo.data.store
    lr of each optimizer = its own lr * factor(step, budget)       # zoo.training.schedule
    state = method(batch)                                          # all translations, once, e.g. fake = G(visible)
    for player in method.order:                                    # e.g. generator, discriminator
        require gradients of this player's parameters only
        terms = method.losses(player, state)                       # weighted; D's losses detach the fakes
        set this player's gradients to zero
        sum(terms).backward()
        average this player's gradients over the processes
        this player's Adam takes a step
        method.after_step(player)                                  # e.g. clips weights
        add terms to the running losses, which stay on the device
    average running statistics of the networks over the processes  # e.g. of batch normalization
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from accelerate import Accelerator
from torch import Tensor

from zoo.compute.graph import CudaGraph, CudaGraphStep
from zoo.compute.networks import prepared
from zoo.compute.options import PLAIN, Speed, kernels, require_precision
from zoo.contracts import Batch, Method
from zoo.data.sampling import BatchSampler
from zoo.data.store import Store
from zoo.recipe import Recipe
from zoo.training import checkpoint as checkpoints
from zoo.training.checkpoint import Checkpoint, CheckpointError, State
from zoo.training.distributed import Processes
from zoo.training.log import LOG, Log, LogEntry, read_log
from zoo.training.schedule import factor
from zoo.training.step import TrainStep

CHECKPOINTS = "checkpoints"
"""Name in a training's folder."""
TAIL = 20
"""Log entries that a result keeps."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What `on_step` hears after every step."""

    step: int
    """Steps done, of `steps`."""
    steps: int
    reading: LogEntry | None
    """The line that this step added to the log, if it did."""


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a training ended."""

    status: Literal["finished", "interrupted"]
    steps: int
    """Optimizer steps done, over all runs."""
    seconds: float
    """Time spent, over all runs."""
    tail: tuple[LogEntry, ...]
    """The last lines of the log."""


def train(
    method: Method,
    recipe: Recipe,
    store: Store,
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
    speed: Speed = PLAIN,
    processes: Processes | None = None,
    decay_store: Callable[[], Store] | None = None,
) -> TrainResult:
    """Train to the end of the recipe's budget, or until `stop()`, from the last checkpoint in `folder` if there is one.

    `folder` gets `log.jsonl` and `checkpoints/`. On a CPU a training that was stopped or killed and started again ends
    with the same weights, bit for bit, and the same losses in its log as one that was not.

    Started by `accelerate launch`, each process calls this alike: the batch is divided among them, and the first alone decides,
    reads and writes files.

    Args:
        method: built and prepared for training; moved to `device`.
        recipe: its size, batch, budget, seed and precision are used.
        store: the training split on `device`.
        folder: the cell's folder.
        train_key: identity of the training; a checkpoint of another one is refused.
        device: where to train.
        rng: the cell's random stream on `device`, from `seed_everything`; the same that the method's parts got.
        paired: whether a step's visible and thermal images show the same views, for methods that need pairs.
        on_step: called after every step.
        stop: asked before every step; when true the state is saved and the training returns.
        checkpoint_every: seconds between checkpoints.
        log_every: steps between readings of the losses, the only moments besides checkpoints that wait for the device.
        keep_end: whether a finished training leaves a checkpoint of its end too, several times the size of the weights.
        speed: how to compute a step, from `choose_speed`.
        processes: this process's fellows; by default those that the environment tells of.
        decay_store: opens the training split at the recipe's `size`, for recipes without `decay_crop`: it takes the place of
            `store` when the learning rate begins to fall.

    Raises:
        TrainingError: a loss became NaN or infinite, or a player gets no gradient any more.
        CheckpointError: its checkpoints cannot be used.
        ZooError: the folder cannot be written.
        UsageError: the batch cannot be divided equally among the processes, or the device lacks units of the precision.
    """
    started = time.perf_counter()
    method.to(device).train()
    if not method.order:
        method.fit(_whole_split(store, recipe.batch))
        return TrainResult(status="finished", steps=0, seconds=time.perf_counter() - started, tail=())

    require_precision(recipe.precision, device)
    assert recipe.decay_crop or decay_store, "a recipe without decay_crop needs the split at its size"
    with kernels(recipe.precision, speed), prepared(method, speed, recipe.precision, device):
        order = BatchSampler(recipe.seed, store.n_visible, store.n_thermal, recipe.batch, paired)
        # The parts are on their device already, and precision is named here so that no environment variable decides it.
        turns = TrainStep(
            method, Accelerator(cpu=device.type == "cpu", device_placement=False, mixed_precision="no"), speed
        )
        advance = CudaGraphStep(turns, CudaGraph(device, rng)) if speed.graph else turns
        together = processes or Processes(device, recipe.batch)
        mine = checkpoints.load(folder / CHECKPOINTS, train_key=train_key, device=device) if together.first else None
        loaded = together.share(mine)
        if loaded is not None:
            _restore(loaded, turns, rng, device, together)
        else:
            together.broadcast_parameters(method.state_dict().values())
            together.seed_own(recipe.seed)
        saved = step = loaded.state.step if loaded else 0
        before = loaded.state.seconds if loaded else 0.0
        batches = _batches(recipe, order, store, decay_store, rng=rng, aligned=paired, part=together.part, step=step)
        del store  # `batches` alone holds it, and lets go of it where another takes its place
        steps, last_save = recipe.budget.steps, time.perf_counter()

        def save() -> None:
            turns.losses.check(step)
            seconds = before + time.perf_counter() - started
            state = State(
                step=step,
                train_key=train_key,
                device=device.type,
                seconds=seconds,
                speed=str(speed),
                counts=turns.losses.counts,
            )
            tensors = turns.tensors() | {"rng.own": rng.get_state()} | together.named_streams(_streams(device))
            if readings:
                readings.sync()
                checkpoints.save(folder / CHECKPOINTS, Checkpoint(state=state, tensors=tensors))

        with Log(folder / LOG, after=step) if together.first else nullcontext() as readings:
            last_reading = (step, time.perf_counter())
            while step < steps and not together.agree(stop(), step):
                rate = factor(step, recipe.budget)
                advance.step(next(batches), rate)
                step += 1
                reading = None
                if step % log_every == 0 or step == steps:
                    reading, last_reading = _read(turns, step, rate, last_reading)
                    if readings:
                        readings.append(reading)
                if together.agree(time.perf_counter() - last_save >= checkpoint_every, step):
                    save()
                    saved, last_save = step, time.perf_counter()
                on_step(StepReport(step=step, steps=steps, reading=reading))
            if step > saved and (keep_end or step < steps):
                save()
    return TrainResult(
        status="finished" if step == steps else "interrupted",
        steps=step,
        seconds=before + time.perf_counter() - started,
        tail=tuple(read_log(folder / LOG, TAIL)) if together.first else (),
    )


def _batches(
    recipe: Recipe,
    order: BatchSampler,
    store: Store,
    decay_store: Callable[[], Store] | None,
    *,
    rng: torch.Generator,
    aligned: bool,
    part: slice,
    step: int,
) -> Iterator[Batch]:
    """Yield the augmented images of each step from `step` on; nothing is drawn before a batch is asked for."""
    while True:
        if decay_store and step >= recipe.budget.constant:
            del store  # so that its memory is free before the other split is opened
            store, decay_store = decay_store(), None
        indices = order.indices(step)
        yield store.sample(*indices, crop=recipe.size, rng=rng, aligned=aligned, flip=recipe.flip, part=part)
        step += 1


def _read(turns: TrainStep, step: int, rate: float, since: tuple[int, float]) -> tuple[LogEntry, tuple[int, float]]:
    """Return the losses since the last reading, and this reading's step and time."""
    losses = turns.losses.read(step)
    turns.check_alive(step)
    now = time.perf_counter()
    speed = (step - since[0]) / (now - since[1])
    lr = turns.specs[turns.method.order[-1]].lr * rate
    return LogEntry(step=step, losses=losses, lr=lr, it_s=speed), (step, now)


def _streams(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's global random streams, which are each process's own."""
    streams = {"rng.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        streams["rng.cuda"] = torch.cuda.get_rng_state(device)
    return streams


def _restore(
    loaded: Checkpoint, turns: TrainStep, rng: torch.Generator, device: torch.device, together: Processes
) -> None:
    tensors: Mapping[str, Tensor] = loaded.tensors
    before, now = loaded.state.speed, str(turns.speed)
    if before and before != now:
        log.warning("going on with --speed %s after %s: the same training, but not to the last bit", now, before)
    try:
        turns.restore(tensors, loaded.state.counts)
        rng.set_state(tensors["rng.own"])
        torch.set_rng_state(tensors[together.own_name("rng.cpu")])
        if device.type == "cuda":
            torch.cuda.set_rng_state(tensors[together.own_name("rng.cuda")], device)
    except (RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint of step {loaded.state.step} does not fit this method, it is of other code: {error}"
        ) from error


def _whole_split(store: Store, batch: int) -> Iterator[Batch]:
    """Yield every thermal image once, in order, without augmentation; its visible image, or any where there are no pairs."""
    for start in range(0, store.n_thermal, batch):
        index = torch.arange(start, min(start + batch, store.n_thermal))
        yield store.whole(index % store.n_visible, index)
