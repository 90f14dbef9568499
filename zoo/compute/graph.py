"""The whole training step as a CUDA graph: every player's turn, its optimizer, the pool and the random draws."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import torch

from zoo.contracts import Batch
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.training.step import TrainStep

WARM_STEPS = 3
"""Steps before the recording, in which optimizers make their state, libraries their workspaces and compilers their code."""

log = logging.getLogger(__name__)

Work = Callable[[], None]


class Recorder(Protocol):
    """Runs work so that it can be recorded, and records it."""

    def warm(self, work: Work) -> None:
        """Run work as the recording will."""

    def record(self, work: Work) -> Work:
        """Return what does all of work's operations on the device again; recording alone does none of them."""


class CudaGraph:
    """Records CUDA graphs, on one stream.

    Args:
        device: where the work runs.
        rng: random stream that the work draws from, beside the device's global one.
    """

    def __init__(self, device: torch.device, rng: torch.Generator) -> None:
        self.rng, self.stream = rng, torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def warm(self, work: Work) -> None:
        """Run work on the stream of the recording, after what was asked before and before what comes."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            work()
        torch.cuda.current_stream().wait_stream(self.stream)

    def record(self, work: Work) -> Work:
        """Return the recorded graph's replay.

        Raises:
            RuntimeError: the work waits for the device, or does something else that a graph cannot hold.
        """
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.rng)  # each replay draws on from where the one before ended
        with torch.cuda.graph(graph, stream=self.stream):
            work()
        return graph.replay


class CudaGraphStep:
    """`TrainStep.step`, recorded after a few steps and replayed from then on; a step that cannot be recorded goes on as it was.

    Args:
        turns: its batches must all have the same shapes.
        recorder: records on the device of the turns.
    """

    def __init__(self, turns: TrainStep, recorder: Recorder) -> None:
        self.turns, self.recorder = turns, recorder
        self._steps = 0
        self._batch: Batch = {}
        self._replay: Work | None = None
        self._counts: dict[str, int] = {}
        self._refused = False

    def step(self, batch: Batch, factor: float) -> None:
        """Let every player have its turn, with `factor` times its learning rate."""
        if self._refused:
            return self.turns.step(batch, factor)
        self._steps += 1
        self._fill(batch)
        self.turns.set_rates(factor)
        if self._replay is not None:
            self._replay()
            return self.turns.losses.count(self._counts)
        if self._steps <= WARM_STEPS:
            return self.recorder.warm(self._work)
        return self._record()

    def _work(self) -> None:
        self.turns.run(self._batch)

    def _fill(self, batch: Batch) -> None:
        """Put a batch where the recorded step reads it."""
        if not self._batch:
            self._batch = {name: tensor.clone() for name, tensor in batch.items()}
        for name, tensor in batch.items():
            self._batch[name].copy_(tensor, non_blocking=True)

    def _record(self) -> None:
        """Record this step and run it."""
        losses = self.turns.losses
        before = dict(losses.counts)
        try:
            replay = self.recorder.record(self._work)
        except torch.OutOfMemoryError:
            raise  # no reason to go on without: the run may be alone on its card the next time
        except RuntimeError as error:
            replay, reason = None, " ".join(str(error).split())
        if replay is None:
            losses.counts = before
            return self._refuse(reason)
        # Recording has run the Python of one step, which has counted its losses; later ones are counted here.
        self._counts = {name: count - before.get(name, 0) for name, count in losses.counts.items()}
        self._replay = replay
        return replay()

    def _refuse(self, reason: str) -> None:
        """Run this step and all later ones without a graph."""
        log.warning("the step cannot be recorded in a CUDA graph and goes on without one: %s", reason)
        self._refused = True
        self.turns.drop_gradients()  # they were in the graph's memory
        try:
            self.recorder.warm(self._work)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # some versions of torch leave random streams in the recording
            fault = (
                f"the step cannot be recorded in a CUDA graph ({reason}), and torch {torch.__version__} is stuck in it"
            )
            raise ZooError(fault, "Type --speed channels-last,fused") from error
