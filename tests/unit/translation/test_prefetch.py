"""Prefetching and the write queue: order, limits, errors."""

from __future__ import annotations

import threading
from functools import partial
from itertools import repeat

import pytest

from zoo.translation.streaming import PENDING, WriteQueue, prefetch


def test_prefetched_results_come_in_order_and_few_tasks_are_pending():
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        return number

    results = prefetch((partial(work, number) for number in range(100)), 2)
    assert [next(results).result() for _ in range(3)] == [0, 1, 2]
    assert len(begun) <= 3 + 2 * PENDING
    assert [future.result() for future in results] == list(range(3, 100))


def test_an_endless_source_can_be_left():
    before = threading.active_count()
    results = prefetch(repeat(lambda: 1), 1)
    assert next(results).result() == 1
    results.close()
    assert threading.active_count() == before


def test_results_of_a_write_queue_come_in_order():
    slow = threading.Event()
    with WriteQueue[int](2) as queue:
        done = list(queue.put(lambda: slow.wait(10) and 0))
        done += [number for n in range(1, 5) for number in queue.put(lambda n=n: n)]
        assert done == []
        slow.set()
        done += list(queue.join())
    assert done == [0, 1, 2, 3, 4]


def test_an_error_of_a_task_is_raised_and_later_tasks_are_cancelled():
    written = []
    with pytest.raises(OSError, match="full"), WriteQueue[None](1) as queue:

        def fail() -> None:
            raise OSError("full")

        list(queue.put(fail))
        for number in range(100):
            list(queue.put(partial(written.append, number)))
    assert len(written) < 100


def test_results_before_an_error_are_returned():
    def fail() -> int:
        raise OSError("full")

    with pytest.raises(OSError, match="full"), WriteQueue[int](1) as queue:
        assert list(queue.put(lambda: 1)) in ([], [1])
        list(queue.put(lambda: 2)) + list(queue.put(fail)) + list(queue.join())
    assert set(queue.completed()) <= {1, 2} and list(queue.completed()) == []
