"""What all tests share: a cache of their own, a small dataset, and the marks that skip with a reason."""

from __future__ import annotations

import os

# Before torch is imported: the networks of the tests are too narrow to share, and two test processes share two cores.
os.environ["OMP_NUM_THREADS"] = "1"

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from zoo.data.writer import DatasetWriter

ROADSCENE = Path(__file__).resolve().parents[2] / "shared" / "data" / "roadscene"
"""Real pairs, where the machine has them."""

Run = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run tests that take more than twenty seconds")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow; run with --slow"))
        if "gpu" in item.keywords and not _cuda():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["ZOO_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["COLUMNS"] = "200"
    for name in ("ZOO_PLUGINS", "ZOO_STRICT"):
        os.environ.pop(name, None)


@pytest.fixture
def zoo(tmp_path: Path) -> Run:
    """Type a zoo command in an empty folder and return what came of it."""

    def run(*words: str, env: Mapping[str, str] = {}, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "zoo", *words]
        return subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 6 training and 3 test pairs, 40 px wide and 32 high: bright blocks that are warm."""
    root = tmp_path_factory.mktemp("data") / "pairs"
    rng = np.random.default_rng(0)
    with DatasetWriter(root) as writer:
        writer.describe(name="blocks", source="made by the tests")
        for split, count in (("train", 6), ("test", 3)):
            for index in range(count):
                grey = np.kron(rng.integers(0, 256, (4, 5)), np.ones((8, 8))).astype(np.uint8)
                visible = np.stack([grey, np.roll(grey, 8, 1), 255 - grey], axis=-1)
                writer.add(split, f"{split}{index}", visible=visible, thermal=255 - grey // 2)
    return root


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()
