"""OSU colour-thermal (OTCBVS dataset 03): `1a/` to `6a/` hold a sequence's thermal frames, `1b/` to `6b/` the colour ones."""

from __future__ import annotations

import re
from pathlib import Path

from zoo.data.importing import add_8_bit_pair, images, pair_up, source_folders
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .config import OSUConfig


class OSU:
    """Importer of the OSU colour-thermal database, 320 x 240, which its publishers registered."""

    def __init__(self, config: OSUConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. Whole sequences make up the test set.

        Raises:
            DataError: the source lacks a sequence's other half, or holds none of the test set's or none of the others.
        """
        held_out = set(self.config.test.split("+"))
        source_folders(source, (), layout="osu")
        assert source is not None  # source_folders refuses None
        halves = {path.name.lower() for path in source.iterdir() if path.is_dir()}
        numbers = sorted({name[:-1] for name in halves if re.fullmatch(r"\d+[ab]", name)})
        if not held_out & set(numbers) or not set(numbers) - held_out:
            found = f"the sequences {', '.join(numbers)}" if numbers else "no folder 1a, 1b, 2a, ..."
            raise DataError(
                f"`{source}` cannot be split: the test set is {self.config.test}, found {found}",
                "Unpack the archives side by side, each into a folder of its name, or choose: osu:test=N",
            )
        for number in numbers:
            folders = source_folders(source, (f"{number}a", f"{number}b"), layout="osu")
            thermal, colour = images(folders[f"{number}a"], writer), images(folders[f"{number}b"], writer)
            for stem, pair in pair_up(colour, thermal, writer).items():
                add_8_bit_pair(writer, "test" if number in held_out else "train", f"{number}_{stem}", *pair)
        writer.describe(
            name="osu",
            source="OTCBVS benchmark, dataset 03: OSU colour-thermal database",
            license="research and teaching; the publishers ask for acknowledgement",
            citation=(
                "Davis, Sharma: Background-Subtraction using Contour-based Fusion of Thermal and Visible Imagery. "
                "Computer Vision and Image Understanding 106 (2007)"
            ),
        )
