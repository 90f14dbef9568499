"""FLIR ADAS: v1 with its own split, v2 with the pairs of its test videos; the visible images are registered at import.

The cameras sit beside each other, so no single crop or homography fits near and far objects at once: what is left is parallax,
and `zoo data check` says how much.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial
from pathlib import Path

from zoo.data.geometry import View, central_view, width_of_view
from zoo.data.images import read_thermal, read_visible
from zoo.data.importing import (
    Array,
    ThermalSpan,
    folder_like,
    images,
    leave_out_bad,
    pair_up,
    read_8_bit_thermal,
    relative,
    source_folders,
)
from zoo.data.names import plain_stem
from zoo.data.radiometric import CountScale
from zoo.data.splitting import hold_out_sequences
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, UsageError

from .config import FLIRConfig
from .registered import Registration, Shape

MAP = "rgb_to_thermal_vid_map.json"
V1 = {"train": ("train", "training"), "test": ("val", "validation")}
V1_THERMAL = {"8": ("thermal_8_bit", "PreviewData"), "16": ("thermal_16_bit", "Data")}
V2_THERMAL = {"8": "data", "16": "analyticsData"}

# v2's readme: Tau 2 with 45 degrees across, BlackFly S with 52.8.
V2_WIDTH = width_of_view(45.0, 52.8)
# v1's readme says only that the visible lens was set to match the thermal one. On its 1800 x 1600 images others measured the
# thermal frame of 640 x 512 at (155, 155), enlarged 2.477 times; its other sizes are taken at their full width.
V1_MEASURED = {(1600, 1800): View(left=155 / 1800, top=155 / 1600, right=1740.28 / 1800, bottom=1423.224 / 1600)}

Trio = tuple[str, Path, Path]


class FLIR:
    """Importer of Teledyne FLIR's ADAS sets of 2018 (v1.0 to 1.3) and 2022 (v2)."""

    def __init__(self, config: FLIRConfig) -> None:
        self.config = config
        if config.celsius_per_count and config.thermal == "8":
            raise UsageError("degrees a count were given, but 8-bit images hold none", "Add: thermal=16")

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`.

        Raises:
            DataError: the source is in neither layout, or the homography cannot be read.
        """
        source_folders(source, (), layout="flir")
        assert source is not None  # source_folders refuses None
        second = (source / MAP).is_file()
        register = Registration.of(self.config.homography, self._second_view if second else self._first_view)
        span = ThermalSpan()
        halves = {"train": self._second(writer, source)} if second else self._first(writer, source)
        for split, pairs in halves.items():
            for stem, visible, thermal in pairs:
                leave_out_bad(
                    writer, visible, partial(self._add, writer, split, stem, visible, thermal, register, span)
                )
        if second and (usable := writer.stems("train")):
            held = hold_out_sequences(Counter(map(_video, usable)), self.config.test_share)
            writer.hold_out({stem for stem in usable if _video(stem) in held})
        low, high = span.over(writer.stems("train"))
        degrees = self.config.celsius_per_count > 0
        writer.describe(
            name="flir",
            source=f"Teledyne FLIR ADAS thermal dataset, {'version 2' if second else 'version 1'}",
            license="by the publisher's terms of use",
            citation="Teledyne FLIR: Free ADAS Thermal Dataset",
            thermal_low=low,
            thermal_high=high,
            unit="celsius" if degrees else "grey",
        )

    def _first(self, writer: DatasetWriter, source: Path) -> dict[str, list[Trio]]:
        """Return v1's pairs by split; whole videos are in one split, by the publisher's word."""
        found: dict[str, list[Trio]] = {}
        for split, names in V1.items():
            half = folder_like(source, *names)
            rgb = folder_like(half, "RGB")
            thermal = folder_like(half, *V1_THERMAL[self.config.thermal])
            if half is None or rgb is None or thermal is None:
                wanted = f"{names[0]}/RGB and {names[0]}/{V1_THERMAL[self.config.thermal][0]} (version 1), or {MAP} (version 2)"
                raise DataError(
                    f"`{source}` is not in the layout of flir: it lacks {wanted}", "Name the unpacked folder"
                )
            pairs = pair_up(images(rgb, writer), images(thermal, writer), writer)
            found[split] = [(stem, *pair) for stem, pair in pairs.items()]
        return found

    def _second(self, writer: DatasetWriter, source: Path) -> list[Trio]:
        """Return v2's pairs; only its test videos have partners, named by the map."""
        halves = source_folders(source, ("video_rgb_test", "video_thermal_test"), layout="flir")
        rgb = images(source_folders(halves["video_rgb_test"], ("data",), layout="flir")["data"], writer)
        folder = V2_THERMAL[self.config.thermal]
        thermal = images(source_folders(halves["video_thermal_test"], (folder,), layout="flir")[folder], writer)
        trios: list[Trio] = []
        for visible_name, thermal_name in _read_map(source / MAP).items():
            stem, partner = plain_stem(visible_name), plain_stem(thermal_name)
            if stem in rgb and partner in thermal:
                trios.append((stem, rgb.pop(stem), thermal.pop(partner)))
        for path in [*rgb.values(), *thermal.values()]:
            writer.skip(relative(path), f"no partner by {MAP}")
        return trios

    def _add(
        self, writer: DatasetWriter, split: str, stem: str, visible: Path, thermal: Path, register: Registration,
        span: ThermalSpan,
    ) -> None:  # fmt: skip
        values = self._read_thermal(thermal)
        writer.add(split, stem, visible=register.apply(read_visible(visible), values), thermal=values)
        if split == "train":
            span.include(stem, values)

    def _read_thermal(self, path: Path) -> Array:
        if self.config.thermal == "8":
            return read_8_bit_thermal(path)
        counts = read_thermal(path)
        if counts.dtype.itemsize != 2:
            raise DataError(f"thermal `{relative(path)}` has {8 * counts.dtype.itemsize} bits, not 16")
        if not self.config.celsius_per_count:
            return counts
        return CountScale(per_count=self.config.celsius_per_count, at_zero=self.config.celsius_at_zero).celsius(counts)

    def _first_view(self, visible: Shape, thermal: Shape) -> View:
        measured = None if self.config.view_width else V1_MEASURED.get((visible[0], visible[1]))
        return measured or central_view(visible, thermal, self.config.view_width or 1.0)

    def _second_view(self, visible: Shape, thermal: Shape) -> View:
        return central_view(visible, thermal, self.config.view_width or V2_WIDTH)


def _read_map(path: Path) -> dict[str, str]:
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"`{path}` cannot be read: {error}", "Unpack the archive again") from error
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise DataError(f"`{path}` does not map file names to file names", "Unpack the archive again")
    return names


def _video(stem: str) -> str:
    """Return the video of a frame named `video-ID-frame-NUMBER-HASH`; a name of another form is a video of its own."""
    match = re.match(r"video-(?P<id>.+?)-frame-", stem)
    return match["id"] if match else stem
