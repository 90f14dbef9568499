"""Anyone's own pairs in degrees: `visible/` and `thermal/`, alone or in `train/` and `test/`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from zoo.data.geometry import View
from zoo.data.images import read_thermal, read_visible
from zoo.data.importing import Array, ThermalSpan, folder_like, images, leave_out_bad, relative, source_folders
from zoo.data.layout import SPLITS, THERMAL_SUFFIXES
from zoo.data.radiometric import CountScale, read_flir_jpeg
from zoo.data.splitting import by_digest
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, UsageError

from .config import RadiometricConfig
from .registered import Registration


class Radiometric:
    """Importer of 16-bit TIFF or PNG files with a stated scale, of float NPY degrees, and of FLIR radiometric JPEGs."""

    def __init__(self, config: RadiometricConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. A FLIR JPEG without a visible partner gives its own second picture.

        Raises:
            DataError: the source lacks `thermal/`, or the homography cannot be read.
            UsageError: a FLIR JPEG is met, but `flyr` is not installed.
        """
        source_folders(source, (), layout="radiometric")
        assert source is not None  # source_folders refuses None
        halves = source_folders(source, SPLITS, layout="radiometric") if folder_like(source, "train") else {"": source}
        span = ThermalSpan()
        for half_name, half in halves.items():
            thermal = images(
                source_folders(half, ("thermal",), layout="radiometric")["thermal"], writer, THERMAL_SUFFIXES
            )
            folder = folder_like(half, "visible")
            visible = images(folder, writer) if folder else {}
            for stem in visible.keys() - thermal.keys():
                writer.skip(relative(visible[stem]), "no thermal partner")
            held = set(by_digest(thermal)[: max(1, round(self.config.test_share * len(thermal)))])
            for stem, path in thermal.items():
                split = half_name or ("test" if stem in held else "train")
                leave_out_bad(writer, path, partial(self._add, writer, split, stem, visible.get(stem), path, span))
        writer.describe(name=source.resolve().name, unit="celsius", thermal_low=span.low, thermal_high=span.high)

    def _add(
        self, writer: DatasetWriter, split: str, stem: str, visible: Path | None, thermal: Path, span: ThermalSpan
    ) -> None:
        celsius, second, view = self._read(thermal)
        picture = read_visible(visible) if visible else second
        if picture is None:
            raise DataError("no visible partner, and the file holds no second picture")
        own = None if visible else view
        fitted = Registration.of(self.config.homography, lambda *_: own).apply(picture, celsius)
        writer.add(split, stem, visible=fitted, thermal=celsius)
        if split == "train":
            span.include(celsius)

    def _read(self, path: Path) -> tuple[Array, Array | None, View | None]:
        """Return degrees, and a FLIR JPEG's second picture with the part of it that the degrees show."""
        if path.suffix.lower() in (".jpg", ".jpeg"):
            found = read_flir_jpeg(path)
            return found.celsius, found.visible, found.view
        values = read_thermal(path)
        if values.dtype.kind == "f":
            return values, None, None
        if values.dtype.itemsize != 2:
            raise DataError(f"thermal `{relative(path)}` has 8 bits, which hold no degrees")
        if not self.config.celsius_per_count:
            raise UsageError(
                f"`{path}` holds counts, and no scale is stated",
                "State it, by the camera's manual: radiometric:celsius_per_count=0.04,celsius_at_zero=-273.15",
            )
        scale = CountScale(per_count=self.config.celsius_per_count, at_zero=self.config.celsius_at_zero)
        return scale.celsius(values), None, None
