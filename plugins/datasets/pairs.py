"""Pairs in two folders with equal names, such as `vi/` and `ir/`, with a split around them, inside them, or without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zoo.data.images import read_visible
from zoo.data.importing import (
    ThermalSpan,
    folder_like,
    images,
    leave_out_bad,
    pair_up,
    read_thermal_of,
    source_folders,
    usual_bits,
)
from zoo.data.layout import THERMAL_SUFFIXES
from zoo.data.splitting import hold_out_share
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .config import PairsConfig

# Names in upper or lower case; where a source holds several, the first counts.
VISIBLE = ("visible", "vis", "vi", "rgb", "color", "colour", "a")
THERMAL = ("thermal", "infrared", "ir", "lwir", "tir", "t", "b")
TRAIN = ("train", "training")
TEST = ("test", "testing")
VALIDATION = ("val", "valid", "validation")


@dataclass(frozen=True, kw_only=True)
class PairFolders:
    """Two folders whose files of one stem are pairs."""

    split: str
    """`train` or `test`; empty where the test set is to be drawn."""
    visible: Path
    thermal: Path


class Pairs:
    """Importer of pairs in two folders, in the layouts in which sets are most often passed on."""

    def __init__(self, config: PairsConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. Without a split, the test set is drawn from what could be decoded.

        Raises:
            DataError: the source holds no two such folders.
        """
        source_folders(source, (), layout="pairs")
        assert source is not None  # source_folders refuses None
        found = find_pairs(source)
        if not found:
            raise DataError(
                f"`{source}` is not in the layout of pairs: {lacking(source)}",
                f"Name the folders {VISIBLE[0]} and {THERMAL[0]}, alone or with train and test around them or inside them",
            )
        write_pairs(writer, source, found, self.config)


def find_pairs(source: Path) -> list[PairFolders]:
    """Return the pairs of folders in a source; none where it has another layout."""
    sides = _sides(source)
    if sides:
        inside = [_splits(side) for side in sides]
        names = [name for name in inside[0] if name in inside[1]]
        if not names:
            return [PairFolders(split="", visible=sides[0], thermal=sides[1])]
        found = {name: (inside[0][name], inside[1][name]) for name in names}
    else:
        halves = {name: pair for name, half in _splits(source).items() if (pair := _sides(half))}
        found = halves
    return list(_named(found))


def lacking(source: Path) -> str:
    """Return what a source without pairs of folders lacks, and what it holds."""
    there = sorted(path.name for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = f"the folders {', '.join(there[:8])}" if there else "no folder"
    return f"it lacks a folder {'|'.join(VISIBLE)} beside a folder {'|'.join(THERMAL)}; found {found}"


def write_pairs(writer: DatasetWriter, source: Path, found: list[PairFolders], config: PairsConfig) -> None:
    """Write the pairs of these folders and describe the set by the source's name."""
    pairs = [
        (folders.split or "train", stem, visible, thermal)
        for folders in found
        for stem, (visible, thermal) in pair_up(
            images(folders.visible, writer), images(folders.thermal, writer, THERMAL_SUFFIXES), writer
        ).items()
    ]
    bits, span = usual_bits(thermal for *_, thermal in pairs), ThermalSpan()
    for split, stem, visible, thermal in pairs:
        leave_out_bad(writer, visible, partial(_add, writer, split, stem, visible, thermal, bits, span))
    if not any(folders.split == "test" for folders in found) and (usable := writer.stems("train")):
        writer.hold_out(hold_out_share(usable, config.test_share, f"{config.seed} " if config.seed else ""))
    low, high = span.over(writer.stems("train"))
    writer.describe(name=source.resolve().name, thermal_low=low, thermal_high=high)


def _add(
    writer: DatasetWriter, split: str, stem: str, visible: Path, thermal: Path, bits: int, span: ThermalSpan
) -> None:
    values = read_thermal_of(thermal, bits)
    writer.add(split, stem, visible=read_visible(visible), thermal=values)
    if split == "train":
        span.include(stem, values)


def _sides(folder: Path) -> tuple[Path, Path] | None:
    visible, thermal = folder_like(folder, *VISIBLE), folder_like(folder, *THERMAL)
    return (visible, thermal) if visible and thermal else None


def _splits(folder: Path) -> dict[str, Path]:
    """Return the folders of a split by what they hold; none where there is no training set."""
    names = {"train": TRAIN, "test": TEST, "val": VALIDATION}
    found = {name: path for name, several in names.items() if (path := folder_like(folder, *several))}
    return found if "train" in found else {}


def _named(found: Mapping[str, tuple[Path, Path]]) -> Iterator[PairFolders]:
    """Yield the folders with the split that they go to: `val` is the test set where there is no other, else trained on."""
    for name, (visible, thermal) in found.items():
        split = ("train" if "test" in found else "test") if name == "val" else name
        yield PairFolders(split=split, visible=visible, thermal=thermal)
