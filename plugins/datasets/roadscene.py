"""RoadScene as published: `crop_LR_visible/STEM.jpg` and `cropinfrared/STEM.jpg`, aligned, of the same size."""

from __future__ import annotations

import hashlib
from pathlib import Path

from zoo.data.importing import add_8_bit_pair, images, pair_up, source_folders
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .config import RoadSceneConfig

VISIBLE, THERMAL = "crop_LR_visible", "cropinfrared"


class RoadScene:
    """Importer of RoadScene (Xu et al., "FusionDN", AAAI 2020), whose publishers give no split."""

    def __init__(self, config: RoadSceneConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`.

        Raises:
            DataError: the source lacks a folder of the layout, or has too few pairs to hold a test set out.
        """
        folders = source_folders(source, (VISIBLE, THERMAL), layout="roadscene")
        pairs = pair_up(images(folders[VISIBLE], writer), images(folders[THERMAL], writer), writer)
        if len(pairs) <= self.config.test_pairs:
            raise DataError(
                f"`{source}` holds {len(pairs)} pairs, too few to hold {self.config.test_pairs} out as a test set",
                "Check that it is complete, or ask for a smaller test set: roadscene:test_pairs=N",
            )
        held_out = set(by_digest(pairs)[: self.config.test_pairs])
        for stem, (visible, thermal) in pairs.items():
            add_8_bit_pair(writer, "test" if stem in held_out else "train", stem, visible, thermal)
        writer.describe(
            name="roadscene",
            source="https://github.com/hanna-xu/RoadScene",
            license="none stated by the publishers",
            citation="Xu et al.: FusionDN: A Unified Densely Connected Network for Image Fusion. AAAI 2020",
        )


def by_digest(stems: dict[str, tuple[Path, Path]]) -> list[str]:
    """Return stems by the SHA-256 of their published file names, an order that no one chose and all can repeat."""
    return sorted(stems, key=lambda stem: hashlib.sha256(f"{stem}.jpg".encode()).hexdigest())
