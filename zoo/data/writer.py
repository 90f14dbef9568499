"""Writes a dataset folder completely or not at all. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from zoo.data import image_checks
from zoo.data.atomic_folder import AtomicFolder, require_apart
from zoo.data.entries import DatasetEntry
from zoo.data.images import one_channel
from zoo.data.info import SPLITS, Alignment, DatasetInfo, LeftOut, Spectrum, Unit
from zoo.data.layout import printable, read_info, write_info
from zoo.data.temperatures import class_means, mean_by_class, write_temperatures
from zoo.data.written import WrittenImages
from zoo.errors import SourceError

if TYPE_CHECKING:
    from zoo.contracts import Dataset

Array = NDArray[Any]
OnImage = Callable[[int, int], None]
"""Called after every image with the number of images written and left out so far."""


def materialize(
    dataset: Dataset,
    dst: Path,
    source: Path | None = None,
    progress: OnImage | None = None,
    stated: Mapping[str, str] | None = None,
) -> DatasetInfo:
    """Write a dataset component in zoo's layout to `dst` and return the content of its `dataset.json`.

    `stated` replaces the component's own `name`, `source`, `license` and `citation`.

    Raises:
        DataError: the source is not in the published layout, `dst` is not empty, or one of the two holds the other.
        SourceError: the source cannot be read, or gives no pair that can be used for a split.
        ZooError: `dst` cannot be written.
    """
    if source is not None:
        require_apart(source, dst)
    with DatasetWriter(dst, progress=progress, stated=stated) as writer:
        try:
            dataset.write(writer, source)
        except OSError as error:  # the writer raises other errors
            name = printable(str(error.filename or source))
            raise SourceError(f"`{name}` cannot be read: {error.strerror or error}", "Check its permissions") from error
        writer.require_splits()
    return read_info(dst)


class DatasetWriter:
    """Builds a dataset in a hidden folder beside `dst` and publishes it when the `with` block ends without an error.

    An error inside the block leaves nothing behind. Entering raises `DataError` if `dst` exists and is not empty;
    entering and writing raise `ZooError` if the place cannot be written or the disk is full.
    """

    def __init__(self, dst: Path, *, progress: OnImage | None = None, stated: Mapping[str, str] | None = None) -> None:
        self._folder = AtomicFolder(dst)
        self._stated: Mapping[str, Any] = {key: printable(value) for key, value in (stated or {}).items()}
        self._progress = progress
        self._described = DatasetInfo(name=dst.name, splits={})
        self._images = WrittenImages(self._folder)
        self._left_out: list[LeftOut] = []
        self._notes: list[str] = []
        self._ends: tuple[float | None, float | None] = None, None
        self._test_only = False

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
        name: str = "",
        source: str = "",
        license: str = "",
        citation: str = "",
        classes: tuple[str, ...] = (),
        thermal_low: float | None = None,
        thermal_high: float | None = None,
        unit: Unit = "grey",
        split_origin: str = "",
        alignment: Alignment = "",
        spectrum: Spectrum = "",
        entries: tuple[DatasetEntry, ...] = (),
    ) -> None:
        """Describe the dataset, before or after its images are added; see `zoo.data.layout.DatasetInfo`.

        Without a name it has that of its folder.

        Ends of the thermal range that are not given are 0 and 255 for 8-bit thermal images, and for others the lowest and the
        highest value of the training images, which is logged.
        """
        if thermal_low is not None and thermal_high is not None and not thermal_low < thermal_high:
            raise SourceError(f"thermal_low {thermal_low:g} of {name} is not below thermal_high {thermal_high:g}")
        self._ends = thermal_low, thermal_high
        self._described = DatasetInfo(
            name=printable(name or self._folder.dst.name),
            source=source,
            license=license,
            citation=citation,
            splits={},
            classes=tuple(classes),
            unit=unit,
            split_origin=split_origin,
            alignment=alignment,
            spectrum=spectrum,
            entries=tuple(entries),
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
        entries: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one pair.

        Args:
            split: `train`, `validation` or `test`.
            stem: file name without suffix, unique within the split.
            visible: uint8 [H, W, 3].
            thermal: uint8, uint16 or float32 [H, W]; the same type in the whole dataset. May be [H, W, 1], as the next two.
            labels: class indices [H, W], below 256; in every image of the dataset or in none, as `celsius`.
            celsius: degrees of every pixel, float16 or float32 [H, W].
            temperatures: mean degrees by class name, NaN or absent for a class that the image does not show; measured
                from `labels` and `celsius` where both are given and this is not.
            entries: values of the entries that `describe` declares, by name: a mask uint8 [H, W], a list of
                `zoo.data.entries.Box`, a number, a list of numbers, or a text.

        Raises:
            DataError: sizes or types do not fit, or the stem was used before; the pair is then not written.
        """
        image_checks.require_visible(visible, stem)
        thermal = one_channel(thermal)
        labels = None if labels is None else one_channel(labels)
        celsius = None if celsius is None else one_channel(celsius)
        bits = image_checks.thermal_bits(thermal, stem)
        masks = {name: one_channel(value) for name, value in (entries or {}).items() if isinstance(value, np.ndarray)}
        images = {"visible": visible, "thermal": thermal, "labels": labels, "celsius": celsius}
        image_checks.require_fitting({**images, **masks}, stem)
        if labels is not None and self._described.classes:
            image_checks.require_class(int(labels.max()), stem, self._described.classes)
        image = image_checks.SharedTraits(
            paired=True, bits=bits, labels=labels is not None, celsius=celsius is not None
        )
        written = self._images
        written.accept(split, ("visible", "thermal"), stem, image)
        written.save(split, "visible", stem, visible)
        written.save_thermal(split, stem, thermal)
        if labels is not None:
            written.save_labels(split, stem, labels)
        if celsius is not None:
            written.save(split, "celsius", stem, celsius if celsius.dtype == np.float16 else celsius.astype(np.float32))
        for name, mask in masks.items():
            written.save(split, name, stem, mask.astype(np.uint8))
        written.entries.add(split, stem, entries or {})
        degrees: Mapping[str, float] | Mapping[int, float] = temperatures or {}
        if temperatures is None and labels is not None and celsius is not None:
            degrees = class_means(labels, celsius)
        written.add_temperatures(split, stem, degrees)
        self._report()

    def add_visible(self, split: str, stem: str, visible: Array, entries: Mapping[str, Any] | None = None) -> None:
        """Write one visible image, uint8 [H, W, 3], of a dataset without pairs, with its declared entries (no masks).

        Raises:
            DataError: its type does not fit, or the stem was used before.
        """
        image_checks.require_visible(visible, stem)
        self._images.accept(split, ("visible",), stem, image_checks.SharedTraits(paired=False))
        self._images.save(split, "visible", stem, visible)
        self._images.entries.add(split, stem, entries or {})
        self._report()

    def add_thermal(self, split: str, stem: str, thermal: Array) -> None:
        """Write one thermal image, uint8, uint16 or float32 [H, W] or [H, W, 1], of a dataset without pairs.

        Raises:
            DataError: its type does not fit, or the stem was used before.
        """
        thermal = one_channel(thermal)
        traits = image_checks.SharedTraits(paired=False, bits=image_checks.thermal_bits(thermal, stem))
        self._images.accept(split, ("thermal",), stem, traits)
        self._images.save_thermal(split, stem, thermal)
        self._report()

    def skip(self, name: str, reason: str) -> None:
        """Record that the file `name` of the source is left out, and why, in one line."""
        self._left_out.append(LeftOut(name=printable(name), reason=printable(" ".join(reason.split()))))
        self._report()

    def note(self, decision: str) -> None:
        """Record a decision of the importer, in one sentence."""
        self._notes.append(printable(decision))

    def stems(self, split: str, kind: str = "visible") -> list[str]:
        """Return the stems that were written to a split's `visible` or `thermal` images, sorted."""
        return sorted(self._images.stems[split, kind])

    def hold_out(self, stems: Collection[str], split: str = "test") -> None:
        """Move pairs from the training set to another split, for importers that sample it from the pairs that could be decoded.

        Raises:
            DataError: a stem is not in the training set, or is in the other split already.
        """
        self._images.hold_out(stems, split)

    def for_testing_only(self) -> None:
        """Accept a dataset without a training set."""
        self._test_only = True

    def require_splits(self) -> None:
        """Require images in the training and the test set.

        Raises:
            SourceError: no image was written, or none to a split.
        """
        required = ("test",) if self._test_only else SPLITS
        stems = {key: found for key, found in self._images.stems.items() if key[0] in required}
        image_checks.require_splits(stems, self._left_out)

    def _finish(self) -> None:
        images, classes = self._images, self._described.classes
        traits, splits = images.traits, images.splits
        if traits is None:
            raise image_checks.nothing_usable("image", self._left_out)
        rows = images.temperatures(classes)
        entries = images.entries.checked(self._described.entries, images.stems)
        low, high = images.range.resolve(self._described.name, *self._ends, traits.bits)
        info = replace(
            self._described,
            splits={split: len(images.stems[split, "visible"]) for split in splits},
            pairs=traits.paired,
            celsius=traits.celsius,
            thermal_bits=traits.bits or 8,
            thermal_low=low,
            thermal_high=high,
            class_temperatures=mean_by_class(rows["train"], classes),
            entries=entries,
            left_out=tuple(self._left_out),
            notes=tuple(self._notes),
            **self._stated,
        )
        with self._folder.writing() as root:
            for split in splits:
                write_temperatures(root, split, rows[split])
            images.entries.write(entries, root)
            write_info(root, info)
        self._folder.publish()

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(self._images.count, len(self._left_out))
