"""Writes the pairs of two folders, with labels and boxes where the user has them, and samples what has no split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zoo.data.drawing import draw
from zoo.data.entries import DatasetEntry
from zoo.data.images import read_labels, read_visible
from zoo.data.importing import (
    folder_like,
    hold_out_share,
    images_by_stem,
    leave_out_bad,
    read_thermal_of,
    require_source,
    short_name,
    usual_bits,
)
from zoo.data.layout import printable_stem
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, UsageError

from .boxes import BoxFiles, find_boxes
from .config import Importer, PairsConfig
from .folders import SPLIT_NAMES, Sides, are_pairs, by_split, find_pairs, missing_folders
from .matching import LABEL_WORDS, match, pairing_words, shorten, without_any
from .voc import VOID, class_names

OWN = "val"
"""Value of the option `validation`: the folder `val` of the source."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """The files of one pair before it is decoded."""

    split: str
    stem: str
    visible: Path
    thermal: Path
    labels: Path | None = None


class Pairs(Importer[PairsConfig]):
    """Importer of pairs in two folders, the most common layouts of shared sets."""

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair; see `zoo.contracts.Dataset`. Without a split, the test set is sampled from the decoded pairs."""
        config = self.config
        if config.visible or config.thermal:
            if not (config.visible and config.thermal):
                raise UsageError("one folder is not enough for pairs", "Give both: `visible`=DIR and `thermal`=DIR")
            sides = [require_source(Path(side), layout="pairs") for side in (config.visible, config.thermal)]
            write_pairs(writer, "", by_split(sides[0], sides[1]), config)
            return
        source = require_source(source, layout="pairs")
        if not (found := find_pairs(source)):
            inside = [path for path in sorted(source.iterdir()) if path.is_dir() and find_pairs(path)]
            fix = (
                f"Name the folder that holds them: {inside[0]}"
                if inside
                else "Give both folders: `visible`=DIR and `thermal`=DIR"
            )
            raise DataError(f"`{source}` is not in the layout of pairs: {missing_folders(source)}", fix)
        write_pairs(writer, source.resolve().name, found, config)

    def recognizes(self, source: Path) -> list[Path]:
        """Return the folders of images, by split and side; none unless most files of both sides have a partner."""
        found = find_pairs(source)
        return list(dict.fromkeys(side for sides in found.values() for side in sides)) if are_pairs(found) else []


def write_pairs(writer: DatasetWriter, name: str, found: dict[str, Sides], config: PairsConfig) -> None:
    """Write the pairs of these folders, with their labels and boxes, sample what has no folder, and describe the set.

    The source's `val` is the validation set where the options say so; else it is the test set if there is no other, else it is
    trained on.
    """
    has_split = bool(found.keys() - {"", "train"})
    if config.test and has_split:
        names = ", ".join(sorted(found))
        raise UsageError(
            f"`test` is {config.test}, and the source has a split already: {names}",
            "Leave it out; to sample another split, run: zoo data split SRC DST",
        )
    keeps = config.validation == OWN
    if keeps and OWN not in found:
        raise UsageError(
            f"`validation` is {OWN}, and the source has no folder of it", "Use a share, a number or a list"
        )
    val = "validation" if keeps else "train" if "test" in found else "test"
    split_of = {"": "train", "train": "train", "test": "test", "val": val}
    pairs, words = [], set[str]()
    for half, sides in found.items():
        matched = match(*sides, writer)
        words.update(matched.words)
        labels = _labels(config.labels, half, list(matched.pairs), writer)
        pairs += [
            Files(split=split_of[half], stem=stem, visible=files[0], thermal=files[1], labels=labels.get(stem))
            for stem, files in matched.pairs.items()
        ]
    classes = _classes(config, pairs)
    named = tuple(filter(None, config.classes.split("+")))
    boxes = find_boxes(Path(config.boxes), named) if config.boxes else None
    declared = DatasetEntry(name="boxes", kind="boxes", meaning="objects in the visible and the thermal image")
    writer.describe(
        name=name, classes=classes, split_origin=_origin(found, config), entries=(declared,) if boxes else ()
    )
    bits = usual_bits(pair.thermal for pair in pairs)
    for pair in pairs:
        if config.labels and pair.labels is None:
            writer.skip(short_name(pair.visible), "no label image")
        else:
            leave_out_bad(writer, pair.visible, partial(_add, writer, pair, bits, classes, boxes))
    _sample(writer, config, words - {""}, test="test" not in found and (keeps or "val" not in found))


def _add(writer: DatasetWriter, pair: Files, bits: int, classes: tuple[str, ...], boxes: BoxFiles | None) -> None:
    labels = None if pair.labels is None else read_labels(pair.labels)
    if labels is not None and "void" in classes:
        labels = labels.copy()
        labels[labels == VOID] = classes.index("void")
    thermal = read_thermal_of(pair.thermal, bits, "most files")
    stems = dict.fromkeys((pair.stem, printable_stem(pair.visible), printable_stem(pair.thermal)))
    entries = {"boxes": boxes.of(stems, pair.visible)} if boxes else {}
    visible = read_visible(pair.visible)
    writer.add(pair.split, pair.stem, visible=visible, thermal=thermal, labels=labels, entries=entries)


def _sample(writer: DatasetWriter, config: PairsConfig, words: set[str], *, test: bool) -> None:
    """Sample the test and the validation set from the pairs that could be decoded."""
    if not (usable := writer.stems("train")):
        return
    salt = f"{config.seed} " if config.seed else ""
    stem_of = partial(without_any, words=words)
    if config.test == "all":
        writer.for_testing_only()
    if config.test:
        writer.hold_out(draw(usable, config.test, split="test", salt=salt, stem_of=stem_of))
    elif test:
        writer.hold_out(hold_out_share(usable, config.test_share, salt))
    if config.validation and config.validation != OWN:
        chosen = draw(writer.stems("train"), config.validation, split="validation", salt=salt, stem_of=stem_of)
        writer.hold_out(chosen, "validation")


def _origin(found: dict[str, Sides], config: PairsConfig) -> str:
    """Return who made the split."""
    if found.keys() - {"", "train"}:
        return "folders of the source"
    if config.test == "all":
        return "every pair is for testing"
    if Path(config.test).is_file():
        return f"list {Path(config.test).name}"
    return f"test set {config.test or config.test_share} by SHA-256 with seed {config.seed}"


def _labels(folder: str, half: str, stems: list[str], writer: DatasetWriter) -> dict[str, Path]:
    """Return the label images of a half by the stems of its pairs; empty without a folder of labels."""
    if not folder:
        return {}
    root = require_source(Path(folder), layout="pairs")
    files = images_by_stem(folder_like(root, *SPLIT_NAMES.get(half, ())) or root, writer)
    return shorten(files, pairing_words(stems, list(files), (), LABEL_WORDS)[1], writer)


def _classes(config: PairsConfig, pairs: list[Files]) -> tuple[str, ...]:
    """Return the class names of the label images, with `void` for the index 255."""
    paths = [pair.labels for pair in pairs if pair.labels]
    if not paths:
        return ()
    names = class_names(Path(config.labels), config.classes, paths)
    has_void = any(_has_void(path) for path in paths)
    return (*names, "void") if has_void and "void" not in names else names


def _has_void(path: Path) -> bool:
    try:
        return bool((read_labels(path) == VOID).any())
    except DataError:
        return False  # the pair is skipped when it is decoded
