"""Holds the colours of painted label images against one another: one class, one colour. Imports no torch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.check import Problem
from zoo.data.layout import SPLITS, DatasetInfo, list_split

Colour = tuple[int, ...]


def palette_problems(root: Path, info: DatasetInfo) -> list[Problem]:
    """Return the label images whose palette gives a class another colour than most do, each as a warning.

    Such a file was made for other class numbers, so its indices mean other classes. Labels without a palette say nothing
    of colours and pass.
    """
    paths = [entry.labels for split in SPLITS for entry in list_split(root, split) if entry.labels is not None]
    painted = {path: colours for path in paths if (colours := _colours(path))}
    votes: dict[int, Counter[Colour]] = {}
    for colours in painted.values():
        for index, colour in colours.items():
            votes.setdefault(index, Counter())[colour] += 1
    usual = {index: counter.most_common(1)[0][0] for index, counter in votes.items()}
    problems = []
    for path, colours in painted.items():
        odd = [index for index, colour in colours.items() if colour != usual[index]]
        if odd:
            index = odd[0]
            name = info.classes[index] if index < len(info.classes) else str(index)
            what = f"paints class {name} {_hex(colours[index])}, other labels {_hex(usual[index])}"
            problems.append(Problem(path=path, what=what, severity="warning"))
    return problems


def _colours(path: Path) -> dict[int, Colour]:
    """Return the colour of each class index that a palette image uses; empty for other images and unreadable files."""
    try:
        with Image.open(path) as image:
            flat = image.getpalette("RGB") if image.mode == "P" else None
            if flat is None:
                return {}
            used = np.unique(np.asarray(image))
    except Exception:  # whatever a damaged file makes Pillow stumble over; `zoo.data.check` names the file
        return {}
    return {int(index): tuple(flat[3 * index : 3 * index + 3]) for index in used}


def _hex(colour: Colour) -> str:
    return "#" + "".join(f"{value:02x}" for value in colour)
