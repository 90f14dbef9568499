"""MSRS as published: `{train,test}/{vi,ir,Segmentation_labels}/NNNNND.png`; D is day, N is night."""

from __future__ import annotations

from pathlib import Path

from zoo.data.images import read_labels, read_visible
from zoo.data.importing import folder_like, images, leave_out_bad, pair_up, read_8_bit_thermal, relative, source_folders
from zoo.data.layout import SPLITS
from zoo.data.writer import DatasetWriter

from .config import MSRSConfig

# Indices 0 to 8 of the published label images.
CLASSES = ("unlabelled", "car", "person", "bike", "curve", "car_stop", "guardrail", "colour_cone", "bump")


class MSRS:
    """Importer of MSRS (Tang et al., "PIAFusion", 2022) with its publishers' split and class labels."""

    def __init__(self, config: MSRSConfig) -> None:
        self.config = config

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. With labels, a pair without one is left out.

        Raises:
            DataError: the source lacks a folder of the layout.
        """
        halves = source_folders(source, SPLITS, layout="msrs")
        labelled = self.config.labels and all(folder_like(half, "Segmentation_labels") for half in halves.values())
        writer.describe(
            name="msrs",
            source="https://github.com/Linfeng-Tang/MSRS",
            license="none stated by the publishers",
            citation="Tang et al.: PIAFusion: A Progressive Infrared and Visible Image Fusion Network. Inf. Fusion 2022",
            classes=CLASSES if labelled else (),
        )
        for split, half in halves.items():
            sides = source_folders(half, ("vi", "ir"), layout="msrs")
            pairs = pair_up(images(sides["vi"], writer), images(sides["ir"], writer), writer)
            folder = folder_like(half, "Segmentation_labels") if labelled else None
            labels = images(folder, writer) if folder else {}
            for stem, (visible, thermal) in pairs.items():
                if labelled and stem not in labels:
                    writer.skip(relative(visible), "no label image")
                else:
                    _add(writer, split, stem, visible, thermal, labels.get(stem))


def _add(writer: DatasetWriter, split: str, stem: str, visible: Path, thermal: Path, labels: Path | None) -> None:
    def add() -> None:
        writer.add(
            split,
            stem,
            visible=read_visible(visible),
            thermal=read_8_bit_thermal(thermal),
            labels=None if labels is None else read_labels(labels),
        )

    leave_out_bad(writer, visible, add)
