"""Whether the images of a stem fit one another and the dataset; what does not raises `DataError`. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zoo.data.layout import LeftOut
from zoo.errors import DataError, SourceError

Array = NDArray[Any]
Bits = Literal[8, 16, 32]

_BITS: dict[Any, Bits] = {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16, np.dtype(np.float32): 32}


@dataclass(frozen=True, kw_only=True)
class Common:
    """What all images of a dataset have in common; the first one decides."""

    paired: bool
    bits: Bits | None = None
    """Depth of the thermal images; None for a visible image alone."""
    labels: bool = False
    celsius: bool = False


def require_visible(visible: Array, stem: str) -> None:
    """Refuse a visible image that is not uint8 [H, W, 3]."""
    if visible.dtype != np.uint8 or visible.ndim != 3 or visible.shape[2] != 3 or visible.size == 0:
        raise DataError(f"visible `{stem}` is {visible.dtype} {visible.shape}, not uint8 (H, W, 3)")


def bits_of(thermal: Array, stem: str) -> Bits:
    """Return the depth of a thermal image [H, W]; another type, or a value that is not finite, is refused."""
    if thermal.ndim != 2 or thermal.dtype not in _BITS or thermal.size == 0:
        raise DataError(f"thermal `{stem}` is {thermal.dtype} {thermal.shape}, not uint8, uint16 or float32 (H, W)")
    if thermal.dtype.kind == "f" and not np.isfinite(thermal).all():
        raise DataError(f"thermal `{stem}` holds values that are not finite")
    return _BITS[thermal.dtype]


def require_fitting(images: dict[str, Array | None], stem: str) -> None:
    """Refuse images of one stem that differ in size, and labels or degrees that are out of range."""
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
    """Refuse a dataset without an image of a kind in a split; stems are by split and kind.

    Raises:
        SourceError: it lacks one; the message says what was left out.
    """
    if not any(stems.values()):
        raise nothing_usable("image", left_out)
    for (split, kind), names in stems.items():
        if not names:
            raise nothing_usable(f"{kind} image of the {split} set", left_out)


def nothing_usable(what: str, left_out: Sequence[LeftOut]) -> SourceError:
    """Return the error of an import without such an image; it names an example of each of the three commonest reasons."""
    kinds: dict[str, list[LeftOut]] = {}
    for item in left_out:
        kinds.setdefault(re.sub(r"`[^`]*`|\d+", "", item.reason), []).append(item)
    commonest = sorted(kinds.values(), key=len, reverse=True)[:3]
    examples = ", ".join(f"`{items[0].name}` ({items[0].reason})" for items in commonest)
    said = f"{len(left_out)} were left out{f', such as {examples}' if examples else ''}"
    return SourceError(f"no {what} could be imported; {said}", "Check the source")
