"""Training by several processes: what they average, what the first decides for all, and what each keeps to itself.

See docs/decisions for why gradients are averaged here and not by `DistributedDataParallel`.
"""

from __future__ import annotations

import atexit
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.errors import UsageError
from zoo.layers.parallel import processes

T = TypeVar("T")

AGREE_EVERY = 10
"""Steps on an accelerator between two moments at which the first process may stop all or save."""


@torch.no_grad()
def average(tensors: Sequence[Tensor]) -> None:
    """Replace tensors of one type by their means over the processes, in one exchange."""
    _, count = processes()
    if count == 1 or not tensors:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    flat.div_(count)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    torch._foreach_copy_(list(tensors), [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)])


def mean(value: Tensor) -> Tensor:
    """Return a tensor's mean over the processes and leave it as it is."""
    _, count = processes()
    if count == 1:
        return value
    value = value.detach().clone()
    average([value])
    return value


def running_statistics(model: nn.Module) -> list[Tensor]:
    """Return the running means and variances of batch norms, which each process sees only its own images for."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    buffers = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    return [buffer for buffer in buffers if buffer is not None]


def destroy_group() -> None:
    """Destroy the process group of this training, if there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


class Processes:
    """The processes of a training and what they tell one another beside tensors.

    Args:
        device: where the training runs.
        batch: images of a step, over all processes.

    Raises:
        UsageError: the batch cannot be divided equally.
    """

    def __init__(self, device: torch.device, batch: int) -> None:
        self.place, self.count = processes()
        if self.count > 1:
            # However the program ends: the threads of a group that is still there abort the interpreter at its exit.
            atexit.register(destroy_group)
        if batch % self.count:
            raise UsageError(
                f"a batch of {batch} cannot be divided equally among {self.count} processes",
                f"Type --batch {self.count} or a multiple of it",
            )
        own = batch // self.count
        self.part = slice(self.place * own, (self.place + 1) * own)
        """Which images of a step are this process's."""
        self._every = 1 if device.type == "cpu" else AGREE_EVERY
        # Words go through the processors, so that a question never waits for an accelerator.
        self._words: Any = dist.new_group(backend="gloo") if self.count > 1 else None

    @property
    def first(self) -> bool:
        """Whether this process writes files and decides."""
        return self.place == 0

    def leave(self) -> None:
        """Part for good: from here on this process works as a lone one."""
        self._words = None
        destroy_group()

    def agree(self, yes: bool, step: int) -> bool:
        """Return what the first process said; not every step is a moment to say yes."""
        if self.count == 1:
            return yes
        if step % self._every:
            return False
        said = torch.tensor([yes])
        dist.broadcast(said, 0, group=self._words)
        return bool(said)

    def share(self, value: T) -> T:
        """Return the first process's value."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, 0, group=self._words)
        return values[0]

    def collect(self, value: T) -> list[T]:
        """Return every process's value in the first process, in the others their own alone."""
        if self.count == 1:
            return [value]
        values = [value] * self.count if self.first else None
        dist.gather_object(value, values, 0, group=self._words)
        return values or [value]

    def broadcast_parameters(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with the first process's, so that all begin with the same weights to the last bit."""
        if self.count > 1:
            for tensor in tensors:
                copy = tensor.detach().contiguous()
                dist.broadcast(copy, 0)
                tensor.detach().copy_(copy)

    def seed_own(self, seed: int) -> None:
        """Give each process but the first a global random stream of its own: dropout masks must differ between images."""
        if not self.first:
            digest = hashlib.sha256(f"{seed} process {self.place}".encode()).digest()
            torch.manual_seed(int.from_bytes(digest[:7], "big"))

    def named_streams(self, streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return all processes' random streams by name, `NAME` of the first and `NAME.PLACE` of the others."""
        found = self.collect(dict(streams))
        return {f"{name}.{place}" if place else name: s for place, own in enumerate(found) for name, s in own.items()}

    def own_name(self, name: str) -> str:
        """Return what `named_streams` calls this process's stream."""
        return f"{name}.{self.place}" if self.place else name
