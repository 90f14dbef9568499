"""The loop over the steps of a training, with its log, its checkpoints and averaged weights."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from zoo.compute.graph import CudaGraph, CudaGraphStep
from zoo.compute.options import ComputeOptions
from zoo.contracts import Batch, Method
from zoo.recipe import Recipe
from zoo.training import checkpoint as checkpoints
from zoo.training.checkpoint import Checkpoint, CheckpointError, CheckpointState
from zoo.training.distributed import World
from zoo.training.ema import Ema
from zoo.training.log import LOG, Log, LogEntry
from zoo.training.seeds import restore_streams, save_streams, seed_process
from zoo.training.step import TrainStep

CHECKPOINTS = "checkpoints"
"""Name in a run's folder."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What `on_step` receives after every step."""

    step: int
    """Steps done, of `steps`."""
    steps: int
    entry: LogEntry | None
    """The log entry of this step, if it has one."""


class Loop:
    """The state of a training between two steps, and the loop over them."""

    def __init__(
        self,
        method: Method,
        recipe: Recipe,
        folder: Path,
        train_key: str,
        device: torch.device,
        rng: torch.Generator,
        compute: ComputeOptions,
        world: World,
    ) -> None:
        self.method, self.recipe, self.folder, self.train_key = method, recipe, folder, train_key
        self.device, self.rng, self.world = device, rng, world
        self.train_step = TrainStep(method, compute, budget=recipe.budget, accumulate=recipe.accumulate)
        self.advance = CudaGraphStep(self.train_step, CudaGraph(device, rng)) if compute.graph else self.train_step
        self.ema = Ema(method, method.ema) if method.ema else None
        self.step, self.steps = 0, recipe.budget.steps
        self._before, self._started = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time in total, before and after a resume."""
        return self._before + time.perf_counter() - self._started

    def resume(self) -> None:
        """Load the newest checkpoint, or let all processes begin alike."""
        folder, world = self.folder / CHECKPOINTS, self.world
        newest = checkpoints.load(folder, train_key=self.train_key, device=self.device) if world.is_main else None
        loaded = world.broadcast(newest)
        if loaded is None:
            world.broadcast_parameters(self.method.state_dict().values())
            seed_process(self.recipe.seed, world)
            return
        self._restore(loaded)
        self.step, self._before = loaded.state.step, loaded.state.seconds

    def run(
        self,
        batches: Iterator[Batch],
        on_step: Callable[[StepReport], None],
        stop: Callable[[], bool],
        *,
        checkpoint_every: float,
        log_every: int,
        keep_end: bool,
    ) -> None:
        """Train until the budget is used up or `stop()`; parameters as of `train`."""
        world, saved = self.world, self.step
        with Log(self.folder / LOG, after=self.step) if world.is_main else nullcontext() as log_file:
            last_save = last_time = time.perf_counter()
            last_step = self.step
            while self.step < self.steps and not world.broadcast_flag(stop(), self.step):
                self.advance.step(next(batches), self.step)
                self.step += 1
                if self.ema:
                    self.ema.update(self.step)
                entry = None
                if self.step % log_every == 0 or self.step == self.steps:
                    entry = self._log_entry(last_step, last_time)
                    last_step, last_time = self.step, time.perf_counter()
                    if log_file:
                        log_file.append(entry)
                if world.broadcast_flag(time.perf_counter() - last_save >= checkpoint_every, self.step):
                    self._save(log_file)
                    saved, last_save = self.step, time.perf_counter()
                on_step(StepReport(step=self.step, steps=self.steps, entry=entry))
            if self.step > saved and (keep_end or self.step < self.steps):
                self._save(log_file)

    def end(self) -> dict[str, Tensor]:
        """After the last step, let averaged weights translate; return the last ones, see `TrainResult.last`."""
        if self.ema is None or self.step < self.steps:
            return {}
        self.ema.swap()
        return self.ema.last()

    def _log_entry(self, last_step: int, last_time: float) -> LogEntry:
        """Return the losses since the last entry, which waits for the device."""
        losses = self.train_step.losses.read(self.step)
        self.train_step.check_alive(self.step)
        it_s = (self.step - last_step) / (time.perf_counter() - last_time)
        return LogEntry(step=self.step, losses=losses, lr=self.train_step.rates[self.method.order[-1]], it_s=it_s)

    def _save(self, log_file: Log | None) -> None:
        self.train_step.losses.check(self.step)
        state = CheckpointState(
            step=self.step,
            train_key=self.train_key,
            device=self.device.type,
            seconds=self.seconds,
            speed=str(self.train_step.compute),
            counts=self.train_step.losses.counts,
        )
        averages = self.ema.tensors() if self.ema else {}
        tensors = self.train_step.tensors() | averages | save_streams(self.device, self.rng, self.world)
        if log_file:
            log_file.flush()
            checkpoints.save(self.folder / CHECKPOINTS, Checkpoint(state=state, tensors=tensors))

    def _restore(self, loaded: Checkpoint) -> None:
        before, now = loaded.state.speed, str(self.train_step.compute)
        if before and before != now:
            log.warning("resuming with compute %s after %s: the same training, but not bit for bit", now, before)
        try:
            self.train_step.restore(loaded.tensors, loaded.state.counts)
            if self.ema:
                self.ema.restore(loaded.tensors)
            restore_streams(loaded.tensors, self.device, self.rng, self.world)
        except (RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"the checkpoint of step {loaded.state.step} does not fit this method, it is of other code: {error}"
            ) from error
