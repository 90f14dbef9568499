"""Anyone's own pairs in degrees: `visible/` and `thermal/`, alone or in `train/` and `test/`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from zoo.data.images import read_thermal, read_visible
from zoo.data.importing import Array, ThermalSpan, folder_like, images, leave_out_bad, relative, source_folders
from zoo.data.layout import SPLITS, THERMAL_SUFFIXES
from zoo.data.radiometric import CountScale, camera_of, read_flir_jpeg
from zoo.data.splitting import hold_out_share
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, UsageError

from .alignment import Alignment
from .config import RadiometricConfig
from .registered import Registration


class Radiometric:
    """Importer of 16-bit TIFF or PNG files with a stated scale, of float NPY degrees, and of FLIR radiometric JPEGs."""

    def __init__(self, config: RadiometricConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. A FLIR JPEG without a visible partner gives its own photo.

        Raises:
            DataError: the source lacks `thermal/`, or the homography cannot be read.
            UsageError: a FLIR JPEG is met, but `flyr` is not installed.
        """
        source_folders(source, (), layout="radiometric")
        assert source is not None  # source_folders refuses None
        halves = source_folders(source, SPLITS, layout="radiometric") if folder_like(source, "train") else {"": source}
        found = {split: _pairs(half, writer) for split, half in halves.items()}
        alone = [thermal for pairs in found.values() for thermal, visible in pairs.values() if visible is None]
        alignment = Alignment(path for path in alone if _is_jpeg(path))
        span = ThermalSpan()
        for split, pairs in found.items():
            for stem, (thermal, visible) in pairs.items():
                add = partial(self._add, writer, split or "train", stem, visible, thermal, alignment, span)
                leave_out_bad(writer, thermal, add)
        if "" in found and (usable := writer.stems("train")):
            writer.hold_out(hold_out_share(usable, self.config.test_share))
        for note in alignment.notes:
            writer.note(note)
        low, high = span.over(writer.stems("train"))
        writer.describe(name=source.resolve().name, unit="celsius", thermal_low=low, thermal_high=high)

    def _add(
        self, writer: DatasetWriter, split: str, stem: str, visible: Path | None, thermal: Path, alignment: Alignment,
        span: ThermalSpan,
    ) -> None:  # fmt: skip
        view = None
        if visible is None and _is_jpeg(thermal):
            found = read_flir_jpeg(thermal)
            celsius, picture = found.celsius, found.visible
            view = None if self.config.homography else alignment.view(thermal, found)
        else:
            celsius, picture = self._celsius(thermal), None if visible is None else read_visible(visible)
        if picture is None:
            camera = camera_of(thermal)
            raise DataError(f"no visible partner, and the file{f' of {camera}' * bool(camera)} holds no photo")
        fitted = Registration.of(self.config.homography, lambda *_: view).apply(picture, celsius)
        writer.add(split, stem, visible=fitted, thermal=celsius)
        if split == "train":
            span.include(stem, celsius)

    def _celsius(self, path: Path) -> Array:
        if _is_jpeg(path):
            return read_flir_jpeg(path).celsius
        values = read_thermal(path)
        if values.dtype.kind == "f":
            return values
        if values.dtype.itemsize != 2:
            raise DataError(f"thermal `{relative(path)}` has 8 bits, which hold no degrees")
        if not self.config.celsius_per_count:
            raise UsageError(
                f"`{path}` holds counts, and no scale is stated",
                "State it, by the camera's manual: radiometric:celsius_per_count=0.04,celsius_at_zero=-273.15",
            )
        scale = CountScale(per_count=self.config.celsius_per_count, at_zero=self.config.celsius_at_zero)
        return scale.celsius(values)


def _pairs(half: Path, writer: DatasetWriter) -> dict[str, tuple[Path, Path | None]]:
    """Return each stem's thermal file and, where there is one, its visible partner."""
    thermal = images(source_folders(half, ("thermal",), layout="radiometric")["thermal"], writer, THERMAL_SUFFIXES)
    folder = folder_like(half, "visible")
    visible = images(folder, writer) if folder else {}
    for stem in visible.keys() - thermal.keys():
        writer.skip(relative(visible[stem]), "no thermal partner")
    return {stem: (path, visible.get(stem)) for stem, path in thermal.items()}


def _is_jpeg(path: Path) -> bool:
    return path.suffix.lower() in (".jpg", ".jpeg")
