"""Batches in several processes of one thread each, which on a CPU is faster than several threads for each batch."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

AHEAD = 2
"""Batches that wait for each process."""

Label = TypeVar("Label")
Batch = TypeVar("Batch")
Outcome = TypeVar("Outcome")
log = logging.getLogger(__name__)


def useful_processes(device: torch.device) -> int:
    """Return the number of processes that translate batches fastest: one for each core of a CPU, where it can fork."""
    return torch.get_num_threads() if device.type == "cpu" and sys.platform == "linux" else 1


def in_processes(
    batches: Iterable[tuple[Label, Batch]], work: Callable[[Batch], Outcome], processes: int
) -> Iterator[tuple[Label, Outcome]]:
    """Yield the label of each batch with what `work` returns for it, in order.

    A single batch, and what is left when a process was killed, is computed in this process. An error of `batches` is raised
    after the outcomes of those before it.

    Args:
        batches: batches and outcomes go through pipes; labels stay here.
        work: is inherited by the processes, which are forked, and computes with one thread in each.
        processes: number of processes; 1 for this one.
    """
    batches = iter(batches)
    first = list(islice(batches, 2 if processes > 1 else 0))
    batches = chain(first, batches)
    pending: deque[tuple[Label, Batch]] = deque()
    faults: list[Exception] = []

    def taken() -> Iterator[Batch]:
        try:
            for label, batch in batches:
                pending.append((label, batch))
                yield batch
        except Exception as error:  # raised below
            faults.append(error)

    if len(first) == 2:
        try:
            for outcome in _loader(taken(), work, processes):
                yield pending[0][0], outcome
                pending.popleft()
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            log.warning(
                "a process that translated images was killed, perhaps for lack of memory; continuing without it"
            )
    for label, batch in chain(pending, batches):
        yield label, work(batch)
    if faults:
        raise faults[0]


def _loader(batches: Iterator[Batch], work: Callable[[Batch], Outcome], processes: int) -> DataLoader[Any]:
    return DataLoader(
        _Work(work),
        batch_size=None,
        sampler=batches,
        num_workers=processes,
        collate_fn=_same,
        multiprocessing_context="fork",
        prefetch_factor=AHEAD,
        generator=torch.Generator(),  # in place of the caller's random stream
    )


class _Work(Dataset[Any]):
    """A function as a data set whose indices are the function's inputs."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __getitem__(self, index: Any) -> Any:
        return self._function(index)


def _same(outcome: Any) -> Any:
    return outcome
