"""Copies a part of a dataset, or all of it with another split, as papers do that train on a part of a set. Imports no torch."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from zoo.data.atomic_folder import new_folder, require_apart
from zoo.data.drawing import draw
from zoo.data.entries import copy_entries
from zoo.data.importing import by_digest
from zoo.data.layout import ALL_SPLITS, FOLDERS, SPLITS, DatasetInfo, fingerprint, list_split, read_info, write_info
from zoo.data.temperatures import ClassMean, mean_by_class, read_temperatures, write_temperatures
from zoo.errors import UsageError

Stems = dict[str, dict[str, str]]
"""The new stem of each stem to copy, by the kind of its image: `visible` or `thermal`."""
Chosen = dict[str, dict[str, Stems]]
"""What to copy, by the new split and the split of the source."""


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
    chosen: Chosen = {}
    for split, count in counts.items():
        sampled = _first(count, _pool(source, split, info), info, f"{seed} {split} ", f"{split} of `{source}`")
        chosen[split] = {split: {kind: {stem: stem for stem in stems} for kind, stems in sampled.items()}}
    how = f"{train} train and {test} test of {_identity(source, info)} with seed {seed}"
    return _copy(source, dst, replace(info, drawn=how), chosen)


def redraw_split(
    source: Path, dst: Path, *, test: str = "0.1", validation: str = "", train: int | None = None, seed: int = 0
) -> DatasetInfo:
    """Copy a dataset with another split, drawn from the images of all its splits, and return its info.

    A stem that two splits of the source have becomes `SPLIT_STEM`.

    Args:
        source: dataset folder; it is only read.
        dst: folder to make.
        test: a share of all pairs, a number, `all`, or a file with one stem a line.
        validation: the same, from the pairs that are not for testing; empty: no such split.
        train: number of the remaining pairs to keep; None keeps all.
        seed: of the order.

    Raises:
        UsageError: an argument is none of these.
        DataError: the source is no dataset, `dst` is not empty, or there are too few images.
        ZooError: `dst` cannot be written.
    """
    require_apart(source, dst)
    info = read_info(source)
    pools = {split: _pool(source, split, info) for split in info.all_splits}
    named = _unique_stems(pools)
    left = {
        kind: {named[split, stem] for split in pools for stem in pools[split][kind]} for kind in ("visible", "thermal")
    }
    sets: dict[str, dict[str, set[str]]] = {}
    for split, wanted in (("test", test), ("validation", validation)):
        if wanted:
            salt = f"{seed} {split} "
            sets[split] = _by_kind(left, info, salt, lambda names, salt: draw(names, wanted, split=split, salt=salt))  # noqa: B023
            left = {kind: names - sets[split][kind] for kind, names in left.items()}
    sets["train"] = left if train is None else _first(train, left, info, f"{seed} train ", "train")
    chosen: Chosen = {
        new: {
            split: {
                kind: {stem: named[split, stem] for stem in pools[split][kind] if named[split, stem] in names[kind]}
                for kind in names
            }
            for split in pools
        }
        for new, names in sets.items()
    }
    counts = ", ".join(f"{len(names['visible'])} {split}" for split in ALL_SPLITS if (names := sets.get(split)))
    how = f"{counts} of {_identity(source, info)}, redrawn with seed {seed}"
    return _copy(source, dst, replace(info, drawn=how, split_origin="redrawn by zoo data split"), chosen)


def _identity(source: Path, info: DatasetInfo) -> str:
    return f"{info.name} {fingerprint(source, info)[:16]}"


def _pool(source: Path, split: str, info: DatasetInfo) -> dict[str, set[str]]:
    """Return a split's stems by kind of image; of pairs those that have both."""
    entries = list_split(source, split)
    return {
        kind: {each.stem for each in entries if getattr(each, kind) and getattr(each, other or kind)}
        for kind, other in (("visible", info.pairs and "thermal"), ("thermal", info.pairs and "visible"))
    }


def _first(
    count: int, pool: Mapping[str, Collection[str]], info: DatasetInfo, salt: str, split: str
) -> dict[str, set[str]]:
    """Return the first `count` stems of a pool by digest, by kind of image."""
    available = min(map(len, pool.values()))
    if not 1 <= count <= available:
        what = "pairs" if info.pairs else "images of each kind"
        name, _, of = split.partition(" of ")
        raise UsageError(
            f"{count} {name} {what} cannot be sampled: {of or 'the rest'} has {available}",
            f"Choose `{name}` from 1 to {available}" if available else "Redraw the split first: zoo data split SRC DST",
        )
    return _by_kind(pool, info, salt, lambda names, salt: set(by_digest(names, salt)[:count]))


def _by_kind(
    pool: Mapping[str, Collection[str]],
    info: DatasetInfo,
    salt: str,
    choose: Callable[[Collection[str], str], set[str]],
) -> dict[str, set[str]]:
    """Return chosen names by kind of image; the two images of a pair, or of one moment, are chosen together."""
    together = info.pairs or info.alignment == "time"
    return {
        "visible": choose(pool["visible"], salt),
        "thermal": choose(pool["thermal"], salt if together else f"{salt}thermal "),
    }


def _unique_stems(pools: Mapping[str, Mapping[str, Collection[str]]]) -> dict[tuple[str, str], str]:
    """Return a stem for each split and stem of a dataset that no other has."""
    stems = {split: set[str]().union(*kinds.values()) for split, kinds in pools.items()}
    counts = Counter(stem for each in stems.values() for stem in each)
    used, named = {stem for stem, count in counts.items() if count == 1}, {}
    for split, each in stems.items():
        for stem in sorted(each):
            name = stem
            while counts[stem] > 1 and (name == stem or name in used):
                name = f"{split}_{name}"
            used.add(name)
            named[split, stem] = name
    return named


def _copy(source: Path, dst: Path, info: DatasetInfo, chosen: Chosen) -> DatasetInfo:
    """Write the chosen images with all their files as a new dataset; `info` is the source's, with the new origin."""
    splits = [split for split in ALL_SPLITS if split in SPLITS or split in chosen]
    rows = {split: _temperatures(source, info, chosen.get(split, {})) for split in splits}
    with new_folder(dst) as root:
        for split, sources in chosen.items():
            (root / split).mkdir(parents=True, exist_ok=True)
            for old, stems in sources.items():
                _copy_files(source, old, root / split, stems)
            write_temperatures(root, split, rows[split])
            visible = {source / old: stems["visible"] for old, stems in sources.items()}
            copy_entries(info.entries, visible, root / split)
        counts = {split: sum(len(stems["visible"]) for stems in chosen.get(split, {}).values()) for split in splits}
        means = mean_by_class(rows["train"], info.classes)
        return write_info(root, replace(info, splits=counts, class_temperatures=means, left_out=(), health=None))


def _temperatures(source: Path, info: DatasetInfo, sources: Mapping[str, Stems]) -> list[ClassMean]:
    return [
        (stems["visible"][stem], name, degrees)
        for split, stems in sources.items()
        for stem, means in sorted(read_temperatures(source, split).items())
        for name, degrees in means.items()
        if stem in stems["visible"] and name in info.classes
    ]


def _copy_files(source: Path, split: str, target: Path, chosen: Stems) -> None:
    for entry in list_split(source, split):
        for kind in FOLDERS:
            path: Path | None = getattr(entry, kind)
            stems = chosen["thermal" if kind == "thermal" else "visible"]
            if path is not None and entry.stem in stems:
                (target / kind).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / kind / f"{stems[entry.stem]}{path.suffix}")
