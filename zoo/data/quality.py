"""Data quality checks: faults that no training stops at but that change scores. Imports no torch.

Shifted pairs, test images repeated in training, flat or clipped thermal images, files in the wrong place. Slower than
`zoo.data.check`, which runs before every training.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.data.check import Problem
from zoo.data.images import read_thermal, read_visible
from zoo.data.layout import (
    INFO_FILE,
    DataQuality,
    DatasetInfo,
    StemFiles,
    encode_info,
    fingerprint,
    list_split,
    read_info,
)
from zoo.data.registration import Shift, aligned_shift_limit, estimate_shift
from zoo.errors import DataError
from zoo.files import write_atomically

Array = NDArray[Any]

# Shares of a thermal image's pixels; in RoadScene at most half a per cent lie at an end of the range.
_CLIPPED = 0.2
_FLAT = 0.01  # of the range between the 1st and the 99th percentile
# Hashes of 64 bits: copies with noise, other brightness and JPEG differ in up to 6, other pictures of RoadScene in 12 or more.
_SAME_BITS = 8
_COPY = 2.0  # mean difference in grey levels at which a visible image is the thermal one


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """Measurements of one stem."""

    files: StemFiles
    split: str
    shift: Shift | None = None
    misregistered: bool = False
    clipped: float = 0.0
    constant: bool = False
    copied: bool = False
    unreadable: int = 0
    visible_hash: int | None = None
    """None for a picture without contrast, which resembles any other."""
    thermal_hash: int | None = None


def measure_quality(
    root: Path, on_progress: Callable[[int, int], None] | None = None
) -> tuple[DataQuality, list[Problem]]:
    """Return the results of the checks and every problem in a line; all are warnings.

    Files that cannot be decoded are counted only: `zoo.data.check` names them.

    Args:
        root: dataset folder.
        on_progress: called with the number of images done and their total.

    Raises:
        DataError: `root` is not a dataset folder.
    """
    info = read_info(root)
    files = [(entry, split) for split in info.all_splits for entry in list_split(root, split)]
    measured: list[_Measured] = []
    with ThreadPoolExecutor() as pool:
        for one in pool.map(lambda item: _measure(item[0], item[1], info), files):
            measured.append(one)
            if on_progress:
                on_progress(len(measured), len(files))
    repeated = list(_repeated(measured, pairs=info.pairs))
    palettes = _palette_problems(root, info)
    problems = [problem for one in measured for problem in _problems(one, info)] + repeated + palettes
    shifts = [one.shift.length for one in measured if one.shift and one.shift.sure]
    quality = DataQuality(
        images=sum(one.files.visible is not None for one in measured),
        checked=len(shifts),
        misregistered=sum(one.misregistered for one in measured),
        shift=round(float(np.median(shifts)), 1) if shifts else 0.0,
        repeated=len(repeated),
        clipped=sum(one.clipped > _CLIPPED and not one.constant for one in measured),
        constant=sum(one.constant for one in measured),
        mismatched=sum(one.copied for one in measured) + len(palettes),
        unreadable=sum(one.unreadable for one in measured),
        fingerprint=fingerprint(root, info),
    )
    return quality, problems


def write_quality(root: Path, quality: DataQuality) -> None:
    """Store the results in `dataset.json`; the fingerprint stays unchanged.

    Raises:
        DataError: `root` is not a dataset folder.
        ZooError: the folder cannot be written.
    """
    write_atomically(root / INFO_FILE, encode_info(replace(read_info(root), health=quality)))


def _measure(files: StemFiles, split: str, info: DatasetInfo) -> _Measured:
    visible, broken = _read(files.visible, read_visible)
    thermal, broken_thermal = _read(files.thermal, read_thermal)
    found = _Measured(files=files, split=split, unreadable=broken + broken_thermal)
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
    misregistered = bool(shift and shift.sure and shift.length > aligned_shift_limit(thermal.shape))
    return replace(found, shift=shift, misregistered=misregistered)


def _read(path: Path | None, read: Callable[[Path], Array]) -> tuple[Array | None, int]:
    """Return a decoded file and 0, or None and the number of files that could not be decoded."""
    try:
        return (None if path is None else read(path)), 0
    except DataError:
        return None, 1


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


def _repeated(measured: Sequence[_Measured], *, pairs: bool) -> Iterator[Problem]:
    """Yield the test images that training contains too: as a pair where there are pairs, else on either side."""
    train = [one for one in measured if one.split == "train"]
    test = [one for one in measured if one.split != "train"]
    for sides in [("visible", "thermal")] if pairs else [("visible",), ("thermal",)]:
        hashed = [one for one in train if _hashes(one, sides)]
        known = np.array([_hashes(one, sides) for one in hashed], np.uint64)
        for one in test:
            hashes = _hashes(one, sides)
            if not hashes or not hashed:
                continue
            bits = np.bitwise_count(known ^ np.array(hashes, np.uint64)).max(axis=1)
            nearest = int(bits.argmin())
            if bits[nearest] <= _SAME_BITS:
                path, twin = (getattr(each.files, sides[0]) for each in (one, hashed[nearest]))
                what = f"shows what train/{sides[0]}/{twin.name} shows: training sees this test image"
                yield Problem(path=path, what=what, severity="warning")


def _hashes(one: _Measured, sides: Sequence[str]) -> list[int]:
    """Return the hashes of the named sides; none unless all exist."""
    hashes = [getattr(one, f"{side}_hash") for side in sides]
    return [] if None in hashes else hashes


def _problems(one: _Measured, info: DatasetInfo) -> Iterator[Problem]:
    visible, thermal = one.files.visible, one.files.thermal
    if one.misregistered and thermal and one.shift:
        shift = one.shift
        where = f"{shift.length:.0f} pixels against its visible image ({shift.x:+.0f} right, {shift.y:+.0f} down)"
        yield Problem(path=thermal, what=f"is shifted by {where}", severity="warning")
    if one.constant and thermal:
        yield Problem(path=thermal, what="has no contrast", severity="warning")
    elif one.clipped > _CLIPPED and thermal:
        low, high = info.stored_range
        share = f"{one.clipped:.0%} of its pixels at or beyond {low:g} or {high:g}"
        yield Problem(path=thermal, what=f"is clipped: {share}, the ends of the thermal range", severity="warning")
    if one.copied and visible:
        yield Problem(path=visible, what="is a copy of its thermal image, not a visible one", severity="warning")


def _palette_problems(root: Path, info: DatasetInfo) -> list[Problem]:
    """Return the label images whose palette gives a class another colour than most do.

    Such a file was made for other class numbers, so its indices mean other classes. Labels without a palette pass.
    """
    paths = [files.labels for split in info.all_splits for files in list_split(root, split) if files.labels is not None]
    painted = {path: colours for path in paths if (colours := _palette(path))}
    votes: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for colours in painted.values():
        for index, colour in colours.items():
            votes[index][colour] += 1
    usual = {index: counter.most_common(1)[0][0] for index, counter in votes.items()}
    problems = []
    for path, colours in painted.items():
        odd = [index for index, colour in colours.items() if colour != usual[index]]
        if odd:
            index = odd[0]
            name = info.classes[index] if index < len(info.classes) else str(index)
            what = f"paints class {name} {colours[index]}, other labels {usual[index]}"
            problems.append(Problem(path=path, what=what, severity="warning"))
    return problems


def _palette(path: Path) -> dict[int, str]:
    """Return the colour (#rrggbb) of each class index that a palette image uses; empty for other and unreadable files."""
    try:
        with Image.open(path) as image:
            flat = image.getpalette("RGB") if image.mode == "P" else None
            if flat is None:
                return {}
            used = np.unique(np.asarray(image))
    except Exception:  # damaged files raise anything; `zoo.data.check` names the file
        return {}
    return {int(index): "#" + bytes(flat[3 * index : 3 * index + 3]).hex() for index in used}
