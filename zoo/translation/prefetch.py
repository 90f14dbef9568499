"""Background threads: inputs are prefetched, and outputs wait in a write queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")

PENDING = 4
"""Pending tasks per thread; a larger number needs more memory for their images."""


def prefetch(tasks: Iterable[Callable[[], T]], threads: int) -> Iterator[Future[T]]:
    """Yield the futures of tasks in their order; later tasks run meanwhile."""
    pool = ThreadPoolExecutor(threads)
    pending: deque[Future[T]] = deque()
    try:
        for task in tasks:
            pending.append(pool.submit(task))
            if len(pending) > PENDING * threads:
                yield pending.popleft()
        while pending:
            yield pending.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


class WriteQueue(Generic[T]):
    """Runs tasks in the order in which they are put; a context manager, which after an error cancels those not started."""

    def __init__(self, threads: int) -> None:
        self._pool, self._limit = ThreadPoolExecutor(threads), PENDING * threads
        self._pending: deque[Future[T]] = deque()

    def put(self, task: Callable[[], T]) -> Iterator[T]:
        """Add a task and yield the results of finished ones; waits while the queue is full. Raises the errors of tasks."""
        self._pending.append(self._pool.submit(task))
        while len(self._pending) > self._limit or (self._pending and self._pending[0].done()):
            yield self._pending.popleft().result()

    def join(self) -> Iterator[T]:
        """Wait for all remaining tasks and yield their results. Raises their errors."""
        while self._pending:
            yield self._pending.popleft().result()

    def completed(self) -> Iterator[T]:
        """Yield the results of tasks that succeeded before an error or an interruption, and forget the others."""
        pending, self._pending = self._pending, deque()
        for future in pending:
            if future.done() and not future.cancelled() and future.exception() is None:
                yield future.result()

    def __enter__(self) -> WriteQueue[T]:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)
