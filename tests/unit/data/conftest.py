"""A pair of images, and small hand-made datasets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zoo.data.writer import DatasetWriter

Maker = Callable[..., Path]
VISIBLE = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
THERMAL = VISIBLE[..., 0]


@pytest.fixture
def make_pairs(tmp_path: Path) -> Maker:
    """Return a function that writes a paired set of random images and returns its folder."""

    def make(
        *,
        train: int = 3,
        test: int = 2,
        shape: tuple[int, int] = (6, 8),
        dtype: type = np.uint8,
        labels: bool = False,
        name: str = "set",
        **described: object,
    ) -> Path:
        rng = np.random.default_rng(0)
        with DatasetWriter(tmp_path / name) as writer:
            for split, count in (("train", train), ("test", test)):
                for i in range(count):
                    thermal = rng.integers(0, 256 if dtype == np.uint8 else 60000, shape).astype(dtype)
                    extra = {
                        "labels": rng.integers(0, 3, shape).astype(np.uint8),
                        "celsius": rng.uniform(-10, 40, shape).astype(np.float32),
                    }
                    writer.add(
                        split,
                        f"{split}{i}",
                        visible=rng.integers(0, 256, (*shape, 3)).astype(np.uint8),
                        thermal=thermal,
                        **(extra if labels else {}),
                    )
            classes = ("sky", "road", "car") if labels else ()
            writer.describe(**{"name": "made", "classes": classes, **described})
        return tmp_path / name

    return make
