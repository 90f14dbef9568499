"""ThermalWorld: a VOC tree with `ThermalImages/`, or the folders of the ThermalGAN code, which hold degrees."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from zoo.data.images import read_celsius, read_thermal, read_visible
from zoo.data.importing import Array, ThermalSpan, folder_like, images, leave_out_bad, relative, source_folders
from zoo.data.layout import SPLITS, THERMAL_SUFFIXES
from zoo.data.objects import with_edges
from zoo.data.radiometric import CountScale
from zoo.data.splitting import hold_out_share
from zoo.data.temperatures import measure
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .config import ThermalWorldConfig
from .voc import VOID, class_names, read_indices, require_named, split_lists

Files = dict[str, Path]


class ThermalWorld:
    """Importer of ThermalWorld (Kniaz et al., 2018) with labels, temperatures of objects, and edges between them.

    Each object's mean temperature follows from the label map and the degrees when the set is read, as the LayerGAN paper
    (section 3.1) has it; `temperature.csv` holds the means of the classes.
    """

    def __init__(self, config: ThermalWorldConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every image that has all its files; see `zoo.contracts.Dataset`.

        Raises:
            DataError: the source is in neither layout.
        """
        source_folders(source, (), layout="thermalworld")
        assert source is not None  # source_folders refuses None
        if folder_like(source, "ThermalImages"):
            self._write_voc(writer, source)
        elif folder_like(source, "train") and folder_like(folder_like(source, "train"), "IR_32"):
            self._write_thermalgan(writer, source)
        else:
            raise DataError(
                f"`{source}` is not in a layout of thermalworld: it has neither ThermalImages nor train/IR_32",
                "Name the folder that holds ThermalImages, SegmentationClass, SegmentationObject, or train and test",
            )

    def _write_voc(self, writer: DatasetWriter, source: Path) -> None:
        folders = source_folders(
            source, ("ThermalImages", "SegmentationClass", "SegmentationObject"), layout="thermalworld"
        )
        colour = folder_like(source, "ColorImages", "JPEGImages")
        if colour is None:
            raise DataError(
                f"`{source}` has neither ColorImages nor JPEGImages", "Unpack the visible images beside the others"
            )
        found = {name: images(folder, writer, THERMAL_SUFFIXES) for name, folder in folders.items()}
        found["visible"] = images(colour, writer)
        stems = _complete(found, writer)
        classes = class_names(source, self.config.classes, [found["SegmentationClass"][stem] for stem in stems])
        names = (*classes, "edge") if self.config.edges else classes
        lists = split_lists(source)
        _describe(writer, names)
        span, units = ThermalSpan(), set[bool]()
        for stem in stems:
            files = {name: paths[stem] for name, paths in found.items()}
            split = lists.get(stem) if lists else "train"
            if split is None:
                writer.skip(relative(files["visible"]), "in no list of ImageSets")
                continue
            leave_out_bad(
                writer, files["visible"], partial(self._add_voc, writer, split, stem, files, names, span, units)
            )
        if not lists and (usable := writer.stems("train")):
            writer.hold_out(hold_out_share(usable, self.config.test_share))
        _describe(writer, names, *span.over(writer.stems("train")), degrees=True in units)

    def _add_voc(
        self, writer: DatasetWriter, split: str, stem: str, files: Files, names: tuple[str, ...], span: ThermalSpan,
        units: set[bool],
    ) -> None:  # fmt: skip
        thermal, degrees = self._read_thermal(files["ThermalImages"])
        labels, objects = read_indices(files["SegmentationClass"]), read_indices(files["SegmentationObject"])
        if labels.shape != objects.shape:
            raise DataError(f"class and object images differ in size: {labels.shape} and {objects.shape}")
        require_named(files["SegmentationClass"], labels, names[:-1] if self.config.edges else names)
        if self.config.edges:
            # VOC's own border (void) is an edge too; objects are told apart by both images.
            parts = labels.astype(np.int64) * 256 + objects
            labels = with_edges(labels, parts, index=len(names) - 1, width=self.config.edges)
            labels = np.where(read_indices(files["SegmentationClass"]) == VOID, len(names) - 1, labels).astype(np.uint8)
        else:
            labels = np.where(labels == VOID, 0, labels).astype(np.uint8)
        self._write(writer, split, stem, read_visible(files["visible"]), thermal, labels, names, degrees)
        units.add(degrees)
        if split == "train":
            span.include(stem, thermal)

    def _write_thermalgan(self, writer: DatasetWriter, source: Path) -> None:
        """Write degrees; LABEL_TEMP, every object at its mean, names no classes, so the labels only part the objects."""
        names = ("object", "edge") if self.config.edges else ("object",)
        span = ThermalSpan()
        _describe(writer, names)
        for split, half in source_folders(source, SPLITS, layout="thermalworld").items():
            folders = source_folders(half, ("TV", "IR_32", "LABEL_TEMP"), layout="thermalworld")
            found = {name: images(path, writer, THERMAL_SUFFIXES) for name, path in folders.items()}
            for stem in _complete(found, writer):
                files = {name: paths[stem] for name, paths in found.items()}
                leave_out_bad(writer, files["TV"], partial(self._add_degrees, writer, split, stem, files, names, span))
        _describe(writer, names, *span.over(writer.stems("train")), degrees=True)

    def _add_degrees(
        self, writer: DatasetWriter, split: str, stem: str, files: Files, names: tuple[str, ...], span: ThermalSpan
    ) -> None:
        thermal, means = read_celsius(files["IR_32"]), read_celsius(files["LABEL_TEMP"])
        if thermal.shape != means.shape:
            raise DataError(f"degrees and LABEL_TEMP differ in size: {thermal.shape} and {means.shape}")
        labels = np.zeros(means.shape, np.uint8)
        if self.config.edges:
            labels = with_edges(labels, means, index=1, width=self.config.edges)
        self._write(writer, split, stem, read_visible(files["TV"]), thermal, labels, names, degrees=True)
        if split == "train":
            span.include(stem, thermal)

    def _write(
        self, writer: DatasetWriter, split: str, stem: str, visible: Array, thermal: Array, labels: Array,
        names: tuple[str, ...], degrees: bool,
    ) -> None:  # fmt: skip
        if labels.shape != thermal.shape:
            raise DataError(f"labels and thermal image differ in size: {labels.shape} and {thermal.shape}")
        means = {names[index]: mean for index, mean in measure(labels, thermal).items()} if degrees else {}
        writer.add(split, stem, visible=visible, thermal=thermal, labels=labels, temperatures=means)

    def _read_thermal(self, path: Path) -> tuple[Array, bool]:
        """Return thermal values and whether they are degrees."""
        values = read_thermal(path)
        if values.dtype.kind == "f":
            return values, True
        if not self.config.celsius_per_count:
            return values, False
        scale = CountScale(per_count=self.config.celsius_per_count, at_zero=self.config.celsius_at_zero)
        return scale.celsius(values), True


def _complete(found: dict[str, Files], writer: DatasetWriter) -> list[str]:
    """Return the stems that every folder has; the others are left out, with the reason."""
    for name, files in found.items():
        for stem, path in files.items():
            lacking = [other for other in found if stem not in found[other]]
            if lacking and name == next(each for each in found if stem in found[each]):
                writer.skip(relative(path), f"no partner in {', '.join(lacking)}")
    common: Callable[..., set[str]] = set.intersection
    return sorted(common(*(set(files) for files in found.values())))


def _describe(
    writer: DatasetWriter, names: tuple[str, ...], low: float = 0.0, high: float = 255.0, *, degrees: bool = False
) -> None:
    """Describe the set; before its images are added for the names, by which the writer checks labels, and then for all."""
    writer.describe(
        name="thermalworld",
        source="ThermalWorld, http://zefirus.org/ThermalGAN",
        license="none stated with the code",
        citation=(
            "Kniaz et al.: ThermalGAN: Multimodal Color-to-Thermal Image Translation for Person Re-Identification in "
            "Multispectral Dataset. ECCV Workshops 2018"
        ),
        classes=names,
        thermal_low=low,
        thermal_high=high,
        unit="celsius" if degrees else "grey",
    )
