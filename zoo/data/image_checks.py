"""Checks of images before they are written: sizes, types, splits, and the thermal range. Imports no torch."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zoo.data.layout import LeftOut, is_printable, printable
from zoo.data.temperatures import ClassMean
from zoo.errors import DataError, SourceError

Array = NDArray[Any]
Bits = Literal[8, 16, 32]

log = logging.getLogger(__name__)

_BITS: dict[Any, Bits] = {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16, np.dtype(np.float32): 32}


@dataclass(frozen=True, kw_only=True)
class SharedTraits:
    """Traits that all images of a dataset share; the first image decides them."""

    paired: bool
    bits: Bits | None = None
    """Depth of the thermal images; None for a visible image alone."""
    labels: bool = False
    celsius: bool = False


def merge_traits(shared: SharedTraits | None, image: SharedTraits, stem: str) -> SharedTraits:
    """Return the dataset's traits after one more image.

    Raises:
        DataError: the image differs from the earlier ones.
    """
    shared = shared or image
    if image.paired != shared.paired:
        raise DataError(f"`{stem}`: a dataset holds pairs or single images, not both")
    if image.bits and shared.bits and image.bits != shared.bits:
        raise DataError(f"thermal `{stem}` has {image.bits} bits, earlier images have {shared.bits}")
    for name in ("labels", "celsius"):
        if getattr(image, name) != getattr(shared, name):
            has = "has" if getattr(image, name) else "lacks"
            raise DataError(f"`{stem}` {has} {name}, unlike earlier images")
    return replace(shared, bits=shared.bits or image.bits)


def require_visible(visible: Array, stem: str) -> None:
    """Require a visible image of uint8 [H, W, 3]."""
    if visible.dtype != np.uint8 or visible.ndim != 3 or visible.shape[2] != 3 or visible.size == 0:
        raise DataError(f"visible `{stem}` is {visible.dtype} {visible.shape}, not uint8 (H, W, 3)")


def thermal_bits(thermal: Array, stem: str) -> Bits:
    """Return the depth of a thermal image [H, W]; another type, or a value that is not finite, raises `DataError`."""
    if thermal.ndim != 2 or thermal.dtype not in _BITS or thermal.size == 0:
        raise DataError(f"thermal `{stem}` is {thermal.dtype} {thermal.shape}, not uint8, uint16 or float32 (H, W)")
    if thermal.dtype.kind == "f" and not np.isfinite(thermal).all():
        raise DataError(f"thermal `{stem}` holds values that are not finite")
    return _BITS[thermal.dtype]


def require_stem(stem: str, longest: int) -> None:
    """Require a stem that can be a file name of at most `longest` bytes."""
    if not stem or stem.startswith(".") or "/" in stem or "\\" in stem or not is_printable(stem):
        raise DataError(f"`{printable(stem)}` cannot be the stem of a file name")
    if len(stem.encode()) > longest - len(".png"):
        raise DataError(f"the name is longer than {longest} bytes, the limit of the file system")


def require_class(label: int, stem: str, classes: Sequence[str]) -> None:
    """Require a class name for a label."""
    if label >= len(classes):
        raise DataError(f"`{stem}` has label {label}, but {len(classes)} classes are described")


def name_classes(
    rows: Iterable[tuple[str, str | int, float]], classes: Sequence[str], top_label: tuple[int, str]
) -> list[ClassMean]:
    """Return temperatures by class name instead of index; `top_label` is the largest label and the stem of its image.

    Raises:
        DataError: a label has no class, a class is not described, or classes are described without labels.
    """
    require_class(*top_label, classes)
    if classes and top_label[0] < 0:
        raise DataError(f"{len(classes)} classes are described, but no image has labels")
    named = [(stem, classes[name] if isinstance(name, int) else name, value) for stem, name, value in rows]
    for stem, name, _ in named:
        if name not in classes:
            raise DataError(f"`{stem}` has a temperature for `{name}`, which is none of the described classes")
    return named


def require_fitting(images: dict[str, Array | None], stem: str) -> None:
    """Require images of one stem with equal sizes, labels of 8 bits and finite degrees."""
    shapes = {kind: pixels.shape for kind, pixels in images.items() if pixels is not None}
    shapes["visible"] = shapes["visible"][:2]
    if len(set(shapes.values())) > 1:
        sizes = ", ".join(f"{kind} {'x'.join(map(str, shape))}" for kind, shape in shapes.items())
        raise DataError(f"the images of `{stem}` differ in size: {sizes} (height x width)")
    labels, celsius = images["labels"], images["celsius"]
    if labels is not None and (labels.dtype.kind not in "ui" or labels.min() < 0 or labels.max() > 255):
        raise DataError(f"the labels of `{stem}` are not integers from 0 to 255")
    if celsius is not None and not np.isfinite(celsius).all():
        raise DataError(f"the degrees of `{stem}` are not all finite")


def require_splits(stems: Mapping[tuple[str, str], Collection[str]], left_out: Sequence[LeftOut]) -> None:
    """Require an image of every kind in every split; `stems` are by split and kind.

    Raises:
        SourceError: one is missing; the message names what was left out.
    """
    if not any(stems.values()):
        raise nothing_usable("image", left_out)
    for (split, kind), names in stems.items():
        if not names:
            raise nothing_usable(f"{kind} image of the {split} set", left_out)


def nothing_usable(what: str, left_out: Sequence[LeftOut]) -> SourceError:
    """Return the error of an import without such an image, with an example of each of the three most common reasons."""
    kinds: dict[str, list[LeftOut]] = {}
    for item in left_out:
        kinds.setdefault(re.sub(r"`[^`]*`|\d+", "", item.reason), []).append(item)
    commonest = sorted(kinds.values(), key=len, reverse=True)[:3]
    examples = ", ".join(f"`{items[0].name}` ({items[0].reason})" for items in commonest)
    skipped = f"{len(left_out)} were left out{f', such as {examples}' if examples else ''}"
    return SourceError(f"no {what} could be imported; {skipped}", "Check the source")


class ThermalRange:
    """The lowest and highest thermal value of each image, from which a dataset without a stated range gets one."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], tuple[float, float]] = {}

    def include(self, split: str, stem: str, thermal: Array) -> None:
        """Record the lowest and highest value of an image."""
        self._ends[split, stem] = float(thermal.min()), float(thermal.max())

    def hold_out(self, stems: Collection[str], split: str = "test") -> None:
        """Move images from the training set to another split."""
        for stem in stems:
            self._ends[split, stem] = self._ends.pop(("train", stem))

    def resolve(self, name: str, low: float | None, high: float | None, bits: int | None) -> tuple[float, float]:
        """Return `low` and `high`; an end that is None is 0 or 255 for 8 bits, else that of the training images.

        12-bit values fill a sixteenth of 16 bits, so that the full range would make every image black. A measured range is
        logged.

        Args:
            name: the dataset's, for the log.
            low: thermal value that networks see as -1, or None.
            high: thermal value that networks see as 1, or None.
            bits: depth of the thermal images, None without any.
        """
        if low is not None and high is not None:
            return float(low), float(high)
        measured = None if bits in (None, 8) else self._measured("train") or self._measured("test")
        ends = zip((low, high), measured or (0.0, 255.0), strict=True)
        first, last = (end if stated is None else float(stated) for stated, end in ends)
        if last <= first:  # every image without contrast
            last = first + 1
        if measured:
            log.warning(
                "%s states no thermal range; its training images have %g to %g, which is used", name, first, last
            )
        return first, last

    def _measured(self, split: str) -> tuple[float, float] | None:
        ends = [ends for (of, _), ends in self._ends.items() if of == split]
        return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None
