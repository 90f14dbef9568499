"""Work in threads beside the main one: what is read ahead of it, and what is written behind it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")

HELD = 4
"""Pieces of work that each thread may be ahead or behind by: what is read or drawn stays in memory for so long."""


def ahead(works: Iterable[Callable[[], T]], threads: int) -> Iterator[Future[T]]:
    """Yield works in their order, each begun before its turn."""
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[T]] = deque()
    try:
        for work in works:
            waiting.append(pool.submit(work))
            if len(waiting) > HELD * threads:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


class Behind(Generic[T]):
    """Does works in the order in which they come; a context manager, which on an error drops those not yet begun."""

    def __init__(self, threads: int) -> None:
        self._pool, self._most = ThreadPoolExecutor(threads), HELD * threads
        self._waiting: deque[Future[T]] = deque()

    def put(self, work: Callable[[], T]) -> Iterator[T]:
        """Hand in a work and yield the results of those that are done; waits while too many are not. Raises their errors."""
        self._waiting.append(self._pool.submit(work))
        while len(self._waiting) > self._most or (self._waiting and self._waiting[0].done()):
            yield self._waiting.popleft().result()

    def rest(self) -> Iterator[T]:
        """Yield the results of all that are left. Raises their errors."""
        while self._waiting:
            yield self._waiting.popleft().result()

    def finished(self) -> Iterator[T]:
        """Yield the results of those that ended well after an error or an interruption; the others are dropped."""
        for one in self._waiting:
            if one.done() and not one.cancelled() and one.exception() is None:
                yield one.result()
        self._waiting.clear()

    def __enter__(self) -> Behind[T]:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)
