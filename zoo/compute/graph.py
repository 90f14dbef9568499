"""The whole training step as a CUDA graph: losses, gradients, optimizers, the pool and the random draws."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from zoo.contracts import Batch
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.training.step import TrainStep

WARM_STEPS = 3
"""Steps before the capture, in which optimizers create their state, libraries their workspaces and compilers their code."""

log = logging.getLogger(__name__)

Work = Callable[[], None]


class CudaGraph:
    """Captures CUDA graphs, on one stream.

    Args:
        device: where the work runs.
        rng: random stream that the work draws from, in addition to the device's global one.
    """

    def __init__(self, device: torch.device, rng: torch.Generator) -> None:
        self.rng, self.stream = rng, torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def warm(self, work: Work) -> None:
        """Run work on the stream of the capture, in order with the current stream."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            work()
        torch.cuda.current_stream().wait_stream(self.stream)

    def record(self, work: Work) -> Work:
        """Return the captured graph's replay.

        Raises:
            RuntimeError: the work waits for the device, or does something else that cannot be captured.
        """
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.rng)  # each replay continues the stream where the previous one ended
        with torch.cuda.graph(graph, stream=self.stream):
            work()
        return graph.replay


class CudaGraphStep:
    """`TrainStep.step`, captured after a few steps and replayed from then on; a step that cannot be captured runs eagerly.

    Args:
        train_step: its batches must all have the same shapes.
        recorder: captures on the device of the step.
    """

    def __init__(self, train_step: TrainStep, recorder: CudaGraph) -> None:
        self.train_step, self.recorder = train_step, recorder
        self._steps = 0
        self._batch: Batch = {}
        self._replay: Work | None = None
        self._counts: dict[str, int] = {}
        self._refused = False

    def step(self, batch: Batch, done: int = 0) -> None:
        """Update the weights of every optimizer; `done` counts the steps before this one."""
        if self._refused or any(isinstance(value, list) for value in batch.values()):  # boxes: not of one shape
            return self.train_step.step(batch, done)
        self._steps += 1
        self._fill(batch)
        self.train_step.begin(done)
        if self._replay is not None:
            self._replay()
            return self.train_step.losses.count(self._counts)
        if self._steps <= WARM_STEPS:
            return self.recorder.warm(self._work)
        return self._record()

    def _work(self) -> None:
        self.train_step.run(self._batch)

    def _fill(self, batch: Batch) -> None:
        """Copy a batch to the tensors that the captured step reads."""
        if not self._batch:
            self._batch = {name: tensor.clone() for name, tensor in batch.items()}
        for name, tensor in batch.items():
            self._batch[name].copy_(tensor, non_blocking=True)

    def _record(self) -> None:
        """Capture this step and run it."""
        losses = self.train_step.losses
        before = dict(losses.counts)
        try:
            replay = self.recorder.record(self._work)
        except torch.OutOfMemoryError:
            raise  # eager steps need as much memory: the run may have the GPU to itself the next time
        except RuntimeError as error:
            losses.counts = before
            return self._refuse(" ".join(str(error).split()))
        # The capture has executed the Python of one step, which counted its losses; replays are counted from here on.
        self._counts = {name: count - before.get(name, 0) for name, count in losses.counts.items()}
        self._replay = replay
        return replay()

    def _refuse(self, reason: str) -> None:
        """Run this step and all later ones without a graph."""
        log.warning("the step cannot be captured in a CUDA graph and runs without one: %s", reason)
        self._refused = True
        self.train_step.drop_gradients()  # they are in the graph's memory
        try:
            self.recorder.warm(self._work)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # some versions of torch leave random streams in the capture
            raise ZooError(
                f"the step cannot be captured in a CUDA graph ({reason}), and torch {torch.__version__} cannot leave the capture",
                "Use `compute`=channels-last,fused",
            ) from error
