"""The folders of the CycleGAN code: trainA, trainB, testA, testB, without pairs; A is visible, B thermal."""

from __future__ import annotations

from pathlib import Path

from zoo.data.images import read_visible
from zoo.data.importing import (
    images_by_stem,
    leave_out_bad,
    read_thermal_of,
    require_source,
    source_folders,
    usual_bits,
)
from zoo.data.layout import SPLITS, THERMAL_SUFFIXES
from zoo.data.writer import DatasetWriter

from .config import Importer, NoOptions
from .folders import AB_FOLDERS


class CycleGANFolders(Importer[NoOptions]):
    """Importer of unpaired sets in the layout of Zhu et al., "CycleGAN" (ICCV 2017)."""

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every image; see `zoo.contracts.Dataset`. Thermal images of another depth than most are skipped."""
        source = require_source(source, layout="cyclegan")
        folders = source_folders(source, AB_FOLDERS, layout="cyclegan")
        thermal = {split: images_by_stem(folders[f"{split}B"], writer, THERMAL_SUFFIXES) for split in SPLITS}
        bits = usual_bits(path for files in thermal.values() for path in files.values())
        for split in SPLITS:
            for stem, path in images_by_stem(folders[f"{split}A"], writer).items():
                _add_visible(writer, split, stem, path)
            for stem, path in thermal[split].items():
                _add_thermal(writer, split, stem, path, bits)
        writer.describe(name=source.resolve().name)

    def recognizes(self, source: Path) -> list[Path]:
        """Return the four folders of this layout; none unless all exist."""
        folders = [source / name for name in AB_FOLDERS]
        return folders if all(folder.is_dir() for folder in folders) else []


def _add_visible(writer: DatasetWriter, split: str, stem: str, path: Path) -> None:
    leave_out_bad(writer, path, lambda: writer.add_visible(split, stem, read_visible(path)))


def _add_thermal(writer: DatasetWriter, split: str, stem: str, path: Path, bits: int) -> None:
    leave_out_bad(writer, path, lambda: writer.add_thermal(split, stem, read_thermal_of(path, bits, "most files")))
