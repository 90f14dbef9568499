"""RoadScene as published: `crop_LR_visible/STEM.jpg` and `cropinfrared/STEM.jpg`, aligned, of the same size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from zoo.data.importing import add_8_bit_pair, images, pair_up, source_folders
from zoo.data.writer import DatasetWriter
from zoo.errors import SourceError

from .config import RoadSceneConfig

VISIBLE, THERMAL = "crop_LR_visible", "cropinfrared"


class RoadScene:
    """Importer of RoadScene (Xu et al., "FusionDN", AAAI 2020), whose publishers give no split."""

    def __init__(self, config: RoadSceneConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`.

        Raises:
            DataError: the source lacks a folder of the layout.
            SourceError: it has too few usable pairs to hold a test set out.
        """
        folders = source_folders(source, (VISIBLE, THERMAL), layout="roadscene")
        pairs = pair_up(images(folders[VISIBLE], writer), images(folders[THERMAL], writer), writer)
        for stem, (visible, thermal) in pairs.items():
            add_8_bit_pair(writer, "train", stem, visible, thermal)
        usable = writer.stems("train")
        if 0 < len(usable) <= self.config.test_pairs:
            raise SourceError(
                f"`{source}` holds {len(usable)} usable pairs, too few to hold {self.config.test_pairs} out as a test set",
                "Check that it is complete, or choose a smaller test set: roadscene:test_pairs=N",
            )
        writer.hold_out(by_digest(usable)[: self.config.test_pairs])
        writer.describe(
            name="roadscene",
            source="https://github.com/hanna-xu/RoadScene",
            license="none stated by the publishers",
            citation="Xu et al.: FusionDN: A Unified Densely Connected Network for Image Fusion. AAAI 2020",
        )


def by_digest(stems: Iterable[str]) -> list[str]:
    """Return stems by the SHA-256 of their published file names, an order that no one chose and all can repeat."""
    return sorted(stems, key=lambda stem: hashlib.sha256(f"{stem}.jpg".encode()).hexdigest())
