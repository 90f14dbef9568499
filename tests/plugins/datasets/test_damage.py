"""Whatever a source tree suffers, an import makes a set that the check accepts, or ends in one line and leaves nothing."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo.data.check import check
from zoo.data.writer import materialize
from zoo.errors import ZooError
from zoo.hookspec import Component
from zoo.registry import get_registry
from zoo_plugins.datasets import examples, zoo_components

TREES = 12
"""Damaged trees of each layout."""
ROWS = {row.name: row for row in zoo_components()}
LAYOUTS = ["roadscene", "thermalworld", "msrs", "m3fd", "radiometric", "pairs", "cyclegan", "aligned"]


def _truncate(path: Path, rng: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size + 1)])


def _flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 8, 64))):
        content[rng.randrange(min(len(content), rng.choice((64, 10**6))))] = rng.randrange(256)
    path.write_bytes(content)


def _folder(path: Path, _: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _dangling(path: Path, _: random.Random) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _pipe(path: Path, _: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _foreign_name(path: Path, rng: random.Random) -> None:
    path.rename(os.fsdecode(os.fsencode(path.parent) + b"/\xc4\xe3\n\x1b" + os.fsencode(path.name)))


def _long_name(path: Path, rng: random.Random) -> None:
    path.rename(path.with_name("n" * (255 - len(path.suffix)) + path.suffix))


def _twice(path: Path, _: random.Random) -> None:
    Image.new("RGB", (9, 9)).save(path.with_suffix(".webp"))


def _other_depth(path: Path, _: random.Random) -> None:
    Image.fromarray(np.full((24, 32), 9000, np.uint16)).save(path.with_suffix(".tiff"))
    path.unlink()


def _huge(path: Path, _: random.Random) -> None:
    path.unlink()
    shape = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117)
    path.with_suffix(".npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + shape + b"\n")


def _labels_beyond(path: Path, _: random.Random) -> None:
    Image.fromarray(np.full((24, 32), 250, np.uint8)).save(path.with_suffix(".png"))


def _lost(path: Path, _: random.Random) -> None:
    path.unlink()


def _whole_folder(path: Path, _: random.Random) -> None:
    shutil.rmtree(path.parent)


FAULTS: list[Callable[[Path, random.Random], None]] = [
    _truncate, _flip, _folder, _dangling, _pipe, _foreign_name, _long_name, _twice, _other_depth, _huge, _labels_beyond, _lost,
]  # fmt: skip


def _damage(source: Path, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 2, 5, 20, 60))):
        files = sorted(path for path in source.rglob("*") if path.is_file() and path.stat().st_size)
        if files:
            with contextlib.suppress(OSError):  # two faults may exclude each other
                rng.choice(FAULTS)(rng.choice(files), rng)
    if rng.random() < 0.1 and files:
        _whole_folder(rng.choice(files), rng)


def _dataset(row: Component) -> Any:
    module, _, name = row.target.partition(":")
    config = get_registry().find("dataset", row.name).with_options(row.small, named=True).config
    return getattr(import_module(module), name)(config)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_damaged_tree_becomes_a_whole_set_or_one_line(layout: str, tmp_path: Path) -> None:
    rng = random.Random(f"{layout} 12")
    outcomes = {True: 0, False: 0}
    for number in range(TREES):
        source, dst = tmp_path / f"{number}/src", tmp_path / f"{number}/dst"
        getattr(examples, layout)(source)
        _damage(source, rng)
        try:
            info = materialize(_dataset(ROWS[layout]), dst, source)
        except ZooError as error:
            assert "\n" not in str(error)
            assert [path.name for path in dst.parent.iterdir()] == ["src"]
            outcomes[False] += 1
        else:
            assert [problem for problem in check(dst) if problem.severity == "error"] == []
            assert min(info.splits.values()) > 0
            assert all("\n" not in f"{item.name}{item.reason}" for item in info.left_out)
            outcomes[True] += 1
    assert outcomes[True] >= TREES // 4  # a few bad files do not lose the others
