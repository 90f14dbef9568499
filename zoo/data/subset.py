"""Samples a smaller dataset from a larger one, as papers do that train on a part of a set. Imports no torch."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from zoo.data.atomic_folder import AtomicFolder
from zoo.data.entries import copy_entries
from zoo.data.importing import by_digest
from zoo.data.layout import FOLDERS, SPLITS, DatasetInfo, fingerprint, list_split, read_info, write_info
from zoo.data.temperatures import mean_by_class, read_temperatures, write_temperatures
from zoo.errors import UsageError


def sample_subset(source: Path, dst: Path, *, train: int, test: int, seed: int) -> DatasetInfo:
    """Copy `train` training and `test` test images with all their files to a new dataset, and return its info.

    Each split is sampled from the same split of the source. Images are ordered by the SHA-256 of seed, split and stem: the same
    on every machine, and a larger sample contains the smaller one. From an unpaired set, visible and thermal images are
    sampled independently, the same number of each.

    Raises:
        UsageError: a number is below 1, or larger than the split.
        DataError: the source is no dataset, or `dst` is not empty.
        ZooError: `dst` cannot be written.
    """
    info = read_info(source)
    counts = dict(zip(SPLITS, (train, test), strict=True))
    chosen = {split: _sample_stems(source, split, count, seed, info) for split, count in counts.items()}
    rows = {
        split: [
            (stem, name, degrees)
            for stem, means in sorted(read_temperatures(source, split).items())
            for name, degrees in means.items()
            if stem in chosen[split]["visible"] and name in info.classes
        ]
        for split in SPLITS
    }
    folder = AtomicFolder(dst)
    folder.create()
    try:
        with folder.writing() as root:
            for split in SPLITS:
                _copy(source / split, root / split, chosen[split])
                write_temperatures(root, split, rows[split])
                copy_entries(info.entries, source / split, root / split, chosen[split]["visible"])
            subset = replace(
                info,
                splits=counts,
                class_temperatures=mean_by_class(rows["train"], info.classes),
                left_out=(),
                health=None,
                drawn=f"{train} train and {test} test of {info.name} {fingerprint(source, info)[:16]} with seed {seed}",
            )
            subset = write_info(root, subset)
        folder.publish()
    finally:
        folder.discard()
    return subset


def _sample_stems(source: Path, split: str, count: int, seed: int, info: DatasetInfo) -> dict[str, set[str]]:
    """Return the stems to copy by kind of file."""
    entries = list_split(source, split)
    visible = [entry.stem for entry in entries if entry.visible and (entry.thermal or not info.pairs)]
    thermal = [entry.stem for entry in entries if entry.thermal and (entry.visible or not info.pairs)]
    available = min(len(visible), len(thermal))
    if not 1 <= count <= available:
        what = "pairs" if info.pairs else "images of each kind"
        raise UsageError(
            f"{count} {split} {what} were requested, but `{source}` has {available}",
            f"Choose `{split}` from 1 to {available}",
        )
    salt = "" if info.pairs else "thermal "  # the two images of a pair are sampled together
    chosen_visible = set(by_digest(visible, f"{seed} {split} ")[:count])
    chosen_thermal = set(by_digest(thermal, f"{seed} {split} {salt}")[:count])
    return {kind: chosen_thermal if kind == "thermal" else chosen_visible for kind in FOLDERS}


def _copy(source: Path, target: Path, chosen: dict[str, set[str]]) -> None:
    for entry in list_split(source.parent, source.name):
        for kind, stems in chosen.items():
            path: Path | None = getattr(entry, kind)
            if path is not None and entry.stem in stems:
                (target / kind).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / kind / path.name)
