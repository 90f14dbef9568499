"""Batches in several processes of one thread each, which on a CPU is faster than several threads for each batch."""

from __future__ import annotations

import ctypes
import logging
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from zoo.run.devices import cores, free_memory

AHEAD = 2
"""Batches that wait for each process."""
PR_SET_PDEATHSIG = 1
"""Of Linux's `prctl`."""
TORCHS_HANDLER = "torch.utils.data._utils.signal_handling"
"""Module of the signal handler that a loader leaves behind."""

Label = TypeVar("Label")
Batch = TypeVar("Batch")
Outcome = TypeVar("Outcome")
log = logging.getLogger(__name__)


def useful_processes(device: torch.device) -> int:
    """Return the number of processes that translate batches fastest: one for each core of a CPU, where it can fork."""
    return min(torch.get_num_threads(), cores()) if device.type == "cpu" and sys.platform == "linux" else 1


def in_processes(
    batches: Iterable[tuple[Label, Batch]],
    work: Callable[[Batch], Outcome],
    processes: int,
    memory: Callable[[Batch], int] = lambda batch: 1,
) -> Iterator[tuple[Label, Outcome]]:
    """Yield the label of each batch with what `work` returns for it, in order.

    Fewer batches than processes, and what is left when a process was killed or none can be started, are computed in this
    process; so is a batch that fails in another one, for its error. An error of `batches` is raised after the outcomes of those
    before it.

    Args:
        batches: batches and outcomes go through pipes; labels stay here.
        work: is inherited by the processes, which are forked, and computes with one thread in each.
        processes: number of processes; 1 for this one.
        memory: returns the bytes that `work` needs for a batch: there are no more processes than fit into the free memory.
    """
    faults: list[Exception] = []

    def without_fault() -> Iterator[tuple[Label, Batch]]:
        try:
            yield from batches
        except Exception as error:  # raised below
            faults.append(error)

    left = without_fault()
    first = list(islice(left, AHEAD * processes if processes > 1 else 0))
    left = chain(first, left)
    pending: deque[tuple[Label, Batch]] = deque()

    def taken() -> Iterator[Batch]:
        for one in left:
            pending.append(one)
            yield one[1]

    if len(first) >= processes and (processes := _that_fit(processes, [memory(batch) for _, batch in first])) > 1:
        for is_done, outcome in _outcomes(taken(), work, processes):
            label, batch = pending[0]
            yield label, outcome if is_done else work(batch)
            pending.popleft()
    for label, batch in chain(pending, left):
        yield label, work(batch)
    if faults:
        raise faults[0]


def _that_fit(processes: int, needs: Sequence[int]) -> int:
    free = free_memory()
    return processes if free is None else min(processes, free // max(needs))


def _outcomes(batches: Iterator[Batch], work: Callable[[Batch], Outcome], processes: int) -> Iterator[tuple[bool, Any]]:
    """Yield whether `work` returned, and what, for each batch until a process is killed."""
    before = signal.getsignal(signal.SIGCHLD)
    try:
        outcomes = iter(_loader(batches, work, processes))
        _handle_ended(signal.SIG_DFL if getattr(before, "__module__", "") == TORCHS_HANDLER else before)
        yield from outcomes
    except OSError as error:
        log.warning("processes that translate images cannot be started (%s); this process continues", error)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        log.warning("a process that translated images was killed, perhaps for lack of memory; this process continues")
    finally:
        _handle_ended(before)


def _handle_ended(handler: Any) -> None:
    """Handle ended processes in place of torch, which raises its error wherever this process is, as in writing a file.

    A killed process is then found while one waits for its outcome.
    """
    # In another thread torch installs no handler; None is one that was not set from Python.
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, handler)


def _loader(batches: Iterator[Batch], work: Callable[[Batch], Outcome], processes: int) -> DataLoader[Any]:
    return DataLoader(
        _Work(work),
        batch_size=None,
        sampler=batches,
        num_workers=processes,
        collate_fn=_same,
        multiprocessing_context="fork",
        prefetch_factor=AHEAD,
        worker_init_fn=_end_with_parent,
        generator=torch.Generator(),  # in place of the caller's random stream
    )


def _end_with_parent(_: int) -> None:
    """Let Linux end this process when its parent is killed: it would wait forever for somebody to read its outcomes."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class _Work(Dataset[Any]):
    """A function as a data set whose indices are the function's inputs: whether it returned, and what."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __getitem__(self, index: Any) -> tuple[bool, Any]:
        try:
            return True, self._function(index)
        except Exception:  # not every error can be pickled
            return False, None


def _same(outcome: Any) -> Any:
    return outcome
