"""Finds pairs of folders such as `vi/` and `ir/`, with a split around them, inside them, in their names, or without one."""

from __future__ import annotations

import re
from pathlib import Path

from zoo.data.importing import folder_like
from zoo.data.layout import SPLITS

from .matching import holds_both, pairing_words, without

# Names in upper or lower case; where a source holds several, the first is used.
VISIBLE = ("visible", "vis", "vi", "rgb", "color", "colour", "a")
THERMAL = ("thermal", "infrared", "ir", "lwir", "tir", "t", "b")
SPLIT_NAMES = {"train": ("train", "training"), "test": ("test", "testing"), "val": ("val", "valid", "validation")}
AB_FOLDERS = tuple(f"{split}{side}" for split in SPLITS for side in "AB")
"""`trainA`, `trainB`, `testA` and `testB`, as the code of CycleGAN names them."""

Sides = tuple[Path, Path]
"""A folder of visible and one of thermal images; one folder twice where names tell the two kinds apart."""


def find_pairs(source: Path) -> dict[str, Sides]:
    """Return the pairs of folders by `train`, `test` and `val`, or by "" without a split; empty for another layout."""
    sides = _sides(source)
    if sides is not None:
        return by_split(*sides)
    around = {name: pair for name, half in _splits(source).items() if (pair := _sides(half))}
    if found := around or _joined(source):
        return found
    halves = _splits(source) or {"": source}
    return {name: (half, half) for name, half in halves.items() if holds_both(half)}


def missing_folders(source: Path) -> str:
    """Return which folders a source without pairs of folders lacks, and what it holds."""
    paths = [path for path in source.iterdir() if not path.name.startswith(".")]
    folders = sorted(path.name for path in paths if path.is_dir())
    files = sorted(path.name for path in paths if not path.is_dir())
    found = f"the folders {', '.join(folders[:8])}" if folders else "no folder"
    found += f", and {len(files)} files such as {files[0]}" if files else ""
    return f"it lacks a folder {'|'.join(VISIBLE)} beside a folder {'|'.join(THERMAL)}; found {found}"


def are_pairs(found: dict[str, Sides]) -> bool:
    """Return whether most files of both sides of these folders have a partner by name."""
    counts = [_count_pairs(*sides) for sides in found.values()]
    return bool(found) and 2 * sum(paired for paired, _ in counts) > sum(largest for _, largest in counts)


def by_split(visible: Path, thermal: Path) -> dict[str, Sides]:
    """Return two folders by the splits inside both, or by "" without."""
    halves = [_splits(side) for side in (visible, thermal)]
    shared = {name: (halves[0][name], halves[1][name]) for name in halves[0] if name in halves[1]}
    return shared or {"": (visible, thermal)}


def _sides(folder: Path) -> Sides | None:
    visible, thermal = folder_like(folder, *VISIBLE), folder_like(folder, *THERMAL)
    return (visible, thermal) if visible and thermal else None


def _splits(folder: Path) -> dict[str, Path]:
    """Return the folders of a split by name; empty without a training set."""
    found = {name: path for name, known in SPLIT_NAMES.items() if (path := folder_like(folder, *known))}
    return found if "train" in found else {}


def _joined(source: Path) -> dict[str, Sides]:
    """Return the folders whose names join a split and a side, such as `trainA` and `test_ir`; empty without a training set."""
    split_of = {word: name for name, known in SPLIT_NAMES.items() for word in known}
    side_of = {word: index for index, known in enumerate((VISIBLE, THERMAL)) for word in known}
    splits, sides = "|".join(split_of), "|".join(side_of)
    form = re.compile(rf"({splits})[_\-. ]?({sides})|({sides})[_\-. ]?({splits})", re.IGNORECASE)
    found: dict[str, dict[int, Path]] = {}
    for path in sorted(source.iterdir()):
        if path.is_dir() and (parts := form.fullmatch(path.name)):
            split, side = (parts[1], parts[2]) if parts[1] else (parts[4], parts[3])
            found.setdefault(split_of[split.lower()], {}).setdefault(side_of[side.lower()], path)
    pairs = {split: (both[0], both[1]) for split, both in found.items() if len(both) == 2}
    return pairs if "train" in pairs else {}


def _count_pairs(visible: Path, thermal: Path) -> tuple[int, int]:
    """Return the number of pairs of two folders by their file names, and the number of files of the larger one."""
    if visible == thermal:
        return 1, 1  # `holds_both` counted
    stems = [[path.stem for path in side.iterdir() if path.is_file()] for side in (visible, thermal)]
    words = pairing_words(*stems)
    left, right = ({without(stem, word) for stem in side} for side, word in zip(stems, words, strict=True))
    return len(left & right), max(map(len, stems))
