"""Writes a dataset folder whole or not at all. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data.images import one_channel
from zoo.data.layout import INFO_FILE, SPLITS, DatasetInfo, LeftOut, Unit, fingerprint, read_info
from zoo.data.publish import NewFolder
from zoo.data.span import Span
from zoo.data.temperatures import Row, mean_by_class, measure, write_temperatures
from zoo.errors import DataError

if TYPE_CHECKING:
    from zoo.contracts import Dataset

Array = NDArray[Any]
Bits = Literal[8, 16, 32]
Progress = Callable[[int, int], None]
"""Called after every image with the numbers of images written and left out so far."""

_BITS: dict[Any, Bits] = {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16, np.dtype(np.float32): 32}


def materialize(
    dataset: Dataset, dst: Path, source: Path | None = None, progress: Progress | None = None
) -> DatasetInfo:
    """Write a dataset component in zoo's layout to `dst` and return what its `dataset.json` says.

    Raises:
        DataError: the source is not in the published layout, no image of it can be used, or `dst` is not empty.
        ZooError: `dst` cannot be written.
    """
    with DatasetWriter(dst, progress=progress) as writer:
        dataset.write(writer, source)
    return read_info(dst)


@dataclass(frozen=True, kw_only=True)
class _Common:
    """What all images of a dataset have in common; the first one decides."""

    paired: bool
    bits: Bits | None = None
    """Depth of the thermal images; None for a visible image alone."""
    labels: bool = False
    celsius: bool = False


class DatasetWriter:
    """Builds a dataset in a hidden folder beside `dst` and publishes it when the `with` block ends well.

    An error inside the block leaves nothing behind. Entering raises `DataError` if `dst` exists and is not empty;
    entering and writing raise `ZooError` if the place cannot be written or the disk is full.
    """

    def __init__(self, dst: Path, *, progress: Progress | None = None) -> None:
        self._folder = NewFolder(dst)
        self._progress = progress
        self._described = DatasetInfo(name=dst.name, splits={})
        self._common: _Common | None = None
        self._stems = {(split, kind): set[str]() for split in SPLITS for kind in ("visible", "thermal")}
        # Classes measured from labels are numbers until the end, when their names are known for certain.
        self._temperatures: dict[str, list[tuple[str, str | int, float]]] = {split: [] for split in SPLITS}
        self._top_label = (-1, "")
        self._left_out: list[LeftOut] = []
        self._ends: tuple[float | None, float | None] = None, None
        self._span = Span()

    def __enter__(self) -> Self:
        self._folder.create()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._folder.discard()

    def describe(
        self,
        *,
        name: str,
        source: str = "",
        license: str = "",
        citation: str = "",
        classes: tuple[str, ...] = (),
        thermal_low: float | None = None,
        thermal_high: float | None = None,
        unit: Unit = "grey",
    ) -> None:
        """Say what the dataset is, before or after its images are added; see `zoo.data.layout.DatasetInfo`.

        Ends of the thermal range that are not given are 0 and 255 for 8-bit thermal images, and for others the lowest and the
        highest value of the training images, which is logged.
        """
        if thermal_low is not None and thermal_high is not None and not thermal_low < thermal_high:
            raise DataError(f"thermal_low {thermal_low:g} of {name} is not below thermal_high {thermal_high:g}")
        self._ends = thermal_low, thermal_high
        self._described = DatasetInfo(
            name=name,
            source=source,
            license=license,
            citation=citation,
            splits={},
            classes=tuple(classes),
            unit=unit,
        )

    def add(
        self,
        split: str,
        stem: str,
        *,
        visible: Array,
        thermal: Array,
        labels: Array | None = None,
        celsius: Array | None = None,
        temperatures: Mapping[str, float] | None = None,
    ) -> None:
        """Write one pair.

        Args:
            split: `train` or `test`.
            stem: file name without suffix, unique within the split.
            visible: uint8 [H, W, 3].
            thermal: uint8, uint16 or float32 [H, W]; the same type in the whole dataset. May be [H, W, 1], as the next two.
            labels: class indices [H, W], below 256; in every image of the dataset or in none, as `celsius`.
            celsius: degrees of every pixel, float16 or float32 [H, W].
            temperatures: mean degrees by class name, NaN or absent for a class that the image does not show; measured
                from `labels` and `celsius` where both are given and this is not.

        Raises:
            DataError: sizes or types do not fit, or the stem was used before; the pair is then not written.
        """
        _require_visible(visible, stem)
        thermal = one_channel(thermal)
        labels = None if labels is None else one_channel(labels)
        celsius = None if celsius is None else one_channel(celsius)
        bits = _bits(thermal, stem)
        _require_fitting({"visible": visible, "thermal": thermal, "labels": labels, "celsius": celsius}, stem)
        image = _Common(paired=True, bits=bits, labels=labels is not None, celsius=celsius is not None)
        self._accept(split, ("visible", "thermal"), stem, image)
        self._save(split, "visible", stem, visible)
        self._save(split, "thermal", stem, thermal)
        self._span.include(split, thermal)
        if labels is not None:
            self._save(split, "labels", stem, labels.astype(np.uint8))
            self._top_label = max(self._top_label, (int(labels.max()), stem))
        if celsius is not None:
            self._save(split, "celsius", stem, celsius if celsius.dtype == np.float16 else celsius.astype(np.float32))
        degrees: Mapping[str, float] | Mapping[int, float] = temperatures or {}
        if temperatures is None and labels is not None and celsius is not None:
            degrees = measure(labels, celsius)
        self._temperatures[split] += [(stem, c, float(value)) for c, value in degrees.items() if math.isfinite(value)]
        self._report()

    def add_visible(self, split: str, stem: str, visible: Array) -> None:
        """Write one visible image, uint8 [H, W, 3], of a dataset without pairs.

        Raises:
            DataError: its type does not fit, or the stem was used before.
        """
        _require_visible(visible, stem)
        self._accept(split, ("visible",), stem, _Common(paired=False))
        self._save(split, "visible", stem, visible)
        self._report()

    def add_thermal(self, split: str, stem: str, thermal: Array) -> None:
        """Write one thermal image, uint8, uint16 or float32 [H, W] or [H, W, 1], of a dataset without pairs.

        Raises:
            DataError: its type does not fit, or the stem was used before.
        """
        thermal = one_channel(thermal)
        self._accept(split, ("thermal",), stem, _Common(paired=False, bits=_bits(thermal, stem)))
        self._save(split, "thermal", stem, thermal)
        self._span.include(split, thermal)
        self._report()

    def skip(self, name: str, reason: str) -> None:
        """Note that the file `name` of the source is left out, and why, in one line."""
        self._left_out.append(LeftOut(name=name, reason=" ".join(reason.split())))
        self._report()

    def _accept(self, split: str, kinds: tuple[str, ...], stem: str, image: _Common) -> None:
        """Take an image's name and type if they fit the earlier ones, and else change nothing."""
        if split not in SPLITS:
            raise DataError(f"split `{split}` of `{stem}` is not one of {', '.join(SPLITS)}")
        if not stem or stem.startswith(".") or any(character in stem for character in "/\\\0"):
            raise DataError(f"`{stem}` cannot be the stem of a file name")
        for kind in kinds:
            if stem in self._stems[split, kind]:
                raise DataError(f"the stem `{stem}` occurs twice in {split}/{kind}")
        common = self._common or image
        if image.paired != common.paired:
            raise DataError(f"`{stem}`: a dataset holds pairs or single images, not both")
        if image.bits and common.bits and image.bits != common.bits:
            raise DataError(f"thermal `{stem}` has {image.bits} bits, earlier images have {common.bits}")
        for name in ("labels", "celsius"):
            if getattr(image, name) != getattr(common, name):
                has = "has" if getattr(image, name) else "lacks"
                raise DataError(f"`{stem}` {has} {name}, unlike earlier images")
        self._common = replace(common, bits=common.bits or image.bits)
        for kind in kinds:
            self._stems[split, kind].add(stem)

    def _save(self, split: str, kind: str, stem: str, pixels: Array) -> None:
        with self._folder.writing() as root:
            (root / split / kind).mkdir(parents=True, exist_ok=True)
            if pixels.dtype.kind == "f":
                np.save(root / split / kind / f"{stem}.npy", pixels, allow_pickle=False)
            else:
                # Level 1 halves the time of writing for a few per cent of size.
                image = Image.fromarray(np.ascontiguousarray(pixels))
                image.save(root / split / kind / f"{stem}.png", compress_level=1)

    def _finish(self) -> None:
        common = self._common
        if common is None:
            first = f", the first `{self._left_out[0].name}` ({self._left_out[0].reason})" if self._left_out else ""
            raise DataError(
                f"no image could be imported; {len(self._left_out)} were left out{first}", "Check the source"
            )
        rows = {split: self._named_temperatures(split) for split in SPLITS}
        low, high = self._span.range_of(self._described.name, *self._ends, common.bits)
        info = replace(
            self._described,
            splits={split: len(self._stems[split, "visible"]) for split in SPLITS},
            pairs=common.paired,
            celsius=common.celsius,
            thermal_bits=common.bits or 8,
            thermal_low=low,
            thermal_high=high,
            class_temperatures=mean_by_class(rows["train"], self._described.classes),
            left_out=tuple(self._left_out),
        )
        with self._folder.writing() as root:
            for split in SPLITS:
                write_temperatures(root, split, rows[split])
            info = replace(info, fingerprint=fingerprint(root, info))
            (root / INFO_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n")
        self._folder.publish()

    def _named_temperatures(self, split: str) -> list[Row]:
        """Return a split's temperatures by class name, after holding labels and names against the described classes."""
        classes = self._described.classes
        top, stem = self._top_label
        if top >= len(classes):
            raise DataError(f"`{stem}` has label {top}, but {len(classes)} classes are described")
        if classes and top < 0:
            raise DataError(f"{len(classes)} classes are described, but no image has labels")
        rows = [(stem, classes[c] if isinstance(c, int) else c, value) for stem, c, value in self._temperatures[split]]
        for stem, name, _ in rows:
            if name not in classes:
                raise DataError(f"`{stem}` has a temperature for `{name}`, which is none of the described classes")
        return rows

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(sum(len(self._stems[split, "visible"]) for split in SPLITS), len(self._left_out))


def _require_visible(visible: Array, stem: str) -> None:
    if visible.dtype != np.uint8 or visible.ndim != 3 or visible.shape[2] != 3 or visible.size == 0:
        raise DataError(f"visible `{stem}` is {visible.dtype} {visible.shape}, not uint8 (H, W, 3)")


def _bits(thermal: Array, stem: str) -> Bits:
    if thermal.ndim != 2 or thermal.dtype not in _BITS or thermal.size == 0:
        raise DataError(f"thermal `{stem}` is {thermal.dtype} {thermal.shape}, not uint8, uint16 or float32 (H, W)")
    if thermal.dtype.kind == "f" and not np.isfinite(thermal).all():
        raise DataError(f"thermal `{stem}` holds values that are not finite")
    return _BITS[thermal.dtype]


def _require_fitting(images: dict[str, Array | None], stem: str) -> None:
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
