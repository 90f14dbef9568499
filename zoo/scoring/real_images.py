"""The real images that predictions are compared with: a split of a dataset, or plain folders. Imports no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from zoo.data.images import header_size, stored_bits
from zoo.data.layout import INFO_FILE, DatasetInfo, StemFiles, list_split
from zoo.data.matching import COMPANIONS, SUFFIXES, match_pairs
from zoo.data.predictions import Range
from zoo.errors import DataError, UsageError
from zoo.sizes import Size, size_of
from zoo.sources import DataSource, open_source

GENERIC = {name.lower() for name in (*SUFFIXES, *COMPANIONS)} | {
    "images", "image", "img", "test", "val", "test_latest", "results", "predictions", "preds", "outputs", "samples",
}  # fmt: skip
"""Names of folders that name no program and no dataset: the name is that of the folder above."""


@dataclass(frozen=True, kw_only=True)
class TestSet:
    """The real images that predictions are compared with."""

    source: DataSource
    split: str
    files: list[StemFiles]
    """Of the split, those with a real thermal image."""

    @property
    def is_dataset(self) -> bool:
        """Whether `source` is a dataset in zoo's layout, not plain folders."""
        return (self.source.root / INFO_FILE).is_file()


def find_tests(data: str, split: str, *, size: Size | None, folder: Path) -> TestSet:
    """Return the real images of a dataset's split.

    Args:
        data: name or folder of the dataset.
        split: of it.
        size: to which images are resized; None: as the images of `folder`, at which a synthetic dataset is rendered.
        folder: of the predictions.

    Raises:
        UsageError: there is no such dataset or split, or its images are not pairs.
    """
    source = open_source(data, size=size or _first_size(folder))
    require_split(source, split)
    if not source.info.pairs:
        raise UsageError(
            f"dataset {source.name} is unpaired: no image has a real one to compare it with", "Use paired data"
        )
    files = [entry for entry in list_split(source.root, split) if entry.visible and entry.thermal]
    return TestSet(source=source, split=split, files=files)


def require_split(source: DataSource, split: str) -> None:
    """Refuse a split that a dataset does not have.

    Raises:
        UsageError: it has none of this name, or no image in it.
    """
    splits = source.info.splits
    if not splits.get(split):
        known = ", ".join(name for name, count in splits.items() if count)
        raise UsageError(f"dataset {source.name} has no split {split!r}", f"Its splits are: {known or 'none'}")


def plain_tests(real: Path, visible: Path | None, value_range: Range | None) -> TestSet:
    """Return the real images of a plain folder, with visible ones where their folder is named.

    Raises:
        UsageError: a folder is missing or empty, or the scale of 16-bit or float images is not known.
        DataError: images have the same stem, different depths or no visible partner.
    """
    pairs = match_pairs(real, visible)
    bits = {stored_bits(path) for path, _ in pairs.values()}
    if len(bits) > 1:
        raise DataError(f"the images of `{real}` have different depths: {sorted(bits)} bits", "Save them alike")
    (depth,) = bits
    low, high = value_range or (0.0, 255.0)
    if depth == 8:
        low, high = 0.0, 255.0
    elif value_range is None:
        raise UsageError(
            f"the real images are {depth}-bit, and a plain folder does not state their range",
            "Use `value_range`=LOW,HIGH, the values of the darkest and the brightest level, e.g. 0,65535",
        )
    contents = hashlib.sha256(f"{depth} {low} {high}".encode())
    for stem, paths in pairs.items():  # of a visible image too: baselines and some metrics read it
        digests = " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path)
        contents.update(f"\n{stem} {digests}".encode())
    info = DatasetInfo(
        name=dataset_name(real), source="plain folders", splits={"test": len(pairs)}, thermal_bits=depth,  # type: ignore[arg-type]
        thermal_low=low, thermal_high=high,
    )  # fmt: skip
    source = DataSource(root=real.resolve(), name=info.name, info=info, fingerprint=contents.hexdigest())
    files = [StemFiles(stem=stem, visible=seen, thermal=path) for stem, (path, seen) in pairs.items()]
    return TestSet(source=source, split="test", files=files)


def dataset_name(folder: Path) -> str:
    """Return the name of a folder, or of the one above where it is a usual name such as `images`."""
    places = [place for place in (folder.resolve(), *folder.resolve().parents) if place.name]
    return next((place.name for place in places if place.name.lower() not in GENERIC), folder.resolve().name)


def _first_size(folder: Path) -> Size:
    """Return the size of some image below a folder; 256 where there is none, which matching reports."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        try:
            return size_of(*header_size(path))
        except (DataError, OSError):
            continue
    return 256
