"""Pairs in two folders with equal names, such as `vi/` and `ir/`, with a split around them, inside them, or without one."""

from __future__ import annotations

from pathlib import Path

from zoo.data.importing import (
    add_pair,
    folder_like,
    hold_out_share,
    images_by_stem,
    pair_up,
    require_source,
    usual_bits,
)
from zoo.data.layout import THERMAL_SUFFIXES
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .config import PairsConfig

# Names in upper or lower case; where a source holds several, the first is used.
VISIBLE = ("visible", "vis", "vi", "rgb", "color", "colour", "a")
THERMAL = ("thermal", "infrared", "ir", "lwir", "tir", "t", "b")
SPLIT_NAMES = {"train": ("train", "training"), "test": ("test", "testing"), "val": ("val", "valid", "validation")}

Sides = tuple[Path, Path]
"""A folder of visible and one of thermal images."""


class Pairs:
    """Importer of pairs in two folders, the most common layouts of shared sets."""

    def __init__(self, config: PairsConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. Without a split, the test set is sampled from the decoded pairs."""
        source = require_source(source, layout="pairs")
        found = find_pairs(source)
        if not found:
            raise DataError(
                f"`{source}` is not in the layout of pairs: {missing_folders(source)}",
                f"Name the folders {VISIBLE[0]} and {THERMAL[0]}, alone or with train and test around them or inside them",
            )
        write_pairs(writer, source, found, self.config)


def find_pairs(source: Path) -> dict[str, Sides]:
    """Return the pairs of folders by `train`, `test` and `val`, or by "" without a split; empty for another layout."""
    sides = _sides(source)
    if sides is None:
        return {name: pair for name, half in _splits(source).items() if (pair := _sides(half))}
    visible, thermal = (_splits(side) for side in sides)
    return {name: (visible[name], thermal[name]) for name in visible if name in thermal} or {"": sides}


def missing_folders(source: Path) -> str:
    """Return which folders a source without pairs of folders lacks, and which it holds."""
    present = sorted(path.name for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = f"the folders {', '.join(present[:8])}" if present else "no folder"
    return f"it lacks a folder {'|'.join(VISIBLE)} beside a folder {'|'.join(THERMAL)}; found {found}"


def write_pairs(writer: DatasetWriter, source: Path, found: dict[str, Sides], config: PairsConfig) -> None:
    """Write the pairs of these folders and describe the set by the source's name.

    `val` is the test set if there is no other, else it is trained on.
    """
    split_of = {"": "train", "train": "train", "test": "test", "val": "train" if "test" in found else "test"}
    pairs = [
        (split_of[name], stem, *files)
        for name, (visible, thermal) in found.items()
        for stem, files in pair_up(
            images_by_stem(visible, writer), images_by_stem(thermal, writer, THERMAL_SUFFIXES), writer
        ).items()
    ]
    bits = usual_bits(thermal for *_, thermal in pairs)
    for split, stem, visible, thermal in pairs:
        add_pair(writer, split, stem, visible, thermal, bits=bits, whose="most files")
    if not {"test", "val"} & found.keys() and (usable := writer.stems("train")):
        writer.hold_out(hold_out_share(usable, config.test_share, f"{config.seed} " if config.seed else ""))
    writer.describe(name=source.resolve().name)


def _sides(folder: Path) -> Sides | None:
    visible, thermal = folder_like(folder, *VISIBLE), folder_like(folder, *THERMAL)
    return (visible, thermal) if visible and thermal else None


def _splits(folder: Path) -> dict[str, Path]:
    """Return the folders of a split by name; empty without a training set."""
    found = {name: path for name, known in SPLIT_NAMES.items() if (path := folder_like(folder, *known))}
    return found if "train" in found else {}
