"""Reading ahead and writing behind: order, bounds, errors."""

from __future__ import annotations

import threading
from functools import partial
from itertools import repeat

import pytest

from zoo.translation.prefetch import HELD, Behind, ahead


def test_results_come_in_order_and_only_so_many_are_begun():
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        return number

    results = ahead((partial(work, number) for number in range(100)), 2)
    assert [next(results).result() for _ in range(3)] == [0, 1, 2]
    assert len(begun) <= 3 + 2 * HELD
    assert [future.result() for future in results] == list(range(3, 100))


def test_an_endless_source_can_be_left():
    before = threading.active_count()
    results = ahead(repeat(lambda: 1), 1)
    assert next(results).result() == 1
    results.close()
    assert threading.active_count() == before


def test_what_is_written_behind_is_told_in_order_and_whole():
    slow = threading.Event()
    with Behind[int](2) as behind:
        done = list(behind.put(lambda: slow.wait(10) and 0))
        done += [number for n in range(1, 5) for number in behind.put(lambda n=n: n)]
        assert done == []
        slow.set()
        done += list(behind.rest())
    assert done == [0, 1, 2, 3, 4]


def test_an_error_behind_is_raised_and_later_work_dropped():
    written = []
    with pytest.raises(OSError, match="full"), Behind[None](1) as behind:

        def fail() -> None:
            raise OSError("full")

        list(behind.put(fail))
        for number in range(100):
            list(behind.put(partial(written.append, number)))
    assert len(written) < 100


def test_what_was_finished_before_an_error_is_told():
    def fail() -> int:
        raise OSError("full")

    with pytest.raises(OSError, match="full"), Behind[int](1) as behind:
        assert list(behind.put(lambda: 1)) in ([], [1])
        list(behind.put(lambda: 2)) + list(behind.put(fail)) + list(behind.rest())
    assert set(behind.finished()) <= {1, 2} and list(behind.finished()) == []
