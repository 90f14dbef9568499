"""Images and datasets of the tests of `zoo.score`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.data.writer import DatasetWriter

STEMS = ["test0", "test1", "test2"]


def grey(seed: int, height: int = 32, width: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)


@pytest.fixture(scope="module")
def square(tmp_path_factory) -> Path:
    """A dataset of 3 training and 3 test pairs of 32x32 pixels."""
    root = tmp_path_factory.mktemp("square") / "set"
    with DatasetWriter(root) as writer:
        writer.describe(name="square", source="made by the tests")
        for split in ("train", "test"):
            for index in range(3):
                visible = np.stack([grey(seed, 32, 32) for seed in range(index, index + 3)], axis=-1)
                writer.add(split, f"{split}{index}", visible=visible, thermal=grey(9 + index, 32, 32))
    return root


def images(folder: Path, *, suffix: str = "", like=grey, ending: str = "png") -> Path:
    """Write a prediction of each test image of `pairs`."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, stem in enumerate(STEMS):
        Image.fromarray(like(seed)).save(folder / f"{stem}{suffix}.{ending}")
    return folder


def score(folder: Path, pairs: Path, out: Path, **options):
    return zoo.score(folder, data=str(pairs), out=out, device="cpu", **{"baselines": False, **options})
