"""What all tests share: a cache of their own, a small dataset, and the marks that skip with a reason."""

from __future__ import annotations

import os

# Before torch is imported: the networks of the tests are too narrow to share, and two test processes share two cores.
os.environ["OMP_NUM_THREADS"] = "1"

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import forked_zoo
import numpy as np
import pytest

from zoo.data.writer import DatasetWriter

ROADSCENE = Path(__file__).resolve().parents[2] / "shared" / "data" / "roadscene"
"""Real pairs, where the machine has them."""

SLOW_SECONDS = 1200
"""Time limit of a test marked slow."""

# A runner in the background may have been started deaf to Ctrl-C, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

forked_zoo.install()

Run = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run tests that take more than twenty seconds")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))
            if not config.getoption("--slow"):
                item.add_marker(pytest.mark.skip(reason="slow; run with --slow"))
        if "gpu" in item.keywords and not _cuda():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["ZOO_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["COLUMNS"] = "200"
    os.environ["ZOO_PLUGIN_TIMEOUT"] = "120"  # a plugin that imports torch takes over ten seconds on a busy machine
    os.environ["ZOO_BENCH_BASELINES"] = "0"  # tests of other behaviour count the runs that they name
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


@pytest.fixture(scope="session")
def saved() -> Callable[..., Path]:
    """Save a freshly initialised model as a bench would: saved(folder, data, size=32, **what compose is asked)."""

    def save(folder: Path, data: str, *, size: int = 32, **asked: object) -> Path:
        import torch

        from zoo.build import build_method
        from zoo.composition import compose
        from zoo.environment import provenance
        from zoo.model_folder import ModelConfig, save_model
        from zoo.sources import open_source

        source = open_source(data, size=size)
        recipe = compose(data=source, size=size, **asked)
        torch.manual_seed(1)
        method = build_method(recipe, source.info, torch.Generator(), training=False)
        save_model(folder, method, ModelConfig(recipe=recipe, dataset=source.info, plugins=provenance(recipe)))
        return folder

    return save


@pytest.fixture(scope="session")
def finished(saved: Callable[..., Path]) -> Callable[..., Path]:
    """Write the folder of a finished run, untrained, with scores that are made up: finished(folder, data, **as `saved`)."""

    def finish(folder: Path, data: str, **asked: object) -> Path:
        import msgspec
        from PIL import Image

        from zoo.environment import environment
        from zoo.evaluate.results import Score
        from zoo.keys import train_key
        from zoo.model_folder import read_config
        from zoo.records.record import Record, Timing, write_json

        config = read_config(saved(folder, data, **asked))
        values = {f"test{index}": 10 + index / 3 for index in range(3)}
        score = Score(
            metric="psnr",
            value=31 / 3,
            n=3,
            low=10.0625,
            high=10.6,
            level=0.95,
            unit="dB",
            higher_is_better=True,
            protocol={"split": "test", "resize": "32x32 bicubic", "reads": ["visible"], "data_range": 1.0},
            per_image=values,
        )
        record = Record(
            recipe=config.recipe,
            train_key=train_key(config.recipe),
            score_key="s",
            command=f"zoo bench --gen resnet6:width=4,blocks=1 --size 32 --steps 4 --data {data} --out {folder.parent}",
            finished="2025-01-02T03:04:05+00:00",
            scores=[score],
            losses={"generator/gan_A": 0.5},
            parameters={"translation": 1234},
            timing=Timing(train_seconds=75.0, steps_per_second=2.0, score_seconds=1.0, resumed=0),
            peak_memory={"host": 2**30, "device": None},
            environment=environment("cpu"),
            plugins=config.plugins,
            dataset={"name": config.dataset.name, "license": "", "splits": config.dataset.splits},
        )
        # As a record that was read again: with lists where the recipe has tuples.
        write_json(folder / "record.json", msgspec.convert(msgspec.to_builtins(record), Record))
        Image.new("RGB", (30, 10), "grey").save(folder / "samples.png")
        return folder

    return finish


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()
