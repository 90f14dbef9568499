"""Public sets of pairs from the air: AVIID, VEDAI (near infrared) and NII-CU, from their published layouts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.entries import Box, DatasetEntry
from zoo.data.images import read_visible
from zoo.data.importing import (
    Array,
    add_pair,
    folder_like,
    images_by_stem,
    leave_out_bad,
    pair_up,
    read_thermal_of,
    require_source,
    short_name,
    source_folders,
    stems_in,
    usual_bits,
)
from zoo.data.layout import SPLITS, THERMAL_SUFFIXES
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .boxes import inside, text_lines
from .config import Importer, NIICUConfig, NoOptions, VEDAIConfig
from .folders import AB_FOLDERS
from .matching import match, match_stems
from .public_pairs import UNSTATED

VEDAI_CLASSES = {
    1: "car", 2: "truck", 4: "tractor", 5: "camping_car", 7: "motorcycle", 8: "bus", 9: "van", 10: "other", 11: "pickup",
    23: "boat", 31: "plane",
}  # fmt: skip
INFRAGAN_TEST = range(1000, 1200)
"""Ids of VEDAI's test images in the InfraGAN paper."""
CORNERS = 4


class AVIID(Importer[NoOptions]):
    """Importer of AVIID (aerial visible-to-infrared image dataset) as its readers have it.

    `{trainA,trainB,testA,testB}/NAME`, A visible and B infrared, or several such folders `AVIID-1`, `AVIID-2`, `AVIID-3`.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`."""
        source = require_source(source, layout="aviid")
        parts = [path for path in sorted(source.iterdir()) if path.is_dir() and folder_like(path, "trainA")]
        found = {part.name: source_folders(part, AB_FOLDERS, layout="aviid") for part in parts}
        if not found:
            found = {"": source_folders(source, AB_FOLDERS, layout="aviid")}
        for part, folders in found.items():
            for split in SPLITS:
                visible = images_by_stem(folders[f"{split}A"], writer)
                thermal = images_by_stem(folders[f"{split}B"], writer, THERMAL_SUFFIXES)
                bits = usual_bits(thermal.values())
                for stem, pair in pair_up(visible, thermal, writer).items():
                    add_pair(writer, split, f"{part}_{stem}" if part else stem, *pair, bits=bits, whose="most files")
        writer.describe(
            name="aviid",
            source="https://github.com/silver-hzh/Averial-visible-to-infrared-image-translation",
            license=UNSTATED,
            citation="AVIID: aerial visible-to-infrared image dataset, by the authors of the repository above",
            split_origin="folders of the copy that was imported; no official list is published",
            alignment="pixel",
        )
        note_count(writer, "993 pairs of AVIID-1, 1,090 of AVIID-2 and 1,280 of AVIID-3, 3,363 together")


class VEDAI(Importer[VEDAIConfig]):
    """Importer of VEDAI (Razakarivony and Jurie, 2016), aerial images in colour and near infrared, with boxes.

    `Vehicules{512,1024}/ID_{co,ir}.png` and `Annotations{512,1024}/ID.txt`.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. A line of an annotation that lacks fields leaves its pair out."""
        images, annotations = f"Vehicules{self.config.size}", f"Annotations{self.config.size}"
        folders = source_folders(source, (images,), layout="vedai")
        texts = folder_like(source, annotations)
        matched = match(folders[images], folders[images], writer, ("co",), ("ir",))
        is_test = self._test_ids(texts, set(matched.pairs))
        classes = tuple(VEDAI_CLASSES.values())
        boxes = DatasetEntry(name="boxes", kind="boxes", classes=classes, meaning="vehicles, by their corners' extent")
        writer.describe(
            name="vedai",
            source="https://downloads.greyc.fr/vedai/",
            license="the publishers' terms of use (a PDF of the download), not read",
            citation="Razakarivony, Jurie: Vehicle Detection in Aerial Imagery: A small target detection benchmark. JVCIR 2016",
            split_origin="the InfraGAN paper's: ids 1000 to 1199 are the test set"
            if self.config.split == "infragan"
            else f"the publishers' {self.config.split}",
            alignment="pixel",
            spectrum="nir",
            entries=(boxes,) if texts else (),
        )
        for stem, pair in matched.pairs.items():
            split = is_test.get(stem)
            if split is None:
                writer.skip(short_name(pair[0]), f"in no list of {self.config.split}")
            else:
                leave_out_bad(writer, pair[0], partial(_add_vedai, writer, split, stem, pair, texts))
        writer.note("VEDAI's second camera measures near infrared, which is reflected light: it shows no temperature")

    def _test_ids(self, texts: Path | None, stems: set[str]) -> Mapping[str, str]:
        """Return `train` or `test` by stem; a stem in no list is absent."""
        if self.config.split == "infragan":
            return {stem: "test" if stem.isdigit() and int(stem) in INFRAGAN_TEST else "train" for stem in stems}
        lists = [texts / f"{self.config.split}{half}.txt" if texts else None for half in ("", "test")]
        if not all(path and path.is_file() for path in lists):
            missing = f"{self.config.split}.txt and {self.config.split}test.txt"
            raise DataError(f"Annotations{self.config.size} lacks {missing}", "Choose vedai:split=infragan")
        return {stem: split for split, path in zip(SPLITS, lists, strict=True) if path for stem in stems_in(path)}


def _add_vedai(writer: DatasetWriter, split: str, stem: str, pair: tuple[Path, Path], texts: Path | None) -> None:
    visible, thermal = read_visible(pair[0]), read_thermal_of(pair[1], 8)
    entries = {"boxes": inside(_vedai_boxes(texts / f"{stem}.txt"), *thermal.shape)} if texts else {}
    writer.add(split, stem, visible=visible, thermal=thermal, entries=entries)


def _vedai_boxes(path: Path) -> list[Box]:
    """Return the boxes of an image: cx cy angle class contained occluded x1..x4 y1..y4, a vehicle a line; none without a file."""
    boxes = []
    for line in text_lines(path) if path.is_file() else []:
        try:
            numbers = [float(word) for word in line]
            label, corners = VEDAI_CLASSES[int(numbers[3])], numbers[6:14]
            xs, ys = corners[:CORNERS], corners[CORNERS:]
            boxes.append(Box(label=label, corners=(min(xs), min(ys), max(xs), max(ys))))
        except (ValueError, IndexError, KeyError) as error:
            found = f"`{' '.join(line)}` is no line of 14 fields with a known class"
            raise DataError(f"the boxes in `{short_name(path)}` cannot be read: {found}") from error
    return boxes


class NIICU(Importer[NIICUConfig]):
    """Importer of NII-CU MAPD (Speth et al., Journal of Field Robotics 2022), people from a drone, with boxes.

    `{4-channel,rgb-t}/images/{rgb,thermal}/{train,val}/NAME.jpg` and `{4-channel,rgb-t}/labels/{train,val}/NAME.txt`.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. A visible image of another size is resized to the thermal one."""
        source = require_source(source, layout="niicu")
        root = folder_like(source, self.config.part) or source
        images = source_folders(root, ("images",), layout="niicu")["images"]
        sides = source_folders(images, ("rgb", "thermal"), layout="niicu")
        labels = folder_like(root, "labels")
        aligned = self.config.part == "4-channel"
        boxes = DatasetEntry(
            name="boxes",
            kind="boxes",
            classes=("person",),
            meaning="people whom the thermal image shows (types 0 and 1)",
        )
        writer.describe(
            name="niicu",
            source="https://www.nii-cu-multispectral.org",
            license="CC BY-NC-SA 3.0",
            citation="Speth et al.: Deep learning with RGB and thermal images onboard a drone. JFR 2022, doi 10.1002/rob.22082",
            split_origin="the publishers' train and val; val is the test set",
            alignment="pixel" if aligned else "",
            entries=(boxes,) if labels else (),
        )
        sizes: set[str] = set()
        for split, half in (("train", "train"), ("test", "val")):
            visible, thermal = (source_folders(side, (half,), layout="niicu")[half] for side in sides.values())
            texts = folder_like(labels, half)
            for stem, pair in match_stems(visible, thermal, writer).items():
                text = texts / f"{stem}.txt" if texts else None
                leave_out_bad(
                    writer, pair[0], partial(_add_niicu, writer, split, stem, pair, text, bool(labels), sizes)
                )
        for size in sorted(sizes):
            writer.note(f"visible images were resized (bicubic) from {size}, their boxes too")
        if not aligned:
            writer.note(
                "the publishers do not state what rgb-t differs in; only 4-channel is known to be aligned by pixel"
            )
        note_count(writer, "5,880 pairs")


def _add_niicu(
    writer: DatasetWriter,
    split: str,
    stem: str,
    pair: tuple[Path, Path],
    text: Path | None,
    labelled: bool,
    sizes: set[str],
) -> None:
    visible, thermal = read_visible(pair[0]), read_thermal_of(pair[1], 8)
    height, width = thermal.shape
    across, down = width / visible.shape[1], height / visible.shape[0]
    boxes = [_scaled(box, across, down) for box in _niicu_boxes(text)] if text and text.is_file() else []
    if visible.shape[:2] != thermal.shape:
        resized = _resized(visible, height, width)
        size = f"{visible.shape[0]}x{visible.shape[1]} to {height}x{width} (height x width), the thermal images' size"
    else:
        resized, size = visible, ""
    entries = {"boxes": inside(boxes, height, width)} if labelled else {}
    writer.add(split, stem, visible=resized, thermal=thermal, entries=entries)
    sizes.update([size] if size else [])


def _niicu_boxes(path: Path) -> list[Box]:
    """Return the boxes of an image: x1 y1 x2 y2 in pixels of the visible image, type, occluded, bad; type 2 is visible only."""
    boxes = []
    for line in text_lines(path):
        try:
            x1, y1, x2, y2, kind = (float(word) for word in line[:5])
        except ValueError as error:
            raise DataError(f"the boxes in `{short_name(path)}` cannot be read: `{' '.join(line)}`") from error
        if kind in (0, 1):
            boxes.append(Box(label="person", corners=(x1, y1, x2, y2)))
    return boxes


def note_count(writer: DatasetWriter, stated: str) -> None:
    """Note how many pairs were imported and how many the publishers state."""
    counts = {split: len(writer.stems(split)) for split in SPLITS}
    found = " and ".join(f"{count} {split}" for split, count in counts.items())
    writer.note(f"imported {found} images; the publishers state {stated}")


def _scaled(box: Box, across: float, down: float) -> Box:
    x1, y1, x2, y2 = box.corners
    return Box(label=box.label, corners=(x1 * across, y1 * down, x2 * across, y2 * down))


def _resized(visible: Array, height: int, width: int) -> Array:
    return np.asarray(Image.fromarray(visible).resize((width, height), Image.Resampling.BICUBIC))
