"""Which file of a folder is the prediction of which test image: by stem, by the usual suffixes, or by a pattern. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.data.layout import THERMAL_SUFFIXES, printable
from zoo.errors import DataError, UsageError

SUFFIXES = (
    "fake_B", "fake", "output", "outputs", "out", "pred", "prediction", "predicted", "thermal", "translated", "translation",
    "synthesized_image", "synthesized", "generated", "gen", "result", "sample", "ir", "tir", "lwir", "infrared", "B",
)  # fmt: skip
"""What programs append to the name of an image that they translated."""
COMPANIONS = (
    "real_A", "real_B", "real", "visible", "rgb", "A", "fake_A", "rec_A", "rec_B", "idt_A", "idt_B", "input", "input_label",
    "label", "target", "gt", "mask",
)  # fmt: skip
"""What the same programs append to the images that they write beside it."""
_JOINTS = ("_", "-", ".", " ")


@dataclass(frozen=True, kw_only=True)
class Matched:
    """The files of a folder by test image."""

    folder: Path
    """Where the files are: the folder itself, or the only one below it that holds images."""
    files: dict[str, Path]
    """By stem of the test image, in the order of the test images."""
    missing: tuple[str, ...]
    """Stems without a file."""
    extra: tuple[str, ...]
    """Names of files that belong to no test image, without those that programs write beside their output."""


def match_files(folder: Path, stems: Sequence[str], pattern: str = "") -> Matched:
    """Return the files of a folder by test image.

    Args:
        folder: the images, directly or in one folder below it (`images/` of CycleGAN-like programs); of a union of datasets also
            in a folder for each, named as the dataset.
        stems: of the test images.
        pattern: how files are named, e.g. `{stem}_fake_B` or `{stem}/out.png`; empty: the stem, alone or with a usual suffix.

    Raises:
        UsageError: there is no such folder or image, the pattern has no `{stem}`, or several files fit one test image.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder `{folder}`", "Name the folder that holds the images")
    if pattern:
        return _by_pattern(folder, stems, pattern)
    datasets = dict.fromkeys(stem.partition("/")[0] for stem in stems if "/" in stem)
    if folders := [folder / name for name in datasets if (folder / name).is_dir()]:
        return _by_dataset(folder, folders, stems)
    folder, files = _find_images(folder)
    candidates: dict[str, list[Path]] = {stem: [] for stem in stems}
    known, extra = _short_names(stems) | {stem: stem for stem in stems}, []
    for path in files:
        name = _name(path)
        fitting = [known[part] for part in (name, *_without_suffix(name, SUFFIXES)) if part in known]
        for stem in fitting[:1]:  # the whole name, else the longest part of it
            candidates[stem].append(path)
        if not fitting and not any(part in known for part in _without_suffix(name, COMPANIONS)):
            extra.append(path.name)
    for stem, found in candidates.items():
        if len(found) > 1:
            names = " and ".join(f"`{path.name}`" for path in found[:3])
            raise UsageError(
                f"{names} in `{folder}` are all named after test image {stem}",
                "State which, e.g. `pattern`='{stem}_fake_B'",
            )
    matched = {stem: found[0] for stem, found in candidates.items() if found}
    missing = tuple(stem for stem in stems if stem not in matched)
    return Matched(folder=folder, files=matched, missing=missing, extra=tuple(extra))


def _short_names(stems: Sequence[str]) -> dict[str, str]:
    """Return the test images by their stems without a suffix or a union's dataset, where that names one image only.

    So is `a_thermal` found as `a`, and `roadscene/b` as `b`.
    """
    names = {stem: stem.rpartition("/")[2] for stem in stems}
    short = [(part, stem) for stem, name in names.items() for part in _without_suffix(name, SUFFIXES)]
    short += [(name, stem) for stem, name in names.items() if name != stem]
    counts = Counter(part for part, _ in short)
    return {part: stem for part, stem in short if counts[part] == 1}


def _by_dataset(folder: Path, folders: Sequence[Path], stems: Sequence[str]) -> Matched:
    """Return the files of a folder that has one folder for each dataset of a union."""
    files: dict[str, Path] = {}
    extra: list[str] = []
    for each in folders:
        start = f"{each.name}/"
        found = match_files(each, [stem.removeprefix(start) for stem in stems if stem.startswith(start)])
        files |= {start + stem: path for stem, path in found.files.items()}
        extra += (start + name for name in found.extra)
    missing = tuple(stem for stem in stems if stem not in files)
    return Matched(folder=folder, files=files, missing=missing, extra=tuple(extra))


def _by_pattern(folder: Path, stems: Sequence[str], pattern: str) -> Matched:
    if "{stem}" not in pattern:
        raise UsageError(f"`pattern` is {pattern!r} and has no {{stem}}", "Name the files like '{stem}_fake_B'")
    own = [] if Path(pattern).suffix.lower() in THERMAL_SUFFIXES else THERMAL_SUFFIXES
    try:
        place, _ = _find_images(folder)
    except UsageError:
        place = folder  # the images of each stem may have a folder of their own
    files: dict[str, Path] = {}
    for stem in stems:
        name = pattern.replace("{stem}", stem)
        paths = [base / f"{name}{suffix}" for base in dict.fromkeys((folder, place)) for suffix in own or [""]]
        found = [path for path in paths if path.is_file()]
        if len(found) > 1:
            names = " and ".join(f"`{path.name}`" for path in found)
            raise UsageError(f"{names} fit the pattern for test image {stem}", "Add the ending to `pattern`")
        if found:
            files[stem] = found[0]
    taken = {path.resolve() for path in files.values()}
    extra = [path.name for path in _images(place) if path.resolve() not in taken]
    missing = tuple(stem for stem in stems if stem not in files)
    return Matched(folder=place, files=files, missing=missing, extra=tuple(extra))


def _find_images(folder: Path) -> tuple[Path, list[Path]]:
    """Return the images of a folder, or of the only folder below it that has some, and where they are."""
    if files := _images(folder):
        return folder, files
    below = [path for path in sorted(folder.rglob("*")) if path.is_dir() and _images(path)]
    if not below:
        raise UsageError(f"`{folder}` holds no image", f"Images are {', '.join(THERMAL_SUFFIXES)} files")
    named = [path for path in below if path.name == "images"]
    places = named if len(named) == 1 else below
    if len(places) > 1:
        raise UsageError(
            f"`{folder}` holds images in {len(places)} folders", f"Name one, e.g. {places[0]} or {places[1]}"
        )
    return places[0], _images(places[0])


def _images(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in THERMAL_SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]


def _name(path: Path) -> str:
    """Return a file's stem as datasets spell it; of `a.jpg.png` it is `a`."""
    stem = Path(path.stem)
    return printable(stem.stem if stem.suffix.lower() in THERMAL_SUFFIXES else path.stem)


def _without_suffix(name: str, suffixes: Iterable[str]) -> list[str]:
    """Return what remains of a name without each suffix that it has, the longest first."""
    lower = name.lower()
    endings = (f"{joint}{suffix}" for suffix in suffixes for joint in _JOINTS)
    found = {name[: -len(ending)] for ending in endings if lower.endswith(ending.lower()) and len(name) > len(ending)}
    return sorted(found, key=len, reverse=True)


def match_pairs(real: Path, visible: Path | None) -> dict[str, tuple[Path, Path | None]]:
    """Return the real images of a plain folder by stem, each with its visible image.

    Raises:
        UsageError: a folder is missing or empty.
        DataError: two images have one stem, or a real image has no visible one.
    """
    if not real.is_dir():
        raise UsageError(f"there is no folder `{real}`", "Name the folder that holds the real thermal images")
    _, files = _find_images(real)
    stems: dict[str, Path] = {}
    for path in files:
        stem = printable(path.stem)
        if stem in stems:
            raise DataError(f"`{path}` and `{stems[stem].name}` have the same stem", "Rename or remove one of them")
        stems[stem] = path
    if visible is None:
        return {stem: (path, None) for stem, path in stems.items()}
    names = {stem: next(iter(_without_suffix(stem, SUFFIXES)), stem) for stem in stems}
    by_name: dict[str, Path] = {}
    if visible.is_dir():
        for path in _find_images(visible)[1]:
            stem = printable(path.stem)
            for name in (stem, *_without_suffix(stem, COMPANIONS)):
                by_name.setdefault(name, path)
    else:
        raise UsageError(f"there is no folder `{visible}`", "Name the folder that holds the visible images")
    found = {stem: by_name.get(stem) or by_name.get(names[stem]) for stem in stems}
    lacking = [stem for stem, path in found.items() if path is None]
    if lacking:
        raise DataError(
            f"{len(lacking)} of {len(stems)} real images have no visible image in `{visible}`: {', '.join(lacking[:5])}",
            "Use folders of equal names, or leave `visible` out",
        )
    return {stem: (path, found[stem]) for stem, path in stems.items()}
