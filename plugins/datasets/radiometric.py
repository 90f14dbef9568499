"""Anyone's own pairs in degrees: `visible/` and `thermal/`, alone or in `train/` and `test/`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from zoo.data.images import read_thermal, read_visible
from zoo.data.importing import (
    Array,
    folder_like,
    hold_out_share,
    images_by_stem,
    leave_out_bad,
    require_source,
    short_name,
    source_folders,
)
from zoo.data.layout import SPLITS, THERMAL_SUFFIXES
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, UsageError

from .config import Importer, RadiometricConfig
from .flir_jpeg import OffsetChooser, camera_of, read_flir_jpeg
from .registration import Registration


class Radiometric(Importer[RadiometricConfig]):
    """Importer of 16-bit TIFF or PNG files with a stated scale, of float NPY degrees, and of FLIR radiometric JPEGs."""

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. A FLIR JPEG without a visible partner provides its own photo."""
        source = require_source(source, layout="radiometric")
        halves = source_folders(source, SPLITS, layout="radiometric") if folder_like(source, "train") else {"": source}
        found = {split: _find_pairs(half, writer) for split, half in halves.items()}
        alone = [thermal for pairs in found.values() for thermal, visible in pairs.values() if visible is None]
        offsets = OffsetChooser(path for path in alone if _is_jpeg(path))
        for split, pairs in found.items():
            for stem, (thermal, visible) in pairs.items():
                add = partial(self._add, writer, split or "train", stem, visible, thermal, offsets)
                leave_out_bad(writer, thermal, add)
        if "" in found and (usable := writer.stems("train")):
            writer.hold_out(hold_out_share(usable, self.config.test_share))
        for note in offsets.notes:
            writer.note(note)
        writer.describe(name=source.resolve().name, unit="celsius")

    def _add(
        self, writer: DatasetWriter, split: str, stem: str, visible: Path | None, thermal: Path, offsets: OffsetChooser
    ) -> None:
        box = None
        if visible is None and _is_jpeg(thermal):
            found = read_flir_jpeg(thermal)
            celsius, photo = found.celsius, found.visible
            box = None if self.config.homography else offsets.box(thermal, found)
        else:
            celsius, photo = self._celsius(thermal), None if visible is None else read_visible(visible)
        if photo is None:
            camera = camera_of(thermal)
            raise DataError(f"no visible partner, and the file{f' of {camera}' * bool(camera)} holds no photo")
        registered = Registration.from_file(self.config.homography, lambda *_: box).apply(photo, celsius)
        writer.add(split, stem, visible=registered, thermal=celsius)

    def _celsius(self, path: Path) -> Array:
        if _is_jpeg(path):
            return read_flir_jpeg(path).celsius
        values = read_thermal(path)
        if values.dtype.kind == "f":
            return values
        if values.dtype.itemsize != 2:
            raise DataError(f"thermal `{short_name(path)}` has 8 bits, which hold no degrees")
        if not self.config.celsius_per_count:
            raise UsageError(
                f"`{path}` holds counts, and no scale is stated",
                "State it, by the camera's manual: radiometric:celsius_per_count=0.04,celsius_at_zero=-273.15",
            )
        return self.config.celsius(values)


def _find_pairs(half: Path, writer: DatasetWriter) -> dict[str, tuple[Path, Path | None]]:
    """Return each stem's thermal file and, if it exists, its visible partner."""
    folder = source_folders(half, ("thermal",), layout="radiometric")["thermal"]
    thermal = images_by_stem(folder, writer, THERMAL_SUFFIXES)
    visible_folder = folder_like(half, "visible")
    visible = images_by_stem(visible_folder, writer) if visible_folder else {}
    for stem in visible.keys() - thermal.keys():
        writer.skip(short_name(visible[stem]), "no thermal partner")
    return {stem: (path, visible.get(stem)) for stem, path in thermal.items()}


def _is_jpeg(path: Path) -> bool:
    return path.suffix.lower() in (".jpg", ".jpeg")
