"""Training by several processes: averaged gradients, values of the main process, and the shared process group.

docs/decisions/0004 explains why gradients are averaged here and not by `DistributedDataParallel`.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from accelerate import PartialState
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.errors import UsageError
from zoo.layers.parallel import processes

T = TypeVar("T")

FLAG_EVERY = 10
"""Steps on an accelerator between two steps at which the main process may stop all processes or save."""


@torch.no_grad()
def average(tensors: Sequence[Tensor]) -> None:
    """Replace tensors of one dtype by their means over the processes, in one all-reduce."""
    _, world_size = processes()
    if world_size == 1 or not tensors:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    flat.div_(world_size)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    torch._foreach_copy_(list(tensors), [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)])


def mean(value: Tensor) -> Tensor:
    """Return a tensor's mean over the processes; the tensor itself is unchanged."""
    if processes()[1] == 1:
        return value
    value = value.detach().clone()
    average([value])
    return value


def running_statistics(model: nn.Module) -> list[Tensor]:
    """Return the running means and variances of batch norms, which each process computes from its own images only."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    buffers = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    return [buffer for buffer in buffers if buffer is not None]


class World:
    """The processes of one training.

    Args:
        device: where the training runs.
        batch: images of a step, over all processes.

    Raises:
        UsageError: the batch cannot be divided equally.
    """

    def __init__(self, device: torch.device, batch: int) -> None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            PartialState(cpu=device.type == "cpu")  # creates the process group, unless there is one
        self.rank, self.world_size = processes()
        if self.world_size > 1:
            # However the program ends: the threads of a group that still exists abort the interpreter at its exit.
            atexit.register(self.destroy)
        if batch % self.world_size:
            raise UsageError(
                f"a batch of {batch} cannot be divided equally among {self.world_size} processes",
                f"Use `batch`={self.world_size} or a multiple of it",
            )
        own = batch // self.world_size
        self.part = slice(self.rank * own, (self.rank + 1) * own)
        """Which images of a step belong to this process."""
        self._flag_every = 1 if device.type == "cpu" else FLAG_EVERY
        # accelerate's broadcast and gather use the default group, on GPUs NCCL: a flag would wait there for all queued steps.
        self._group: Any = dist.new_group(backend="gloo") if self.world_size > 1 else None

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and decides when to stop and to save."""
        return self.rank == 0

    def destroy(self) -> None:
        """Destroy the process group, if there is one; this process then continues alone."""
        self._group = None
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()

    def broadcast(self, value: T) -> T:
        """Return the main process's value."""
        if self.world_size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, 0, group=self._group)
        return values[0]

    def broadcast_flag(self, flag: bool, step: int) -> bool:
        """Return the main process's flag; on an accelerator False except at every tenth step."""
        if self.world_size == 1:
            return flag
        if step % self._flag_every:
            return False
        flags = torch.tensor([flag])
        dist.broadcast(flags, 0, group=self._group)
        return bool(flags)

    def broadcast_parameters(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with the main process's, so that all processes start from the same weights bit for bit."""
        if self.world_size > 1:
            for tensor in tensors:
                copy = tensor.detach().contiguous()
                dist.broadcast(copy, 0)
                tensor.detach().copy_(copy)

    def gather(self, value: T) -> list[T]:
        """Return every process's value by rank in the main process, in the others only their own."""
        if self.world_size == 1:
            return [value]
        values = [value] * self.world_size if self.is_main else None
        dist.gather_object(value, values, 0, group=self._group)
        return values or [value]
