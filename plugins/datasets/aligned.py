"""Pairs side by side in one image, as the pix2pix code has them: visible left, thermal right; or in two folders, as `pairs`."""

from __future__ import annotations

from pathlib import Path

from zoo.data.images import grey, read_visible
from zoo.data.importing import images_by_stem, leave_out_bad, require_source
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .config import Importer, NoOptions, PairsConfig
from .folders import find_pairs, missing_folders
from .pairs import write_pairs


class SideBySide(Importer[NoOptions]):
    """Importer of paired sets in the layout of Isola et al., "pix2pix" (CVPR 2017)."""

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. Without a folder `test`, `val` is the test set."""
        source = require_source(source, layout="aligned")
        if found := find_pairs(source):
            write_pairs(writer, source.resolve().name, found, PairsConfig())
            return
        val = (source / "val").is_dir() and not (source / "test").is_dir()
        folders = {"train": source / "train", "test": source / ("val" if val else "test")}
        if not all(folder.is_dir() for folder in folders.values()):
            raise DataError(
                f"`{source}` is not in the layout of aligned: it lacks train and test with images side by side, and "
                f"{missing_folders(source)}",
                "Name the folder that holds train and test, or the two folders of pairs",
            )
        for split, folder in folders.items():
            for stem, path in images_by_stem(folder, writer).items():
                _add_halves(writer, split, stem, path)
        writer.describe(name=source.resolve().name)


def _add_halves(writer: DatasetWriter, split: str, stem: str, path: Path) -> None:
    def add() -> None:
        both = read_visible(path)
        if both.shape[1] % 2:
            raise DataError(f"`{path}` is {both.shape[1]} pixels wide and cannot be cut into two equal halves")
        half = both.shape[1] // 2
        writer.add(split, stem, visible=both[:, :half], thermal=grey(both[:, half:], f"thermal image `{path}`"))

    leave_out_bad(writer, path, add)
