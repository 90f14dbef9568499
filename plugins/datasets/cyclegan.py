"""The folders of the CycleGAN code: trainA, trainB, testA, testB, without pairs; A is visible, B thermal."""

from __future__ import annotations

from pathlib import Path

from zoo.data.images import read_visible
from zoo.data.importing import ThermalSpan, images, leave_out_bad, read_thermal_of, source_folders, usual_bits
from zoo.data.layout import SPLITS, THERMAL_SUFFIXES
from zoo.data.writer import DatasetWriter

from .config import CycleGANConfig


class CycleGANFolders:
    """Importer of unpaired sets in the layout of Zhu et al., "CycleGAN" (ICCV 2017)."""

    def __init__(self, config: CycleGANConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every image; see `zoo.contracts.Dataset`.

        Thermal images that are not 8-bit are scaled to the span of the training images.

        Raises:
            DataError: the source lacks one of the four folders.
        """
        folders = source_folders(source, [f"{split}{side}" for split in SPLITS for side in "AB"], layout="cyclegan")
        thermal = {split: images(folders[f"{split}B"], writer, THERMAL_SUFFIXES) for split in SPLITS}
        bits, span = usual_bits(path for files in thermal.values() for path in files.values()), ThermalSpan()
        for split in SPLITS:
            for stem, path in images(folders[f"{split}A"], writer).items():
                _add_visible(writer, split, stem, path)
            for stem, path in thermal[split].items():
                _add_thermal(writer, split, stem, path, bits, span)
        assert source is not None  # source_folders refuses None
        low, high = span.over(writer.stems("train", "thermal"))
        writer.describe(name=source.resolve().name, thermal_low=low, thermal_high=high)


def _add_visible(writer: DatasetWriter, split: str, stem: str, path: Path) -> None:
    leave_out_bad(writer, path, lambda: writer.add_visible(split, stem, read_visible(path)))


def _add_thermal(writer: DatasetWriter, split: str, stem: str, path: Path, bits: int, span: ThermalSpan) -> None:
    def add() -> None:
        thermal = read_thermal_of(path, bits)
        writer.add_thermal(split, stem, thermal)
        if split == "train":
            span.include(stem, thermal)

    leave_out_bad(writer, path, add)
