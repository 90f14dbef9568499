"""A run that is executed in this process."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

import zoo
from zoo.data.streaming import open_split
from zoo.errors import ZooError
from zoo.run import training
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


@pytest.mark.parametrize(("method", "stages"), [("grey_copy", []), ("mean_image", ["decoding 6 pairs", "fitting"])])
def test_only_baselines_that_are_fitted_read_the_training_images(pairs, tmp_path, capsys, monkeypatch, method, stages):
    opened = []
    monkeypatch.setattr(
        training, "open_split", lambda *given, **named: opened.append(given) or open_split(*given, **named)
    )
    (record,) = zoo.train(method=method, data=str(pairs), size=32, out=tmp_path)
    assert [score.metric for score in record.scores] == ["psnr", "ssim"] and len(opened) == bool(stages)
    shown = [line.removeprefix("[1/1] ") for line in capsys.readouterr().err.splitlines()]
    assert [line for line in shown if line.startswith(("decoding", "fitting", "training"))] == stages
