"""Public sets of videos from cars and from the roadside: Freiburg Thermal, CVC-14 and IRVI, from their published layouts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.data.entries import Box, DatasetEntry
from zoo.data.images import open_array, read_labels, read_visible
from zoo.data.importing import (
    Array,
    images_by_stem,
    leave_out_bad,
    pair_up,
    read_thermal_of,
    require_source,
    short_name,
    source_folders,
    usual_bits,
)
from zoo.data.layout import SPLITS, THERMAL_SUFFIXES, printable_stem
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .aerial import note_count
from .boxes import inside, text_lines
from .config import CVC14Config, FreiburgConfig, Importer, IRVIConfig
from .folders import AB_FOLDERS
from .matching import match_stems
from .public_pairs import UNSTATED

FREIBURG_CLASSES = (
    "road_parking", "sidewalk", "building", "curb", "fence", "pole_sign", "vegetation", "terrain", "sky", "person",
    "vehicle", "bicycle", "background", "ignore",
)  # fmt: skip
DAYTIME = DatasetEntry(name="daytime", kind="group", meaning="day or night, by the publishers' folders")


class Freiburg(Importer[FreiburgConfig]):
    """Importer of Freiburg Thermal (Vertens et al., "HeatNet", IROS 2020): 16-bit counts, warped into the visible image.

    `train/SEQUENCE/PART/{fl_rgb,fl_ir_aligned,fl_rgb_labels}/*.png` and `test/SEQUENCE/{ImagesRGB,ImagesIR,SegmentationClass}/`.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every n-th pair of each drive, cropped; see `zoo.contracts.Dataset`."""
        config = self.config
        halves = source_folders(source, SPLITS, layout="freiburg")
        writer.describe(
            name="freiburg",
            source="http://thermal.cs.uni-freiburg.de",
            license=UNSTATED,
            citation="Vertens, Zuern, Burgard: HeatNet: Bridging the Day-Night Domain Gap in Semantic Segmentation. IROS 2020",
            classes=FREIBURG_CLASSES if config.labels else (),
            thermal_low=config.low,
            thermal_high=config.high,
            split_origin="the publishers' train and test",
            alignment="pixel",
            spectrum="lwir",
            entries=(DAYTIME,),
        )
        for rgb in sorted(halves["train"].glob("*/*/fl_rgb")):
            drive = rgb.relative_to(halves["train"]).parts[:-1]
            self._add_drive(writer, "train", drive, rgb, rgb.parent / "fl_ir_aligned", rgb.parent / "fl_rgb_labels")
        for rgb in sorted(halves["test"].glob("*/ImagesRGB")):
            drive = rgb.relative_to(halves["test"]).parts[:-1]
            self._add_drive(writer, "test", drive, rgb, rgb.parent / "ImagesIR", rgb.parent / "SegmentationClass")
        writer.note(f"columns {config.left} to {config.right} were kept; frames with a black pixel there are left out")
        writer.note(f"counts {config.low:g} to {config.high:g} are the thermal range, as the publishers' code has it")
        note_count(writer, "20,647 pairs in a survey")

    def _add_drive(
        self, writer: DatasetWriter, split: str, drive: tuple[str, ...], rgb: Path, infrared: Path, labels: Path
    ) -> None:
        time = next((word for word in ("day", "night") if word in drive[0].lower()), "")
        if not infrared.is_dir() or not time:
            reason = "no day or night in the name of its drive" if not time else f"no {infrared.name} beside it"
            writer.skip(short_name(rgb), reason)
            return
        visible = {_frame(stem): path for stem, path in images_by_stem(rgb, writer).items()}
        thermal = {_frame(stem): path for stem, path in images_by_stem(infrared, writer).items()}
        if split == "test":
            thermal = _as_named_by(visible, thermal, writer)
        label_files = {_frame(printable_stem(path)): path for path in sorted(labels.glob("*.*"))}
        pairs = pair_up(visible, thermal, writer)
        for frame in sorted(pairs)[:: self.config.every]:
            label = label_files.get(frame)
            if self.config.labels and label is None:
                writer.skip(short_name(pairs[frame][0]), "no label image")
                continue
            add = partial(self._add, writer, split, "_".join((*drive, frame)), *pairs[frame], label, time)
            leave_out_bad(writer, pairs[frame][0], add)

    def _add(
        self, writer: DatasetWriter, split: str, stem: str, rgb: Path, infrared: Path, label: Path | None, time: str
    ) -> None:
        columns = slice(self.config.left, self.config.right)
        visible, thermal = read_visible(rgb), read_thermal_of(infrared, 16)
        if visible.shape[:2] != thermal.shape:
            raise DataError(f"visible {visible.shape[:2]} and thermal {thermal.shape} differ in size")
        thermal = thermal[:, columns]
        if thermal.size == 0 or (thermal == 0).any():
            raise DataError(
                f"black border of the warped thermal image inside columns {columns.start} to {columns.stop}"
            )
        labels = _class_indices(label)[:, columns] if self.config.labels and label else None
        entries = {"daytime": time}
        writer.add(split, stem, visible=visible[:, columns], thermal=thermal, labels=labels, entries=entries)


def _frame(stem: str) -> str:
    """Return the seconds and nanoseconds of a frame's name."""
    return re.sub(r"^fl_(rgb|ir_aligned)(_labels)?_|_(rgb|ir)$", "", stem)


def _as_named_by(visible: dict[str, Path], thermal: dict[str, Path], writer: DatasetWriter) -> dict[str, Path]:
    """Return the thermal files of the test set by the visible frames: their names lack the last digit of a field.

    Two visible frames that lead to one thermal file are both without a partner.
    """
    shortened = {frame: frame if frame in thermal else frame[:-1] for frame in visible}
    wanted = list(shortened.values())
    found = {
        frame: thermal[short] for frame, short in shortened.items() if short in thermal and wanted.count(short) == 1
    }
    used = set(found.values())
    for path in thermal.values():
        if path not in used:
            writer.skip(short_name(path), "no visible partner, or several, by the rule of the file names")
    return found


def _class_indices(path: Path) -> NDArray[np.uint8]:
    if path.suffix != ".npy":
        return read_labels(path)
    try:
        indices: NDArray[np.uint8] = open_array(path).astype(np.uint8)
        return indices
    except (OSError, ValueError) as error:
        raise DataError(f"labels `{short_name(path)}` cannot be read: {error}") from error


class CVC14(Importer[CVC14Config]):
    """Importer of CVC-14 (Gonzalez et al., Sensors 2016): frames of two cameras at one moment, not registered, with boxes.

    `{Day,Night}/{Visible,FIR}/{Train,NewTest}/{FramesPos,Annotations}/DAYTIMESTAMP.{tif,txt}`.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every n-th moment of which both images exist, as unpaired images of equal stems; see `zoo.contracts.Dataset`."""
        times = source_folders(source, ("Day", "Night"), layout="cvc14")
        entries = tuple(
            DatasetEntry(name=name, kind="boxes", classes=("pedestrian",), meaning=f"pedestrians in the {kind} image")
            for name, kind in (("boxes", "visible"), ("boxes_thermal", "thermal"))
        )
        writer.describe(
            name="cvc14",
            source="http://adas.cvc.uab.es/elektra/enigma-portfolio/cvc-14-visible-fir-day-night-pedestrian-sequence-dataset/",
            license=UNSTATED,
            citation="Gonzalez et al.: Pedestrian Detection at Day/Night Time with Visible and FIR Cameras. Sensors 16(6), 2016",
            split_origin="the publishers' Train and NewTest",
            alignment="time",
            spectrum="lwir",
            entries=(*entries, DAYTIME),
        )
        for time, folder in times.items():
            cameras = source_folders(folder, ("Visible", "FIR"), layout="cvc14")
            for split, half in (("train", "Train"), ("test", "NewTest")):
                visible, thermal = (
                    source_folders(camera, (half,), layout="cvc14")[half] for camera in cameras.values()
                )
                self._add_half(writer, split, time.lower(), visible, thermal)
        writer.note(
            "the images of one stem are of one moment, and the cameras are not registered: the set counts as unpaired, and no "
            "pixel metric compares them"
        )
        note_count(writer, "3,695 moments by day and 3,390 by night for training, about 700 each for testing")

    def _add_half(self, writer: DatasetWriter, split: str, time: str, visible: Path, thermal: Path) -> None:
        sides = [source_folders(side, ("FramesPos",), layout="cvc14")["FramesPos"] for side in (visible, thermal)]
        pairs = match_stems(sides[0], sides[1], writer)

        def add(stem: str, files: tuple[Path, Path]) -> None:
            photo, heat = read_visible(files[0]), read_thermal_of(files[1], 8)
            boxes = [
                inside(_cvc_boxes(side / "Annotations" / f"{stem}.txt"), *shape)
                for side, shape in ((visible, photo.shape[:2]), (thermal, heat.shape))
            ]
            entries = {"boxes": boxes[0], "boxes_thermal": boxes[1], "daytime": time}
            writer.add_visible(split, f"{time}_{stem}", photo, entries)
            writer.add_thermal(split, f"{time}_{stem}", heat)

        for stem in sorted(pairs)[:: self.config.every]:
            leave_out_bad(writer, pairs[stem][0], partial(add, stem, pairs[stem]))


def _cvc_boxes(path: Path) -> list[Box]:
    """Return the boxes of an image: `xc yc w h ...`, the centre in pixels counted from 1; none without a file."""
    boxes = []
    try:
        for line in text_lines(path) if path.is_file() else []:
            x, y, w, h = (float(word) for word in line[:4])
            left, top = x - 0.5 - w / 2, y - 0.5 - h / 2
            boxes.append(Box(label="pedestrian", corners=(left, top, left + w, top + h)))
    except ValueError as error:
        raise DataError(f"the boxes in `{short_name(path)}` cannot be read: {error}") from error
    return boxes


class IRVI(Importer[IRVIConfig]):
    """Importer of IRVI (Li et al., "I2V-GAN", ACM MM 2021): frames of videos, A infrared and B visible.

    `{trainA,trainB,testA,testB}/` or several such folders (`Traffic`, `Monitoring/sub-1`, ...); a file three times as wide as
    high holds three consecutive frames.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every frame, unpaired unless the options say so; see `zoo.contracts.Dataset`."""
        source = require_source(source, layout="irvi")
        parts = sorted(
            {path.parent for path in [source / "trainA", *source.glob("*/trainA"), *source.glob("*/*/trainA")]}
        )
        parts = [part for part in parts if (part / "trainA").is_dir()]
        found = {part: source_folders(part, AB_FOLDERS, layout="irvi") for part in parts or [source]}
        for part, folders in found.items():
            prefix = "".join(f"{name}_" for name in part.relative_to(source).parts)
            for split in SPLITS:
                thermal = images_by_stem(folders[f"{split}A"], writer, THERMAL_SUFFIXES)
                self._add_split(writer, split, prefix, images_by_stem(folders[f"{split}B"], writer), thermal)
        writer.describe(
            name="irvi",
            source="https://github.com/BIT-DA/I2V-GAN",
            license=UNSTATED,
            citation="Li et al.: I2V-GAN: Unpaired Infrared-to-Visible Video Translation. ACM Multimedia 2021",
            split_origin="the publishers' train and test",
            alignment="" if self.config.paired else "none",
        )
        if self.config.paired:
            writer.note("frames of equal names were taken for pairs, as the user chose; the publishers do not state it")
        note_count(writer, "17,000 training and 1,000 test frames of Traffic, 5,080 and 1,272 of Monitoring")

    def _add_split(
        self, writer: DatasetWriter, split: str, prefix: str, visible: dict[str, Path], thermal: dict[str, Path]
    ) -> None:
        bits = usual_bits(thermal.values())
        if self.config.paired:
            for stem, files in pair_up(visible, thermal, writer).items():

                def add(stem: str = stem, files: tuple[Path, Path] = files) -> None:
                    frames = zip(_frames(read_visible(files[0])), _frames(read_thermal_of(files[1], bits)), strict=True)
                    for (name, photo), (_, heat) in frames:
                        writer.add(split, f"{prefix}{stem}{name}", visible=photo, thermal=heat)

                leave_out_bad(writer, files[0], add)
            return

        def add_visible(stem: str, path: Path) -> None:
            for name, photo in _frames(read_visible(path)):
                writer.add_visible(split, f"{prefix}{stem}{name}", photo)

        def add_thermal(stem: str, path: Path) -> None:
            for name, heat in _frames(read_thermal_of(path, bits)):
                writer.add_thermal(split, f"{prefix}{stem}{name}", heat)

        for stem, path in visible.items():
            leave_out_bad(writer, path, partial(add_visible, stem, path))
        for stem, path in thermal.items():
            leave_out_bad(writer, path, partial(add_thermal, stem, path))


def _frames(image: Array) -> Iterator[tuple[str, Array]]:
    """Yield the frames of a file with an ending for their names: three side by side, or the file alone."""
    height, width = image.shape[:2]
    if width != 3 * height:
        yield "", image
        return
    for index in range(3):
        yield f"_{index}", image[:, index * height : (index + 1) * height]
