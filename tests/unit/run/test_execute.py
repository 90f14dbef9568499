"""Signals of a run that is executed in this process."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

from zoo.run.execute import collect_signals


def test_signals_are_collected_and_their_handlers_are_restored():
    before = signal.getsignal(signal.SIGTERM)
    with collect_signals(signal.SIGTERM, signal.SIGINT) as received:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert received == [signal.SIGTERM, signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_in_another_thread_leaves_the_signals_alone():
    def collect() -> list[int]:
        with collect_signals(signal.SIGTERM) as received:
            return received

    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(collect).result() == []
    assert signal.getsignal(signal.SIGTERM) is before
