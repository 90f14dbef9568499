"""The loop over the steps of a training, with its log, its checkpoints and averaged weights."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from zoo.compute.graph import CudaGraph, CudaGraphStep
from zoo.compute.options import ComputeOptions
from zoo.contracts import Batch, Method
from zoo.model_folder import inference_state
from zoo.recipe import Recipe
from zoo.training import checkpoint as checkpoints
from zoo.training.checkpoint import Checkpoint, CheckpointError, CheckpointState
from zoo.training.distributed import World
from zoo.training.ema import Ema
from zoo.training.log import LOG, Log, LogEntry
from zoo.training.samples import Samples
from zoo.training.seeds import restore_streams, save_streams, seed_process
from zoo.training.step import TrainStep
from zoo.training.watch import Watch, require_finite

CHECKPOINTS = "checkpoints"
"""Name in a run's folder."""

VALIDATED = f"{CHECKPOINTS}/validation"
"""Where the checkpoints of validations are, to which a diverged training goes back."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What `on_step` receives after every step."""

    step: int
    """Steps done, of `steps`."""
    steps: int
    entry: LogEntry | None
    """The log entry of this step, if it has one."""
    rates: Mapping[str, float]
    """Learning rate of each optimizer."""


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
        watch: Watch | None,
        samples: Samples | None,
    ) -> None:
        self.method, self.recipe, self.folder, self.train_key = method, recipe, folder, train_key
        self.device, self.rng, self.world = device, rng, world
        self.train_step = TrainStep(method, compute, budget=recipe.budget, accumulate=recipe.accumulate)
        self.advance: TrainStep | CudaGraphStep = self.train_step
        self._capture()
        self.ema = Ema(method, method.ema) if method.ema else None
        self.watch = watch if world.is_main else None
        self.samples = samples if world.is_main else None
        self.step, self.steps, self.rescues = 0, recipe.budget.steps, 0
        self.finished = False
        """After `run`, in every process: whether the training has ended, and is not only interrupted."""
        self._before, self._started = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time in total, before and after a resume."""
        return self._before + time.perf_counter() - self._started

    def resume(self) -> None:
        """Load the newest checkpoint, or let all processes begin alike."""
        loaded = self._load(CHECKPOINTS)
        if loaded is None:
            self.world.broadcast_parameters(self.method.state_dict().values())
            seed_process(self.recipe.seed, self.world)
            if self._goes_back:
                self._save(VALIDATED)
            return
        self._restore(loaded)
        self._before, self._started = loaded.state.seconds, time.perf_counter()
        self.rescues = loaded.state.rescues
        self.train_step.scale = 0.5**self.rescues

    def rescue(self) -> bool:
        """Go back to the last validation at half the learning rate; False where this is not to be tried (again)."""
        plan = self.recipe.validation
        if plan is None or self.rescues >= plan.rescues:
            return False
        diverged, loaded = self.step, self._load(VALIDATED)
        if loaded is None:
            return False
        self.advance = self.train_step  # so that the memory of a captured graph is free
        self._restore(loaded)
        self._capture()  # again: optimizers have new tensors
        self.rescues += 1
        self.train_step.scale = 0.5**self.rescues
        log.warning(
            "a loss was no longer finite by step %d: back to step %d at %g of the learning rate",
            diverged,
            self.step,
            self.train_step.scale,
        )
        self._save(CHECKPOINTS)  # in place of later ones, so that a resume continues from here
        return True

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
            while self.step < self.steps and not world.broadcast_flag(stop() or self._ends_early, self.step):
                self.advance.step(next(batches), self.step)
                self.step += 1
                if self.ema:
                    self.ema.update(self.step)
                entry = None
                due = self._is_due  # in every process, since reading losses waits for all of them
                if due or self.step % log_every == 0 or self.step == self.steps:
                    entry = self._log_entry(last_step, last_time, validate=due)
                    last_step, last_time = self.step, time.perf_counter()
                    if log_file:
                        log_file.append(entry)
                if due and self._goes_back:
                    self._save(VALIDATED)
                if world.broadcast_flag(time.perf_counter() - last_save >= checkpoint_every, self.step):
                    self._save(CHECKPOINTS, log_file)
                    saved, last_save = self.step, time.perf_counter()
                if self.samples:
                    self.samples.look(self.step, self.steps, self.method, self.ema, self.rng)
                on_step(StepReport(step=self.step, steps=self.steps, entry=entry, rates=self.train_step.rates))
            self.finished = world.broadcast(self.step == self.steps or self._ends_early)
            if self.step > saved and (keep_end or not self.finished):
                self._save(CHECKPOINTS, log_file)

    def end(self) -> dict[str, Tensor]:
        """After the last step, let averaged or the best weights translate; return the last ones, see `TrainResult.last`."""
        last: dict[str, Tensor] = {}
        if self.ema:
            last = {name: tensor.clone() for name, tensor in inference_state(self.method).items()}
            self.ema.swap()
        if self.watch:
            self.watch.keep(self.method)
        return last

    @property
    def _goes_back(self) -> bool:
        """Whether a checkpoint is written at each validation, to which a diverged training goes back."""
        return bool(self.recipe.validation and self.recipe.validation.rescues)

    @property
    def _is_due(self) -> bool:
        """Whether a validation follows the present step."""
        plan = self.recipe.validation
        return plan is not None and (self.step % plan.every == 0 or self.step == self.steps)

    @property
    def _ends_early(self) -> bool:
        """Whether the validation has ended the training; of several processes only the main one knows."""
        return bool(self.watch and self.watch.ends(self.step))

    def _capture(self) -> None:
        """Let steps run as a CUDA graph, where they should."""
        if self.train_step.compute.graph:
            self.advance = CudaGraphStep(self.train_step, CudaGraph(self.device, self.rng))

    def _log_entry(self, last_step: int, last_time: float, *, validate: bool) -> LogEntry:
        """Return the losses since the last entry, which waits for the device."""
        losses = self.train_step.losses.read(self.step)
        self.train_step.check_alive(self.step)
        it_s = (self.step - last_step) / (time.perf_counter() - last_time)
        if validate:
            require_finite(self.step, self.method)
        score = self.watch.look(self.step, self.method, self.ema, self.rng) if self.watch and validate else None
        lr = self.train_step.rates[self.method.order[-1]]
        return LogEntry(step=self.step, losses=losses, lr=lr, it_s=it_s, validation=score)

    def _save(self, folder: str, log_file: Log | None = None) -> None:
        losses = self.train_step.losses
        losses.check(self.step)
        state = CheckpointState(
            step=self.step,
            train_key=self.train_key,
            device=self.device.type,
            seconds=self.seconds,
            speed=str(self.train_step.compute),
            counts={name: losses.counts.get(name, 0) for name in losses.sums},  # of all, in the order of the losses
            rescues=self.rescues,
        )
        more = (self.ema.tensors() if self.ema else {}) | (self.watch.tensors() if self.watch else {})
        tensors = self.train_step.tensors() | more | save_streams(self.device, self.rng, self.world)
        if log_file:
            log_file.flush()
        if self.world.is_main:
            checkpoints.save(self.folder / folder, Checkpoint(state=state, tensors=tensors))

    def _load(self, folder: str) -> Checkpoint | None:
        """Return the newest checkpoint of a folder in every process."""
        key, device = self.train_key, self.device
        main = self.world.is_main
        return self.world.broadcast(
            checkpoints.load(self.folder / folder, train_key=key, device=device) if main else None
        )

    def _restore(self, loaded: Checkpoint) -> None:
        before, now = loaded.state.speed, str(self.train_step.compute)
        if before and before != now:
            log.warning("resuming with compute %s after %s: the same training, but not bit for bit", now, before)
        try:
            self.train_step.restore(loaded.tensors, loaded.state.counts)
            if self.ema:
                self.ema.restore(loaded.tensors)
            if self.watch:
                self.watch.restore(loaded.tensors)
            restore_streams(loaded.tensors, self.device, self.rng, self.world)
            self.step = loaded.state.step
        except (RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"the checkpoint of step {loaded.state.step} does not fit this method, it is of other code: {error}"
            ) from error
