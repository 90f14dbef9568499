"""M3FD: `Vis/NNNNN.png` and `Ir/NNNNN.png`, or `vi/`, `ir/` with lists in `meta/` as the TarDAL code writes them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from zoo.data.importing import add_8_bit_pair, folder_like, images, pair_up, source_folders, stems_in
from zoo.data.splitting import blocks, hold_out_sequences
from zoo.data.writer import DatasetWriter
from zoo.errors import SourceError

from .config import M3FDConfig


class M3FD:
    """Importer of M3FD (Liu et al., CVPR 2022)."""

    def __init__(self, config: M3FDConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`.

        The split is that of `meta/train.txt` where there is one, else whole blocks of neighbours are held out.

        Raises:
            DataError: the source lacks a folder of the layout.
            SourceError: it has too few usable pairs to be split.
        """
        source_folders(source, (), layout="m3fd")
        visible, thermal = folder_like(source, "Vis", "vi"), folder_like(source, "Ir")
        if visible is None or thermal is None:
            found = source_folders(source, ("Vis", "Ir"), layout="m3fd")
            visible, thermal = found["Vis"], found["Ir"]
        pairs = pair_up(images(visible, writer), images(thermal, writer), writer)
        for stem, pair in pairs.items():
            add_8_bit_pair(writer, "train", stem, *pair)
        usable = writer.stems("train")
        writer.hold_out(self._held_out(source, list(pairs), usable) if usable else ())
        writer.describe(
            name="m3fd",
            source="https://github.com/JinyuanLiu-CV/TarDAL",
            license="none stated by the publishers",
            citation="Liu et al.: Target-aware Dual Adversarial Learning and a Multi-scenario Benchmark. CVPR 2022",
        )

    def _held_out(self, source: Path | None, stems: list[str], usable: list[str]) -> set[str]:
        """Return which of the usable pairs are tested on; blocks are numbered among all pairs, so that neighbours stay one."""
        meta = folder_like(source, "meta")
        if meta and (meta / "train.txt").is_file():
            return set(usable) - stems_in(meta / "train.txt")
        runs = blocks(stems, self.config.block)
        try:
            held = hold_out_sequences(Counter(runs[stem] for stem in usable), self.config.test_share)
        except SourceError as error:
            fix = "Check that the set is complete, or choose smaller blocks: m3fd:block=N"
            raise SourceError(f"`{source}` holds {len(usable)} pairs, too few to split into blocks", fix) from error
        return {stem for stem in usable if runs[stem] in held}
