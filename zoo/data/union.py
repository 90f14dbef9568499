"""Several datasets as one: a folder of links to its members, whose values are read on a common scale. Imports no torch.

ROOT/dataset.json      DatasetInfo; `members` describes the datasets in order
ROOT/members/0, 1, ... links to their folders

Nothing is copied. Stems are `NAME/STEM`, so that images of one name stay apart and each names the dataset that it is from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from zoo.data.atomic_folder import new_folder
from zoo.data.entries import DatasetEntry
from zoo.data.layout import ALL_SPLITS, INFO_FILE, MEMBERS, DatasetInfo, Unit, encode_info, member_folder
from zoo.data.temperatures import mean_by_class, read_temperatures
from zoo.errors import RefusedError
from zoo.files import made_in_cache

Convert = Callable[[NDArray[Any]], NDArray[Any]]

GREY = (0.0, 255.0)
"""Scale of grey members whose files differ in depth or range."""
MOST_CLASSES = 256
"""Labels and masks are 8-bit."""
MEMBER_GROUP = DatasetEntry(name="dataset", kind="group", meaning="the dataset of the union that an image is from")
"""Declared by every union, so that scores are also given by dataset."""


def make_union(roots: Sequence[Path], infos: Sequence[DatasetInfo]) -> Path:
    """Return the folder of a union in zoo's cache, created if it is missing.

    Args:
        roots: folders of the members.
        infos: of the members, with their present fingerprints.

    Raises:
        RefusedError: the members cannot be joined.
        ZooError: the cache cannot be written.
    """
    info = join_infos(infos)
    averaged = bool(info.classes) and all(one.class_temperatures for one in infos)
    info = replace(info, class_temperatures=_class_temperatures(roots, info) if averaged else {})
    links = [root.resolve() for root in roots]
    key = hashlib.sha256(encode_info(info) + "\n".join(map(str, links)).encode(errors="surrogateescape")).hexdigest()
    return made_in_cache(lambda folder: _write(folder, info, links), "unions", key[:16], whole=INFO_FILE)


def join_infos(infos: Sequence[DatasetInfo]) -> DatasetInfo:
    """Return the description of a union; its fingerprint is made of the members' fingerprints and the common scale.

    Raises:
        RefusedError: the members have more classes than labels or masks can number.
    """
    members = tuple(replace(info, name=name) for info, name in zip(infos, unique_names(infos), strict=True))
    notes = [f"Images of {_listed(f'{one.name} ({_counts(one)})' for one in members)}."]
    pairs = all(one.pairs for one in members)
    if not pairs and any(one.pairs for one in members):
        unpaired = _listed(one.name for one in members if not one.pairs)
        notes.append(f"All images are used as unpaired: no pairs in {unpaired}.")
    unlabelled = [one.name for one in members if not one.classes]
    if 0 < len(unlabelled) < len(members):
        notes.append(f"Labels are left out: none in {_listed(unlabelled)}.")
    entries, dropped = _common_entries(members)
    if dropped:
        notes.append(f"Entries that not all datasets declare alike are left out: {_listed(dropped)}.")
    joined = DatasetInfo(
        name="+".join(one.name for one in members),
        source=_by_member(members, "source"),
        license=_by_member(members, "license"),
        citation=_by_member(members, "citation"),
        splits={
            split: sum(one.splits.get(split, 0) for one in members)
            for split in ALL_SPLITS
            if any(split in one.all_splits for one in members)
        },
        pairs=pairs,
        classes=() if unlabelled else _merged_classes(one.classes for one in members),
        entries=entries,
        celsius=all(one.celsius for one in members),
        members=members,
    )
    joined = _on_common_scale(joined)
    joined = replace(joined, notes=(*notes, _range_note(joined)))
    return replace(joined, fingerprint=_fingerprint(joined))


def scored_info(trained: DatasetInfo, tested: DatasetInfo) -> DatasetInfo:
    """Return a dataset as a method trained on another can be scored on it: without degrees where the training had none."""
    return tested if trained.thermal_range else replace(tested, unit="grey", celsius=False)


def unique_names(infos: Iterable[DatasetInfo]) -> list[str]:
    """Return a name for each member that can begin a stem; a repeated one is numbered: `scenes`, `scenes-2`."""
    names: list[str] = []
    for info in infos:
        base = info.name.replace("/", "_") or "unnamed"
        numbered = (base if number == 1 else f"{base}-{number}" for number in range(1, len(names) + 2))
        names.append(next(name for name in numbered if name not in names))
    return names


def convert_thermal(member: DatasetInfo, union: DatasetInfo) -> Convert | None:
    """Return what maps a member's stored thermal values to the union's, in float32; None where they are the same.

    Values beyond the member's own range are clipped, as they are where it is used alone. On a scale in degrees a value keeps its
    degrees; on a grey one a member's own range fills the common one.
    """
    low, high = member.stored_range
    if union.thermal_range is None:
        new_low, new_high = union.stored_range
    else:
        new_low, new_high = member.thermal_low, member.thermal_high
        if member.thermal_bits == union.thermal_bits and member.thermal_range == union.thermal_range:
            return None
    if (low, high) == (new_low, new_high):
        return None
    scale = np.float32((new_high - new_low) / (high - low))
    first, last = np.float32(low), np.float32(high)
    return lambda values: np.float32(new_low) + (values.astype(np.float32).clip(first, last) - first) * scale


def convert_classes(member: DatasetInfo, union: DatasetInfo, name: str) -> Convert | None:
    """Return what maps a member's labels, or a mask with classes, to the same class names in the union; None as `new_indices`."""
    indices = new_indices(member.classes_of(name), union.classes_of(name))
    if indices is None:
        return None
    table = np.array(indices, np.uint8)
    return lambda labels: table[labels]


def new_indices(old: Sequence[str], new: Sequence[str]) -> list[int] | None:
    """Return the new class index of each 8-bit value, by name; None where all stay, or a class is unknown.

    Values without a class stay.
    """
    if tuple(old) == tuple(new[: len(old)]) or not set(old) <= set(new):
        return None
    return [*(new.index(name) for name in old), *range(len(old), MOST_CLASSES)]


def _write(folder: Path, info: DatasetInfo, links: Sequence[Path]) -> None:
    with new_folder(folder, finished=folder / INFO_FILE) as root:
        (root / MEMBERS).mkdir()
        for number, target in enumerate(links):
            member_folder(root, number).symlink_to(target, target_is_directory=True)
        (root / INFO_FILE).write_bytes(encode_info(info))


def _on_common_scale(union: DatasetInfo) -> DatasetInfo:
    """Return a union with unit, range and depth: degrees where all members have them, and float unless no value changes."""
    unit: Unit = "grey"
    calibrated = [degrees for one in union.members if (degrees := one.thermal_range)]
    if len(calibrated) == len(union.members):
        unit, low, high = "celsius", min(low for low, _ in calibrated), max(high for _, high in calibrated)
        same = set(calibrated) == {(low, high)}
    else:
        stored = {one.stored_range for one in union.members}
        same = len(stored) == 1
        low, high = stored.pop() if same else GREY
    depths = {one.thermal_bits for one in union.members}
    bits = depths.pop() if same and len(depths) == 1 else 32
    return replace(union, unit=unit, thermal_low=low, thermal_high=high, thermal_bits=bits)


def _range_note(union: DatasetInfo) -> str:
    """Return the sentence that states the thermal range."""
    if union.thermal_range:
        return f"Thermal values have one range, {_range_text(union)}."
    own = _listed(f"{one.name} {_range_text(one)}" for one in union.members)
    if not any(one.thermal_range for one in union.members):
        return f"Thermal values are grey levels of each dataset's own range: {own}."
    return f"Thermal values are grey levels of each dataset's own range, without degrees: {own}."


def _common_entries(members: Sequence[DatasetInfo]) -> tuple[tuple[DatasetEntry, ...], list[str]]:
    """Return the entries that all members declare with one kind and unit, with `MEMBER_GROUP`, and the names of the others."""
    declared: dict[str, list[DatasetEntry]] = {}
    for entry in (entry for one in members for entry in one.entries):
        declared.setdefault(entry.name, []).append(entry)
    kept, dropped = [], []
    for name, found in declared.items():
        alike = len({(one.kind, one.unit, one.kind == "mask" and bool(one.classes)) for one in found}) == 1
        if alike and len(found) == len(members) and name != MEMBER_GROUP.name:
            kept.append(replace(found[0], classes=_merged_classes(one.classes for one in found)))
        else:
            dropped.append(name)
    return (*kept, MEMBER_GROUP), dropped


def _merged_classes(members: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the classes of all members, equal names once."""
    classes = tuple(dict.fromkeys(name for classes in members for name in classes))
    if len(classes) > MOST_CLASSES:
        raise RefusedError(
            f"the datasets have {len(classes)} classes together, and labels number at most {MOST_CLASSES}",
            "Train on fewer datasets, or give equal classes equal names in dataset.json",
        )
    return classes


def _class_temperatures(roots: Sequence[Path], info: DatasetInfo) -> dict[str, float]:
    rows = [
        (stem, name, degrees)
        for root in roots
        for stem, means in read_temperatures(root, "train").items()
        for name, degrees in means.items()
    ]
    return mean_by_class((row for row in rows if row[1] in info.classes), info.classes)


def _fingerprint(info: DatasetInfo) -> str:
    scale = (info.pairs, info.unit, info.thermal_bits, info.thermal_low, info.thermal_high, info.classes)
    members = [(one.name, one.fingerprint) for one in info.members]
    return hashlib.sha256(msgspec.json.encode(["union", scale, members])).hexdigest()


def _by_member(members: Sequence[DatasetInfo], field: str) -> str:
    """Return a text of the members: one where they agree, else each with the member's name."""
    texts = [str(getattr(one, field)) for one in members]
    if len(set(texts)) == 1:
        return texts[0]
    return "; ".join(f"{one.name}: {text or 'not stated'}" for one, text in zip(members, texts, strict=True))


def _range_text(info: DatasetInfo) -> str:
    low, high = info.thermal_low, info.thermal_high
    return f"{low:g} to {high:g}" + (" °C" if info.thermal_range else "")


def _counts(info: DatasetInfo) -> str:
    return ", ".join(f"{count} {split}" for split, count in info.splits.items())


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
