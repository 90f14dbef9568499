"""LLVIP as published: `visible/{train,test}/NNNNNN.jpg` and `infrared/{train,test}/NNNNNN.jpg`, aligned."""

from __future__ import annotations

from pathlib import Path

from zoo.data.importing import add_8_bit_pair, images, pair_up, source_folders
from zoo.data.layout import SPLITS
from zoo.data.writer import DatasetWriter

from .config import LLVIPConfig


class LLVIP:
    """Importer of LLVIP (Jia et al., ICCV Workshops 2021) with its publishers' split."""

    def __init__(self, config: LLVIPConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`.

        Raises:
            DataError: the source lacks a folder of the layout.
        """
        sides = source_folders(source, ("visible", "infrared"), layout="llvip")
        visible, thermal = (source_folders(sides[name], SPLITS, layout="llvip") for name in ("visible", "infrared"))
        for split in SPLITS:
            pairs = pair_up(images(visible[split], writer), images(thermal[split], writer), writer)
            for stem, pair in pairs.items():
                add_8_bit_pair(writer, split, stem, *pair)
        writer.describe(
            name="llvip",
            source="https://bupt-ai-cz.github.io/LLVIP/",
            license="non-commercial, by the publishers' terms of use",
            citation="Jia et al.: LLVIP: A Visible-infrared Paired Dataset for Low-light Vision. ICCV Workshops 2021",
        )
