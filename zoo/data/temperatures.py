"""Mean degrees Celsius of the classes in each image: measured, written and read. Imports no torch."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.layout import MEMBERS, TEMPERATURE_FILE, member_folder, read_info
from zoo.errors import DataError

COLUMNS = ("stem", "class", "celsius")

ClassMean = tuple[str, str, float]
"""Stem, class name, mean degrees Celsius; a class that an image does not show has no row."""


def class_means(labels: NDArray[Any], celsius: NDArray[Any]) -> dict[int, float]:
    """Return the mean degrees of each class index in an image, from label and degree maps [H, W]."""
    return {int(index): float(celsius[labels == index].mean(dtype=np.float64)) for index in np.unique(labels)}


def mean_by_object(labels: NDArray[Any], celsius: NDArray[Any]) -> NDArray[np.float32]:
    """Return degrees [H, W] in which every object has its mean, from label and degree maps [H, W].

    An object is a region of one class whose pixels touch at their sides.
    """
    from scipy import ndimage

    objects, count = np.zeros(labels.shape, np.intp), 0
    for index in np.unique(labels):
        regions, found = ndimage.label(labels == index)
        objects += np.where(regions > 0, regions - 1 + count, 0)
        count += found
    places = objects.ravel()
    means = np.bincount(places, celsius.ravel().astype(np.float64)) / np.bincount(places)
    return means[objects].astype(np.float32)


def mean_by_class(rows: Iterable[ClassMean], classes: Sequence[str]) -> dict[str, float]:
    """Return the mean of each class over the images that show it; a class that none shows is absent."""
    values: dict[str, list[float]] = {name: [] for name in classes}
    for _, name, degrees in rows:
        values[name].append(degrees)
    return {name: float(np.mean(several)) for name, several in values.items() if several}


def write_temperatures(root: Path, split: str, rows: Sequence[ClassMean]) -> None:
    """Write a split's `temperature.csv`, or none where there are no rows."""
    if rows:
        path = root / split / TEMPERATURE_FILE
        with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            csv.writer(file).writerows([COLUMNS, *rows])


def read_temperatures(root: Path, split: str) -> dict[str, dict[str, float]]:
    """Return degrees Celsius by stem and class from a split's `temperature.csv`; empty where there is none.

    Raises:
        DataError: the file is damaged.
    """
    if (root / MEMBERS).is_dir():
        return {
            f"{member.name}/{stem}": means
            for number, member in enumerate(read_info(root).members)
            for stem, means in read_temperatures(member_folder(root, number), split).items()
        }
    path = root / split / TEMPERATURE_FILE
    if not path.is_file():
        return {}
    table: dict[str, dict[str, float]] = {}
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) != COLUMNS:
                raise ValueError(f"its first line is not {','.join(COLUMNS)}")
            for stem, name, text in rows:
                degrees = float(text)
                if not math.isfinite(degrees):
                    raise ValueError(f"`{stem}` has {text} degrees")
                table.setdefault(stem, {})[name] = degrees
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            f"`{path}` cannot be read: {error}", "Correct the file, or import the dataset into a new folder"
        ) from error
    return table
