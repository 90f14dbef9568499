"""Public sets that their publishers aligned: RoadScene, OSU colour-thermal, LLVIP, KAIST, MSRS and M3FD; all are 8-bit."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from pathlib import Path

from zoo.data.images import read_labels, read_visible
from zoo.data.importing import (
    add_folders,
    add_pair,
    block_names,
    by_digest,
    folder_like,
    hold_out_sequences,
    images_by_stem,
    leave_out_bad,
    read_thermal_of,
    require_source,
    short_name,
    source_folders,
    stems_in,
)
from zoo.data.layout import SPLITS
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, SourceError

from .config import Importer, KAISTConfig, M3FDConfig, MSRSConfig, NoOptions, OSUConfig, RoadSceneConfig
from .matching import match_stems

UNSTATED = "none stated by the publishers"
FIRST_TEST_SET = 6  # KAIST's sets 00 to 05 are the training videos, 06 to 11 the test videos
# MSRS: indices 0 to 8 of the published label images.
CLASSES = ("unlabelled", "car", "person", "bike", "curve", "car_stop", "guardrail", "colour_cone", "bump")


class RoadScene(Importer[RoadSceneConfig]):
    """Importer of RoadScene (Xu et al., "FusionDN", AAAI 2020), published without a split.

    `crop_LR_visible/STEM.jpg` and `cropinfrared/STEM.jpg`, of the same size.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`."""
        folders = source_folders(source, ("crop_LR_visible", "cropinfrared"), layout="roadscene")
        add_folders(writer, "train", folders["crop_LR_visible"], folders["cropinfrared"])
        count, usable = self.config.test_pairs, writer.stems("train")
        if 0 < len(usable) <= count:
            raise SourceError(
                f"`{source}` holds {len(usable)} usable pairs, too few to hold {count} out as a test set",
                "Check that it is complete, or choose a smaller test set: roadscene:test_pairs=N",
            )
        names = by_digest(f"{stem}.jpg" for stem in usable)  # as published
        writer.hold_out([name.removesuffix(".jpg") for name in names[:count]])
        writer.describe(
            name="roadscene",
            source="https://github.com/hanna-xu/RoadScene",
            license=UNSTATED,
            citation="Xu et al.: FusionDN: A Unified Densely Connected Network for Image Fusion. AAAI 2020",
            split_origin=f"none published; the {count} pairs whose file names have the smallest SHA-256 are the test set",
            alignment="pixel",
        )


class OSU(Importer[OSUConfig]):
    """Importer of the OSU colour-thermal database (OTCBVS dataset 03), 320 x 240.

    `1a/` to `6a/` hold a sequence's thermal frames, `1b/` to `6b/` the colour ones.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. Whole sequences make up the test set."""
        source = require_source(source, layout="osu")
        held_out = set(self.config.test.split("+"))
        names = [path.name.lower() for path in source.iterdir() if path.is_dir()]
        numbers = sorted({name[:-1] for name in names if re.fullmatch(r"\d+[ab]", name)})
        if not held_out & set(numbers) or not set(numbers) - held_out:
            found = f"the sequences {', '.join(numbers)}" if numbers else "no folder 1a, 1b, 2a, ..."
            raise DataError(
                f"`{source}` cannot be split: the test set is {self.config.test}, found {found}",
                "Unpack the archives side by side, each into a folder of its name, or choose: osu:test=N",
            )
        for number in numbers:
            thermal, colour = source_folders(source, (f"{number}a", f"{number}b"), layout="osu").values()
            split = "test" if number in held_out else "train"
            add_folders(writer, split, colour, thermal, prefix=f"{number}_")
        writer.describe(
            name="osu",
            source="OTCBVS benchmark, dataset 03: OSU colour-thermal database",
            license="research and teaching; the publishers ask for acknowledgement",
            citation=(
                "Davis, Sharma: Background-Subtraction using Contour-based Fusion of Thermal and Visible Imagery. "
                "Computer Vision and Image Understanding 106 (2007)"
            ),
            split_origin=f"none published; the sequences {self.config.test} are the test set",
            alignment="pixel",
        )


class LLVIP(Importer[NoOptions]):
    """Importer of LLVIP (Jia et al., ICCV Workshops 2021) with its publishers' split.

    `visible/{train,test}/NNNNNN.jpg` and `infrared/{train,test}/NNNNNN.jpg`.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`."""
        sides = source_folders(source, ("visible", "infrared"), layout="llvip").values()
        visible, thermal = (source_folders(side, SPLITS, layout="llvip") for side in sides)
        for split in SPLITS:
            add_folders(writer, split, visible[split], thermal[split])
        writer.describe(
            name="llvip",
            source="https://bupt-ai-cz.github.io/LLVIP/",
            license="non-commercial, by the publishers' terms of use",
            citation="Jia et al.: LLVIP: A Visible-infrared Paired Dataset for Low-light Vision. ICCV Workshops 2021",
            split_origin="the publishers' train and test",
            alignment="pixel",
        )


class KAIST(Importer[KAISTConfig]):
    """Importer of the KAIST multispectral pedestrian set (Hwang et al., CVPR 2015) with its publishers' split.

    `[images/]setNN/VNNN/visible/INNNNN.jpg` and `[images/]setNN/VNNN/lwir/INNNNN.jpg`.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every n-th pair of each video; see `zoo.contracts.Dataset`."""
        source = require_source(source, layout="kaist")
        root = folder_like(source, "images") or source
        videos = [path for path in sorted(root.glob("[sS][eE][tT][0-9][0-9]/[vV][0-9][0-9][0-9]")) if path.is_dir()]
        if not videos:
            raise DataError(
                f"`{source}` is not in the layout of kaist: it holds no video such as set00/V000",
                "Name the folder that holds set00, set01, ...",
            )
        for video in videos:
            visible, thermal = folder_like(video, "visible"), folder_like(video, "lwir")
            if visible is None or thermal is None:
                writer.skip(short_name(video), "a video without visible/ or lwir/")
                continue
            split = "test" if int(video.parent.name[3:]) >= FIRST_TEST_SET else "train"
            prefix = f"{video.parent.name.lower()}_{video.name.upper()}_"
            add_folders(writer, split, visible, thermal, prefix=prefix, every=self.config.every)
        writer.describe(
            name="kaist",
            source="https://soonminhwang.github.io/rgbt-ped-detection/",
            license=UNSTATED,
            citation="Hwang et al.: Multispectral Pedestrian Detection: Benchmark Dataset and Baseline. CVPR 2015",
            split_origin="the publishers' sets 0 to 5 and 6 to 11",
            alignment="pixel",
            spectrum="lwir",
        )


class MSRS(Importer[MSRSConfig]):
    """Importer of MSRS (Tang et al., "PIAFusion", 2022) with its publishers' split and class labels.

    `{train,test}/{vi,ir,Segmentation_labels}/NNNNND.png`; D is day, N is night.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. With labels, a pair without a label image is skipped."""
        halves = source_folders(source, SPLITS, layout="msrs")
        labelled = self.config.labels and all(folder_like(half, "Segmentation_labels") for half in halves.values())
        writer.describe(
            name="msrs",
            source="https://github.com/Linfeng-Tang/MSRS",
            license=UNSTATED,
            citation="Tang et al.: PIAFusion: A Progressive Infrared and Visible Image Fusion Network. Inf. Fusion 2022",
            classes=CLASSES if labelled else (),
            split_origin="the publishers' train and test",
            alignment="pixel",
        )
        for split, half in halves.items():
            visible, thermal = source_folders(half, ("vi", "ir"), layout="msrs").values()
            folder = folder_like(half, "Segmentation_labels") if labelled else None
            if folder is None:
                add_folders(writer, split, visible, thermal)
            else:
                _add_labelled(writer, split, visible, thermal, folder)


def _add_labelled(writer: DatasetWriter, split: str, visible: Path, thermal: Path, labels: Path) -> None:
    pairs = match_stems(visible, thermal, writer)
    label_images = images_by_stem(labels, writer)

    def add(stem: str, visible: Path, thermal: Path) -> None:
        label_map = read_labels(label_images[stem])
        writer.add(split, stem, visible=read_visible(visible), thermal=read_thermal_of(thermal, 8), labels=label_map)

    for stem, files in pairs.items():
        if stem in label_images:
            leave_out_bad(writer, files[0], partial(add, stem, *files))
        else:
            writer.skip(short_name(files[0]), "no label image")


class M3FD(Importer[M3FDConfig]):
    """Importer of M3FD (Liu et al., CVPR 2022).

    `Vis/NNNNN.png` and `Ir/NNNNN.png`, or `vi/`, `ir/` with lists in `meta/` as the TarDAL code writes them.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`.

        The split is that of `meta/train.txt` if it exists, else whole blocks of neighbours are held out."""
        source = require_source(source, layout="m3fd")
        visible, thermal = folder_like(source, "Vis", "vi"), folder_like(source, "Ir")
        if visible is None or thermal is None:
            visible, thermal = source_folders(source, ("Vis", "Ir"), layout="m3fd").values()
        pairs = match_stems(visible, thermal, writer)
        for stem, pair in pairs.items():
            add_pair(writer, "train", stem, *pair, bits=8)
        usable = writer.stems("train")
        writer.hold_out(self._test_stems(source, list(pairs), usable) if usable else ())
        writer.describe(
            name="m3fd",
            source="https://github.com/JinyuanLiu-CV/TarDAL",
            license=UNSTATED,
            citation="Liu et al.: Target-aware Dual Adversarial Learning and a Multi-scenario Benchmark. CVPR 2022",
            split_origin="the list meta/train.txt, else whole blocks of neighbours by SHA-256",
            alignment="pixel",
        )

    def _test_stems(self, source: Path, stems: list[str], usable: list[str]) -> set[str]:
        """Return the test set out of the usable pairs; blocks are numbered over all pairs, so that neighbours stay together."""
        meta = folder_like(source, "meta")
        if meta and (meta / "train.txt").is_file():
            return set(usable) - stems_in(meta / "train.txt")
        blocks = block_names(stems, self.config.block)
        try:
            held = hold_out_sequences(Counter(blocks[stem] for stem in usable), self.config.test_share)
        except SourceError as error:
            fix = "Check that the set is complete, or choose smaller blocks: m3fd:block=N"
            raise SourceError(f"`{source}` holds {len(usable)} pairs, too few to split into blocks", fix) from error
        return {stem for stem in usable if blocks[stem] in held}
