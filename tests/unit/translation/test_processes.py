"""Work in several processes: the order of its results, killed processes, errors, and limits of memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from zoo.errors import DataError, UsageError
from zoo.translation.processes import in_processes


def test_what_a_killed_process_leaves_is_computed_in_this_one(caplog):
    here = os.getpid()

    def double(number):
        if number == 5 and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number

    outcomes = list(in_processes([(f"batch {number}", number) for number in range(12)], double, 2))
    assert outcomes == [(f"batch {number}", 2 * number) for number in range(12)]
    assert "was killed" in caplog.text


@pytest.mark.parametrize("waiting", ["input", "consumer"])
def test_a_process_may_be_killed_while_this_one_does_something_else(waiting, caplog):
    here, seen = os.getpid(), []
    next(iter(DataLoader([0], num_workers=1)))  # leaves torch's handler of killed processes behind

    def pause(place, number):
        if place == waiting and number == 5:
            time.sleep(1.5)

    def double(number):
        if number == 3 and os.getpid() != here:
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number

    def batches():
        for number in range(12):
            pause("input", number)
            yield number, number

    for label, outcome in in_processes(batches(), double, 2):
        seen.append((label, outcome))
        pause("consumer", label + 5)
    assert seen == [(number, 2 * number) for number in range(12)]
    assert "was killed" in caplog.text


@pytest.mark.parametrize("error", [UsageError("there are no labels", "Add labels"), RuntimeError("shapes differ")])
def test_an_error_in_another_process_is_that_of_this_one(caplog, error):
    def broken(number):
        if number == 5:
            raise error
        return number

    seen = []
    with pytest.raises(type(error)) as caught:
        for label, _ in in_processes([(number, number) for number in range(8)], broken, 2):
            seen.append(label)
    assert caught.value is error
    assert seen == list(range(5)) and not caplog.text


def test_without_more_processes_everything_is_computed_in_this_one(monkeypatch, caplog):
    def refused():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refused)
    outcomes = list(in_processes([(number, number) for number in range(8)], lambda number: -number, 2))
    assert outcomes == [(number, -number) for number in range(8)]
    assert "cannot be started" in caplog.text


def test_processes_are_no_more_than_batches_and_memory_allow(monkeypatch):
    def others(count, **options):
        batches = [(number, number) for number in range(count)]
        return {process for _, process in in_processes(batches, lambda _: os.getpid(), 2, **options)} - {os.getpid()}

    assert not others(1)
    monkeypatch.setattr("zoo.translation.processes.free_memory", lambda: 25)
    assert len(others(9, memory=lambda _: 10)) == 2
    assert not others(9, memory=lambda _: 20)


def test_processes_end_with_a_killed_parent():
    code = (
        "import os, signal; from zoo.translation.processes import in_processes\n"
        "outcomes = in_processes(((n, n) for n in range(99)), lambda n: (os.getpid(), bytes(300_000)), 2)\n"
        "print(*{next(outcomes)[1][0] for _ in range(4)}, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.PIPE, text=True, timeout=30)
    others = [Path("/proc", number, "stat") for number in done.stdout.split()]
    assert len(others) == 2
    deadline = time.monotonic() + 10
    while any(each.exists() and each.read_text().split()[2] != "Z" for each in others):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("count", [1, 7])
def test_an_error_of_the_input_comes_after_the_batches_before_it(count):
    def batches():
        yield from ((number, number) for number in range(count))
        raise DataError("the film ends too early")

    seen = []
    with pytest.raises(DataError, match="ends too early"):
        for label, outcome in in_processes(batches(), lambda number: -number, 2):
            seen.append((label, outcome))
    assert seen == [(number, -number) for number in range(count)]
