"""A metric whose file of weights is missing costs its column and not the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WORDS = ("bench", "--method", "grey_copy", "--size", "32", "--steps", "1", "--jobs", "1", "--device", "cpu")


@pytest.fixture
def offline(tmp_path: Path) -> dict[str, str]:
    """A machine without LPIPS's file, from which no request succeeds."""
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")
    return proxies | {"ZOO_CACHE": str(tmp_path / "cache"), "TORCH_HOME": str(tmp_path / "torch"), "ZOO_WEIGHTS": ""}


def test_a_missing_file_of_a_metric_costs_one_column_and_is_tried_again(zoo, pairs, offline):
    words = (*WORDS, "--data", str(pairs), "--metrics", "psnr,lpips")
    done = zoo(*words, env=offline)
    assert done.returncode == 0, done.stderr
    assert "lpips[alex]: not measured: alexnet" in done.stdout
    assert "lpips[alex] not measured: alexnet" in " ".join(done.stderr.split())
    (record,) = json.loads(zoo(*words, "--json", env=offline).stdout)  # again: still without it, and no failure
    assert [score["metric"] for score in record["scores"]] == ["psnr"]
    assert list(record["unmeasured"]) == ["lpips[alex]"] and "lpips[alex]" not in record["scored"]

    later = zoo(*WORDS, "--data", str(pairs), "--metrics", "psnr,lpips:weights=random", "--json", env=offline)
    (record,) = json.loads(later.stdout)
    assert len(record["scores"]) == 2
    assert zoo("records", "check", "results").returncode == 0


def test_a_run_for_which_nothing_can_be_measured_fails_with_the_reason(zoo, pairs, offline):
    done = zoo(*WORDS, "--data", str(pairs), "--metrics", "lpips", env=offline)
    assert done.returncode == 1 and "FAILED: alexnet" in done.stderr
