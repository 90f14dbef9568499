"""Looks for what a training survives but a score does not: shifted pairs, test images seen in training, flat or clipped
thermal images, files in the wrong place. Imports no torch.

Apart from `zoo.data.check`, which runs before every training and must stay quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data.check import Problem
from zoo.data.images import read_thermal, read_visible
from zoo.data.layout import INFO_FILE, SPLITS, DatasetInfo, Entry, Health, fingerprint, list_split, read_info
from zoo.data.palettes import palette_problems
from zoo.data.registration import Shift, estimate_shift, tolerance
from zoo.errors import DataError
from zoo.files import write_atomically

Array = NDArray[Any]
Progress = Callable[[int, int], None]
"""Called with the images that are done and their number."""

# Shares of a thermal image's pixels; in RoadScene at most half a per cent lie at an end of the range.
_CLIPPED = 0.2
_FLAT = 0.01  # of the range between the 1st and the 99th percentile
# Hashes of 64 bits: copies with noise, other brightness and JPEG differ in up to 6, other pictures of RoadScene in 12 or more.
_SAME_BITS = 8
_COPY = 2.0  # mean difference in grey levels at which a visible image is the thermal one


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What health remembers of one stem."""

    entry: Entry
    split: str
    shift: Shift | None = None
    off: bool = False
    clipped: float = 0.0
    constant: bool = False
    copied: bool = False
    unreadable: int = 0
    visible_hash: int | None = None
    """None for a picture without contrast, which any other may look like."""
    thermal_hash: int | None = None


def examine(root: Path, progress: Progress | None = None) -> tuple[Health, list[Problem]]:
    """Return a dataset's health and every problem in a line; all are warnings.

    Files that cannot be decoded are counted only: `zoo.data.check` names them.

    Raises:
        DataError: `root` is not a dataset folder.
    """
    info = read_info(root)
    places = [(entry, split) for split in SPLITS for entry in list_split(root, split)]
    looks: list[_Look] = []
    with ThreadPoolExecutor() as pool:
        for look in pool.map(lambda place: _look(place[0], place[1], info), places):
            looks.append(look)
            if progress:
                progress(len(looks), len(places))
    repeated = list(_repeated(looks, pairs=info.pairs))
    palettes = palette_problems(root, info)
    problems = [problem for look in looks for problem in _problems(look, info)] + repeated + palettes
    judged = [look.shift.length for look in looks if look.shift and look.shift.sure]
    health = Health(
        images=sum(look.entry.visible is not None for look in looks),
        judged=len(judged),
        misregistered=sum(look.off for look in looks),
        shift=round(float(np.median(judged)), 1) if judged else 0.0,
        repeated=len(repeated),
        clipped=sum(look.clipped > _CLIPPED and not look.constant for look in looks),
        constant=sum(look.constant for look in looks),
        mismatched=sum(look.copied for look in looks) + len(palettes),
        unreadable=sum(look.unreadable for look in looks),
        fingerprint=fingerprint(root, info),
    )
    return health, problems


def write_health(root: Path, health: Health) -> None:
    """Put a dataset's health into its `dataset.json`; the fingerprint stays as it was.

    Raises:
        DataError: `root` is not a dataset folder.
        ZooError: the folder cannot be written.
    """
    info = replace(read_info(root), health=health)
    write_atomically(root / INFO_FILE, msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n")


def _look(entry: Entry, split: str, info: DatasetInfo) -> _Look:
    visible, broken = _read(entry.visible, read_visible)
    thermal, broken_thermal = _read(entry.thermal, read_thermal)
    found = _Look(entry=entry, split=split, unreadable=broken + broken_thermal)
    if visible is not None:
        found = replace(found, visible_hash=perceptual_hash(visible.mean(axis=2)))
    if thermal is not None:
        low, high = info.stored_range
        values = thermal.astype(np.float32)
        spread = float(np.subtract(*np.percentile(values, (99, 1))))
        found = replace(
            found,
            clipped=float(np.mean((values <= low) | (values >= high))),
            constant=spread < _FLAT * (high - low),
            thermal_hash=perceptual_hash(values),
        )
    if visible is None or thermal is None or not info.pairs or visible.shape[:2] != thermal.shape:
        return found
    if thermal.dtype == np.uint8 and not found.constant:
        difference = np.abs(visible.astype(np.float32) - thermal[..., None]).mean()
        found = replace(found, copied=bool(difference < _COPY))
    shift = estimate_shift(visible, thermal)
    return replace(found, shift=shift, off=bool(shift and shift.sure and shift.length > tolerance(thermal.shape)))


def perceptual_hash(image: Array) -> int | None:
    """Return 64 bits of an image [H, W]: which of its lowest frequencies lie above their median; None without contrast.

    Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.
    """
    from scipy import fft

    small = np.asarray(Image.fromarray(image.astype(np.float32)).resize((32, 32), Image.Resampling.BOX))
    if np.ptp(small) < 1e-3 * (np.abs(small).max() + 1e-6):
        return None
    lowest = fft.dctn(small, norm="ortho")[:9, :9].ravel()[1:65]
    return int.from_bytes(np.packbits(lowest > np.median(lowest)).tobytes())


def _repeated(looks: Sequence[_Look], *, pairs: bool) -> Iterator[Problem]:
    """Yield the test images that training shows too: as a pair where there are pairs, else on either side."""
    train, test = ([look for look in looks if look.split == split] for split in SPLITS)
    for sides in [("visible", "thermal")] if pairs else [("visible",), ("thermal",)]:
        hashed = [look for look in train if _hashes(look, sides)]
        known = np.array([_hashes(look, sides) for look in hashed], np.uint64)
        for look in test:
            hashes = _hashes(look, sides)
            if not hashes or not hashed:
                continue
            bits = np.bitwise_count(known ^ np.array(hashes, np.uint64)).max(axis=1)
            nearest = int(bits.argmin())
            if bits[nearest] <= _SAME_BITS:
                path, twin = (getattr(each.entry, sides[0]) for each in (look, hashed[nearest]))
                where = f"train/{sides[0]}/{twin.name}"
                yield Problem(
                    path=path, what=f"shows what {where} shows: training sees this test image", severity="warning"
                )


def _hashes(look: _Look, sides: Sequence[str]) -> list[int]:
    """Return the hashes of the named sides; none unless all are known."""
    hashes = [getattr(look, f"{side}_hash") for side in sides]
    return [] if None in hashes else hashes


def _problems(look: _Look, info: DatasetInfo) -> Iterator[Problem]:
    visible, thermal = look.entry.visible, look.entry.thermal
    if look.off and thermal and look.shift:
        shift = look.shift
        where = f"{shift.length:.0f} pixels against its visible image ({shift.x:+.0f} right, {shift.y:+.0f} down)"
        yield Problem(path=thermal, what=f"is shifted by {where}", severity="warning")
    if look.constant and thermal:
        yield Problem(path=thermal, what="has no contrast", severity="warning")
    elif look.clipped > _CLIPPED and thermal:
        low, high = info.stored_range
        share = f"{look.clipped:.0%} of its pixels at or beyond {low:g} or {high:g}"
        yield Problem(path=thermal, what=f"is clipped: {share}, the ends of the thermal range", severity="warning")
    if look.copied and visible:
        yield Problem(path=visible, what="is a copy of its thermal image, not a visible one", severity="warning")


def _read(path: Path | None, read: Callable[[Path], Array]) -> tuple[Array | None, int]:
    """Return a decoded file and 0, or None and whether a file could not be decoded."""
    if path is None:
        return None, 0
    try:
        return read(path), 0
    except DataError:
        return None, 1
