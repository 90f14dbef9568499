"""The PASCAL VOC conventions of ThermalWorld: indexed or painted label images, lists of a split, and edges between objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.images import read_labels, read_visible
from zoo.data.importing import stems_in
from zoo.errors import DataError

VOID = 255
"""Index of VOC's border between objects, painted (224, 224, 192) or white."""


def palette() -> NDArray[np.uint8]:
    """Return VOC's colours, uint8 [256, 3]: each index's bits, spread over red, green and blue from the highest bit down."""
    colours = np.zeros((256, 3), np.uint8)
    indices = np.arange(256)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (((indices >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def read_indices(path: Path) -> NDArray[np.uint8]:
    """Return class or object indices [H, W] of a label image, indexed or painted in VOC's colours.

    Raises:
        DataError: the file cannot be decoded, or has a colour that is none of VOC's.
    """
    try:
        return read_labels(path)
    except DataError as error:
        if "pixels of type" not in error.message:
            raise
    painted = read_visible(path).astype(np.int64)
    codes = painted @ np.array([65536, 256, 1])
    known = palette().astype(np.int64) @ np.array([65536, 256, 1])
    codes = np.where(codes == 0xFFFFFF, known[VOID], codes)
    order = np.argsort(known)
    index = np.searchsorted(known[order], codes).clip(max=255)
    indices: NDArray[np.uint8] = order[index].astype(np.uint8)
    if (known[indices] != codes).any():
        colour = painted[np.nonzero(known[indices] != codes)][0]
        raise DataError(f"`{path}` has the colour {tuple(map(int, colour))}, which is none of VOC's")
    return indices


def class_names(source: Path, given: str, labels: list[Path]) -> tuple[str, ...]:
    """Return the names of class indices: as given (`a+b`), by `labelmap.txt` (lines `name:r,g,b:parts:actions`), or numbered."""
    names = tuple(filter(None, given.split("+")))
    if not names and (source / "labelmap.txt").is_file():
        lines = (source / "labelmap.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        names = tuple(line.partition(":")[0].strip() for line in lines if line.strip() and not line.startswith("#"))
    if names:
        return names
    top = -1
    for path in labels:
        try:
            indices = read_indices(path)
        except DataError:
            continue  # the image is skipped when it is imported
        top = max(top, int(indices[indices != VOID].max(initial=0)))
    return tuple(f"class_{index}" for index in range(top + 1))


def require_named(path: Path, labels: NDArray[np.uint8], classes: Sequence[str]) -> None:
    """Require a name for every class of a label image [H, W].

    Raises:
        DataError: it has more classes; the message shows how to name them.
    """
    top = int(labels[labels != VOID].max(initial=0))
    if top >= len(classes):
        raise DataError(
            f"`{path}` has labels up to {top}, but {len(classes)} classes are named: classes=a+b+c names them"
        )


def split_lists(source: Path) -> dict[str, str]:
    """Return `train` or `test` by stem from `ImageSets/[Segmentation|Main]/{train,val,test}.txt`; empty without lists.

    `test.txt` is the test set, or `val.txt` without one; with both, `val` goes to the training set.
    """
    for folder in (source / "ImageSets" / "Segmentation", source / "ImageSets" / "Main", source / "ImageSets"):
        lists = {name: folder / f"{name}.txt" for name in ("train", "val", "test")}
        present = {name: stems_in(path) for name, path in lists.items() if path.is_file()}
        if "train" in present and len(present) > 1:
            held_out = "test" if "test" in present else "val"
            return {stem: "test" if name == held_out else "train" for name, stems in present.items() for stem in stems}
    return {}


def object_edges(objects: NDArray[Any], width: int = 1) -> NDArray[np.bool_]:
    """Return where objects meet, bool [H, W]: pixels within `width` steps up, down, left or right of another object.

    An object is a set of equal values in `objects` [H, W]. The LayerGAN paper (section 3.1) adds such edges to its class
    maps, which separate touching objects of one class into regions with a mean temperature each.
    """
    edge = np.zeros(objects.shape, bool)
    for axis in (0, 1):
        for step in range(1, min(width, objects.shape[axis] - 1) + 1):
            before, after = np.moveaxis(objects, axis, 0)[:-step], np.moveaxis(objects, axis, 0)[step:]
            edges = np.moveaxis(edge, axis, 0)
            edges[:-step] |= before != after
            edges[step:] |= before != after
    return edge


def with_edges(labels: NDArray[Any], objects: NDArray[Any], *, index: int, width: int = 1) -> NDArray[np.uint8]:
    """Return labels [H, W] in which the outlines of `objects` have the class `index`.

    An object that consists of its outline keeps its class, since its temperature would be lost otherwise.
    """
    edge = object_edges(objects, width)
    for value in np.unique(objects[edge]):
        inside = objects == value
        if edge[inside].all():
            edge &= ~inside
    return np.where(edge, index, labels).astype(np.uint8)
