"""FLIR ADAS: v1 with its own split, v2 with the pairs of its test videos; the visible images are registered at import.

The cameras are mounted side by side, so no single crop or homography fits near and far objects at once: parallax remains, and
`zoo data check` measures it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial
from pathlib import Path

from zoo.data.images import read_thermal, read_visible
from zoo.data.importing import (
    Array,
    folder_like,
    hold_out_sequences,
    images_by_stem,
    leave_out_bad,
    read_thermal_of,
    require_source,
    short_name,
    source_folders,
)
from zoo.data.layout import printable_stem
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, UsageError

from .config import FLIRConfig, Importer
from .matching import match_stems
from .registration import CropBox, Registration, Shape, central_box, visible_share

MAP = "rgb_to_thermal_vid_map.json"
V1 = {"train": ("train", "training"), "test": ("val", "validation")}
V1_THERMAL = {"8": ("thermal_8_bit", "PreviewData"), "16": ("thermal_16_bit", "Data")}
V2_THERMAL = {"8": "data", "16": "analyticsData"}

# v2's readme: Tau 2 with 45 degrees across, BlackFly S with 52.8.
V2_WIDTH = visible_share(45.0, 52.8)
# v1's readme says only that the visible lens was set to match the thermal one. On its 1800 x 1600 images others measured the
# thermal frame of 640 x 512 at (155, 155), enlarged 2.477 times; its other sizes are taken at their full width.
V1_MEASURED = {(1600, 1800): CropBox(left=155 / 1800, top=155 / 1600, right=1740.28 / 1800, bottom=1423.224 / 1600)}

Pair = tuple[str, Path, Path]
"""Stem, visible file, thermal file."""


class FLIR(Importer[FLIRConfig]):
    """Importer of Teledyne FLIR's ADAS sets of 2018 (v1.0 to 1.3) and 2022 (v2)."""

    def __init__(self, config: FLIRConfig) -> None:
        super().__init__(config)
        if config.celsius_per_count and config.thermal == "8":
            raise UsageError("`celsius_per_count` is given, but 8-bit images hold none", "Add: thermal=16")

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`."""
        source = require_source(source, layout="flir")
        second = (source / MAP).is_file()
        registration = Registration.from_file(self.config.homography, self._second_box if second else self._first_box)
        halves = {"train": self._second(writer, source)} if second else self._first(writer, source)
        for split, pairs in halves.items():
            for pair in pairs:
                leave_out_bad(writer, pair[1], partial(self._add, writer, split, *pair, registration))
        if second and (usable := writer.stems("train")):
            held = hold_out_sequences(Counter(map(_video, usable)), self.config.test_share)
            writer.hold_out({stem for stem in usable if _video(stem) in held})
        writer.describe(
            name="flir",
            source=f"Teledyne FLIR ADAS thermal dataset, {'version 2' if second else 'version 1'}",
            license="by the publisher's terms of use",
            citation="Teledyne FLIR: Free ADAS Thermal Dataset",
            unit="celsius" if self.config.celsius_per_count > 0 else "grey",
            split_origin="none published; whole videos by SHA-256" if second else "the publisher's, by video",
        )

    def _first(self, writer: DatasetWriter, source: Path) -> dict[str, list[Pair]]:
        """Return v1's pairs by split; whole videos are in one split, as published."""
        found: dict[str, list[Pair]] = {}
        for split, names in V1.items():
            half = folder_like(source, *names)
            rgb = folder_like(half, "RGB")
            thermal = folder_like(half, *V1_THERMAL[self.config.thermal])
            if half is None or rgb is None or thermal is None:
                wanted = f"{names[0]}/RGB and {names[0]}/{V1_THERMAL[self.config.thermal][0]} (version 1), or {MAP} (version 2)"
                raise DataError(
                    f"`{source}` is not in the layout of flir: it lacks {wanted}", "Name the unpacked folder"
                )
            pairs = match_stems(rgb, thermal, writer)
            found[split] = [(stem, *pair) for stem, pair in pairs.items()]
        return found

    def _second(self, writer: DatasetWriter, source: Path) -> list[Pair]:
        """Return v2's pairs; only its test videos have partners, listed in the map."""
        folders = {"video_rgb_test": "data", "video_thermal_test": V2_THERMAL[self.config.thermal]}
        halves = source_folders(source, list(folders), layout="flir")
        rgb, thermal = (
            images_by_stem(source_folders(halves[half], [name], layout="flir")[name], writer)
            for half, name in folders.items()
        )
        pairs: list[Pair] = []
        for visible_name, thermal_name in _read_map(source / MAP).items():
            stem, partner = printable_stem(visible_name), printable_stem(thermal_name)
            if stem in rgb and partner in thermal:
                pairs.append((stem, rgb.pop(stem), thermal.pop(partner)))
        for path in [*rgb.values(), *thermal.values()]:
            writer.skip(short_name(path), f"no partner by {MAP}")
        return pairs

    def _add(
        self, writer: DatasetWriter, split: str, stem: str, visible: Path, thermal: Path, registration: Registration
    ) -> None:
        values = self._read_thermal(thermal)
        writer.add(split, stem, visible=registration.apply(read_visible(visible), values), thermal=values)

    def _read_thermal(self, path: Path) -> Array:
        if self.config.thermal == "8":
            return read_thermal_of(path, 8)
        counts = read_thermal(path)
        if counts.dtype.itemsize != 2:
            raise DataError(f"thermal `{short_name(path)}` has {8 * counts.dtype.itemsize} bits, not 16")
        return self.config.celsius(counts) if self.config.celsius_per_count else counts

    def _first_box(self, visible: Shape, thermal: Shape) -> CropBox:
        measured = None if self.config.view_width else V1_MEASURED.get((visible[0], visible[1]))
        return measured or central_box(visible, thermal, self.config.view_width or 1.0)

    def _second_box(self, visible: Shape, thermal: Shape) -> CropBox:
        return central_box(visible, thermal, self.config.view_width or V2_WIDTH)


def _read_map(path: Path) -> dict[str, str]:
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"`{path}` cannot be read: {error}", "Unpack the archive again") from error
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise DataError(f"`{path}` does not map file names to file names", "Unpack the archive again")
    return names


def _video(stem: str) -> str:
    """Return the video of a frame named `video-ID-frame-NUMBER-HASH`; another name counts as a video."""
    match = re.match(r"video-(?P<id>.+?)-frame-", stem)
    return match["id"] if match else stem
