"""ThermalWorld: a VOC tree with `ThermalImages/`, or the folders of the ThermalGAN code, which hold degrees."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from zoo.data.images import read_celsius, read_thermal, read_visible
from zoo.data.importing import (
    Array,
    class_means,
    folder_like,
    hold_out_share,
    images_by_stem,
    leave_out_bad,
    read_thermal_of,
    require_source,
    short_name,
    source_folders,
    usual_bits,
)
from zoo.data.layout import SPLITS, THERMAL_SUFFIXES
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .config import Importer, ThermalWorldConfig
from .voc import VOID, class_names, read_indices, require_named, split_lists, with_edges

Files = dict[str, Path]
Names = tuple[str, ...]


class ThermalWorld(Importer[ThermalWorldConfig]):
    """Importer of ThermalWorld (Kniaz et al., 2018) with labels, temperatures of objects, and edges between them.

    The mean temperature of each object follows from labels and degrees when the set is read, as in the LayerGAN paper
    (section 3.1); `temperature.csv` holds the means of the classes.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every image that has all its files; see `zoo.contracts.Dataset`."""
        source = require_source(source, layout="thermalworld")
        if folder_like(source, "ThermalImages"):
            self._write_voc(writer, source)
        elif folder_like(folder_like(source, "train"), "IR_32"):
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
                f"`{source}` has neither ColorImages nor JPEGImages", "Unpack the visible images next to the others"
            )
        found = {name: images_by_stem(folder, writer, THERMAL_SUFFIXES) for name, folder in folders.items()}
        found["visible"] = images_by_stem(colour, writer)
        stems = _complete(found, writer)
        classes = class_names(source, self.config.classes, [found["SegmentationClass"][stem] for stem in stems])
        names = (*classes, "edge") if self.config.edges else classes
        scaled = self.config.celsius_per_count > 0
        bits = None if scaled else usual_bits(found["ThermalImages"][stem] for stem in stems)
        _describe(writer, names, celsius=scaled or bits == 32)
        lists = split_lists(source)
        for stem in stems:
            files = {name: paths[stem] for name, paths in found.items()}
            split = lists.get(stem) if lists else "train"
            if split is None:
                writer.skip(short_name(files["visible"]), "in no list of ImageSets")
            else:
                add = partial(self._add_voc, writer, split, stem, files, names, bits)
                leave_out_bad(writer, files["visible"], add)
        if not lists and (usable := writer.stems("train")):
            writer.hold_out(hold_out_share(usable, self.config.test_share))

    def _add_voc(
        self, writer: DatasetWriter, split: str, stem: str, files: Files, names: Names, bits: int | None
    ) -> None:
        path = files["ThermalImages"]
        thermal = read_thermal(path) if bits is None else read_thermal_of(path, bits, "most files")
        if bits is None and thermal.dtype.kind != "f":
            thermal = self.config.celsius(thermal)
        labels, objects = read_indices(files["SegmentationClass"]), read_indices(files["SegmentationObject"])
        if labels.shape != objects.shape:
            raise DataError(f"class and object images differ in size: {labels.shape} and {objects.shape}")
        require_named(files["SegmentationClass"], labels, names[:-1] if self.config.edges else names)
        void = labels == VOID
        if self.config.edges:
            # VOC's own border (void) is an edge too; objects are separated by both images.
            regions, edge = labels.astype(np.int64) * 256 + objects, len(names) - 1
            labels = with_edges(labels, regions, index=edge, width=self.config.edges)
            labels[void] = edge
        else:
            labels = np.where(void, 0, labels).astype(np.uint8)
        _add(writer, split, stem, read_visible(files["visible"]), thermal, labels, names)

    def _write_thermalgan(self, writer: DatasetWriter, source: Path) -> None:
        """Write degrees; LABEL_TEMP holds the mean of every object and no classes, so the labels only separate the objects."""
        names = ("object", "edge") if self.config.edges else ("object",)
        _describe(writer, names, celsius=True)
        for split, half in source_folders(source, SPLITS, layout="thermalworld").items():
            folders = source_folders(half, ("TV", "IR_32", "LABEL_TEMP"), layout="thermalworld")
            found = {name: images_by_stem(path, writer, THERMAL_SUFFIXES) for name, path in folders.items()}
            for stem in _complete(found, writer):
                files = {name: paths[stem] for name, paths in found.items()}
                leave_out_bad(writer, files["TV"], partial(self._add_thermalgan, writer, split, stem, files, names))

    def _add_thermalgan(self, writer: DatasetWriter, split: str, stem: str, files: Files, names: Names) -> None:
        thermal, means = read_celsius(files["IR_32"]), read_celsius(files["LABEL_TEMP"])
        if thermal.shape != means.shape:
            raise DataError(f"degrees and LABEL_TEMP differ in size: {thermal.shape} and {means.shape}")
        labels = np.zeros(means.shape, np.uint8)
        if self.config.edges:
            labels = with_edges(labels, means, index=1, width=self.config.edges)
        _add(writer, split, stem, read_visible(files["TV"]), thermal, labels, names)


def _add(
    writer: DatasetWriter, split: str, stem: str, visible: Array, thermal: Array, labels: Array, names: Names
) -> None:
    if labels.shape != thermal.shape:
        raise DataError(f"labels and thermal image differ in size: {labels.shape} and {thermal.shape}")
    means = class_means(labels, thermal) if thermal.dtype.kind == "f" else {}
    temperatures = {names[index]: mean for index, mean in means.items()}
    writer.add(split, stem, visible=visible, thermal=thermal, labels=labels, temperatures=temperatures)


def _complete(found: dict[str, Files], writer: DatasetWriter) -> list[str]:
    """Return the stems that every folder has; the others are skipped, with the reason."""
    stems = sorted(set[str]().union(*found.values()))
    for stem in stems:
        missing = [name for name, files in found.items() if stem not in files]
        if missing:
            path = next(files[stem] for files in found.values() if stem in files)
            writer.skip(short_name(path), f"no partner in {', '.join(missing)}")
    return [stem for stem in stems if all(stem in files for files in found.values())]


def _describe(writer: DatasetWriter, names: Names, *, celsius: bool) -> None:
    writer.describe(
        name="thermalworld",
        source="ThermalWorld, http://zefirus.org/ThermalGAN",
        license="none stated with the code",
        citation=(
            "Kniaz et al.: ThermalGAN: Multimodal Color-to-Thermal Image Translation for Person Re-Identification in "
            "Multispectral Dataset. ECCV Workshops 2018"
        ),
        classes=names,
        unit="celsius" if celsius else "grey",
    )
