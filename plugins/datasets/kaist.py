"""KAIST multispectral pedestrians: `setNN/VNNN/visible/INNNNN.jpg` and `setNN/VNNN/lwir/INNNNN.jpg`, aligned."""

from __future__ import annotations

from pathlib import Path

from zoo.data.importing import add_8_bit_pair, folder_like, images, pair_up, source_folders
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError

from .config import KAISTConfig

FIRST_TEST_SET = 6  # sets 00 to 05 are the training videos, 06 to 11 the test videos


class KAIST:
    """Importer of the KAIST multispectral pedestrian set (Hwang et al., CVPR 2015) with its publishers' split."""

    def __init__(self, config: KAISTConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every n-th pair of each video; see `zoo.contracts.Dataset`.

        Raises:
            DataError: the source holds no folder `set00`, `set01`, ..., also not in `images/`.
        """
        source_folders(source, (), layout="kaist")
        root = folder_like(source, "images") or source
        assert root is not None  # source_folders refuses None
        videos = [path for path in sorted(root.glob("[sS][eE][tT][0-9][0-9]/[vV][0-9][0-9][0-9]")) if path.is_dir()]
        if not videos:
            raise DataError(
                f"`{source}` is not in the layout of kaist: it holds no video such as set00/V000",
                "Name the folder that holds set00, set01, ...",
            )
        for video in videos:
            self._write_video(writer, video)
        writer.describe(
            name="kaist",
            source="https://soonminhwang.github.io/rgbt-ped-detection/",
            license="none stated by the publishers",
            citation="Hwang et al.: Multispectral Pedestrian Detection: Benchmark Dataset and Baseline. CVPR 2015",
        )

    def _write_video(self, writer: DatasetWriter, video: Path) -> None:
        name = f"{video.parent.name.lower()}_{video.name.upper()}"
        sides = [folder_like(video, side) for side in ("visible", "lwir")]
        if sides[0] is None or sides[1] is None:
            writer.skip(f"{video.parent.name}/{video.name}", "a video without visible/ or lwir/")
            return
        split = "test" if int(video.parent.name[3:]) >= FIRST_TEST_SET else "train"
        pairs = pair_up(images(sides[0], writer), images(sides[1], writer), writer)
        for stem in sorted(pairs)[:: self.config.every]:
            add_8_bit_pair(writer, split, f"{name}_{stem}", *pairs[stem])
