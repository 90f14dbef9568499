"""Draws a smaller dataset out of a larger one, as papers do that train on a part of a set. Imports no torch."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from zoo.data.layout import FOLDERS, INFO_FILE, SPLITS, DatasetInfo, fingerprint, list_split, read_info
from zoo.data.publish import NewFolder
from zoo.data.splitting import by_digest
from zoo.data.temperatures import Row, mean_by_class, read_temperatures, write_temperatures
from zoo.errors import UsageError


def draw(source: Path, dst: Path, *, train: int, test: int, seed: int) -> DatasetInfo:
    """Copy `train` training and `test` test images with all their files to a new dataset, and return what it says of itself.

    Each split is drawn from the source's own, so that what was kept apart stays apart. The draw is the SHA-256 of seed, split
    and stem: the same on every machine, and a larger draw holds the smaller one. An unpaired set gives that many visible and as
    many thermal images, each drawn by itself.

    Raises:
        UsageError: a split has fewer images, or fewer than one is asked for.
        DataError: the source is no dataset, or `dst` is not empty.
        ZooError: `dst` cannot be written.
    """
    info = read_info(source)
    wanted = dict(zip(SPLITS, (train, test), strict=True))
    chosen = {split: _chosen(source, split, count, seed, info) for split, count in wanted.items()}
    rows = {split: _rows(source, split, chosen[split]["visible"], info.classes) for split in SPLITS}
    folder = NewFolder(dst)
    folder.create()
    try:
        with folder.writing() as root:
            for split in SPLITS:
                _copy(source / split, root / split, chosen[split])
                write_temperatures(root, split, rows[split])
            drawn = replace(
                info,
                splits=wanted,
                class_temperatures=mean_by_class(rows["train"], info.classes),
                left_out=(),
                health=None,
                drawn=f"{train} train and {test} test of {info.name} {fingerprint(source, info)[:16]} with seed {seed}",
            )
            drawn = replace(drawn, fingerprint=fingerprint(root, drawn))
            (root / INFO_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(drawn), indent=2) + b"\n")
        folder.publish()
    finally:
        folder.discard()
    return drawn


def _chosen(source: Path, split: str, count: int, seed: int, info: DatasetInfo) -> dict[str, set[str]]:
    """Return the stems to copy by kind of file."""
    entries = list_split(source, split)
    visible = [entry.stem for entry in entries if entry.visible]
    thermal = [entry.stem for entry in entries if entry.thermal]
    if info.pairs:
        visible = thermal = [stem for stem in visible if stem in set(thermal)]
    what = "pairs" if info.pairs else "images of each kind"
    there = min(len(visible), len(thermal))
    if not 1 <= count <= there:
        raise UsageError(
            f"{count} {split} {what} were asked for, but `{source}` has {there}", f"Choose --{split} from 1 to {there}"
        )
    sides = {"visible": visible, "thermal": thermal}
    salt = {"visible": "", "thermal": "" if info.pairs else "thermal "}  # a pair is one draw
    picked = {kind: set(by_digest(stems, f"{seed} {split} {salt[kind]}")[:count]) for kind, stems in sides.items()}
    return {kind: picked["thermal" if kind == "thermal" else "visible"] for kind in FOLDERS}


def _rows(source: Path, split: str, stems: Iterable[str], classes: tuple[str, ...]) -> list[Row]:
    table = read_temperatures(source, split)
    known = [(stem, name, degrees) for stem in sorted(stems) for name, degrees in table.get(stem, {}).items()]
    return [row for row in known if row[1] in classes]


def _copy(source: Path, target: Path, chosen: dict[str, set[str]]) -> None:
    for entry in list_split(source.parent, source.name):
        for kind, stems in chosen.items():
            path: Path | None = getattr(entry, kind)
            if path is not None and entry.stem in stems:
                (target / kind).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / kind / path.name)
