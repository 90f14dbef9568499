"""Signals of a run that is executed in this process."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from zoo.errors import ZooError
from zoo.run.execute import _guarded, collect_signals


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


@pytest.mark.parametrize("error", [ZooError("the disk is full"), ValueError("too large")])
def test_a_failed_run_prints_nothing_but_its_reason(tmp_path, capsys, error):
    def work() -> bool:
        raise error

    ended = _guarded(tmp_path / "elsewhere", SimpleNamespace(processes=2), work)
    assert ended.status == "failed" and str(error) in ended.reason
    assert capsys.readouterr() == ("", "")
