"""Several benches at once on one results folder: every run is executed once, whoever is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import wait_until

pytestmark = pytest.mark.slow  # tests/unit/records/test_lease.py has the quick half

METHODS = "mean_image,grey_copy,inverted_grey,pixel_regression"
RUNS = 24
WORDS = ("bench", "--method", METHODS, "--seeds", "6", "--size", "32", "--device", "cpu", "--jobs", "1")


def start(pairs: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zoo", *WORDS, "--data", str(pairs), "--out", str(out), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def after_two_kills(pairs, tmp_path_factory) -> Iterator[tuple[Path, list[subprocess.CompletedProcess[str]]]]:
    """The folder of four benches of which two were killed early on, and what the others told."""
    out = tmp_path_factory.mktemp("shared") / "results"
    benches = [start(pairs, out) for _ in range(4)]
    wait_until(lambda: len(list(out.glob("*/record.json"))) >= 3)
    for bench in benches[:2]:
        bench.send_signal(signal.SIGKILL)
        bench.communicate()
    told = [bench.communicate(timeout=300) for bench in benches[2:]]
    ended = [
        subprocess.CompletedProcess((), bench.returncode, *both) for bench, both in zip(benches[2:], told, strict=True)
    ]
    yield out, ended


def test_the_others_finish_all_runs(after_two_kills):
    out, ended = after_two_kills
    for bench in ended:
        assert bench.returncode == 0, bench.stderr
        assert len(json.loads(bench.stdout)) == RUNS
    assert len(list(out.glob("*/record.json"))) == RUNS


def test_no_run_is_executed_twice_and_no_lease_is_left(after_two_kills):
    out, _ = after_two_kills
    # A training begun twice would have counted so; one that was killed in its first run may have.
    starts = [int((path / "starts").read_text()) for path in out.iterdir() if (path / "starts").exists()]
    assert sum(starts) <= RUNS + 2
    assert not list(out.glob("*/.claim*"))


def test_four_benches_together_execute_each_run_exactly_once(pairs, tmp_path):
    benches = [start(pairs, tmp_path / "results") for _ in range(4)]
    told = [bench.communicate(timeout=600) for bench in benches]
    assert [bench.returncode for bench in benches] == [0] * 4, told
    starts = [(path.parent.name, path.read_text()) for path in (tmp_path / "results").glob("*/starts")]
    assert len(starts) == RUNS and {count for _, count in starts} == {"1"}
