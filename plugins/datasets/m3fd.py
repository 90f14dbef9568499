"""M3FD: `Vis/NNNNN.png` and `Ir/NNNNN.png`, or `vi/`, `ir/` with lists in `meta/` as the TarDAL code writes them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from zoo.data.importing import add_8_bit_pair, folder_like, images, pair_up, source_folders
from zoo.data.splitting import blocks, hold_out_sequences
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .config import M3FDConfig


class M3FD:
    """Importer of M3FD (Liu et al., CVPR 2022)."""

    def __init__(self, config: M3FDConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`.

        The split is that of `meta/train.txt` where there is one, else whole blocks of neighbours are held out.

        Raises:
            DataError: the source lacks a folder of the layout, or is too small to be split.
        """
        source_folders(source, (), layout="m3fd")
        visible, thermal = folder_like(source, "Vis", "vi"), folder_like(source, "Ir")
        if visible is None or thermal is None:
            found = source_folders(source, ("Vis", "Ir"), layout="m3fd")
            visible, thermal = found["Vis"], found["Ir"]
        pairs = pair_up(images(visible, writer), images(thermal, writer), writer)
        test = self._test_stems(source, list(pairs))
        for stem, pair in pairs.items():
            add_8_bit_pair(writer, "test" if stem in test else "train", stem, *pair)
        writer.describe(
            name="m3fd",
            source="https://github.com/JinyuanLiu-CV/TarDAL",
            license="none stated by the publishers",
            citation="Liu et al.: Target-aware Dual Adversarial Learning and a Multi-scenario Benchmark. CVPR 2022",
        )

    def _test_stems(self, source: Path | None, stems: list[str]) -> set[str]:
        meta = folder_like(source, "meta")
        if meta and (meta / "train.txt").is_file():
            words = (meta / "train.txt").read_text(encoding="utf-8").split()
            return set(stems) - {Path(word).stem for word in words}
        runs = blocks(stems, self.config.block)
        sizes = Counter(runs.values())
        try:
            held = hold_out_sequences(sizes, self.config.test_share)
        except DataError as error:
            fix = "Check that the set is complete, or choose smaller blocks: m3fd:block=N"
            raise DataError(f"`{source}` holds {len(stems)} pairs, too few to split into blocks", fix) from error
        return {stem for stem, run in runs.items() if run in held}
