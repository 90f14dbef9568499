"""Which visible and thermal files are pairs: equal stems, or equal but for a word such as `_rgb` and `_ir`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.data.importing import images_by_stem, pair_up, short_name
from zoo.data.layout import THERMAL_SUFFIXES
from zoo.data.writer import DatasetWriter

VISIBLE_WORDS = ("visible", "vis", "vi", "rgb", "color", "colour", "co", "optical", "eo", "tv", "v", "a")
THERMAL_WORDS = ("thermal", "infrared", "ir", "lwir", "tir", "fir", "nir", "th", "t", "i", "b")
LABEL_WORDS = ("labels", "label", "mask", "seg", "gt", "labelids", "segmentation")
IN_ONE_FOLDER = 0.5
"""Share of a folder's images that must be pairs by their names before it counts as a folder of both kinds."""


@dataclass(frozen=True, kw_only=True)
class Matched:
    """The pairs of two folders."""

    pairs: dict[str, tuple[Path, Path]]
    """Visible and thermal file by stem."""
    words: tuple[str, str] = ("", "")
    """The word that was taken out of the stems of each side; empty where the stems are equal as they are."""

    def stem_of(self, stem: str) -> str:
        """Return the stem of the pair that a file of either side belongs to."""
        return without_any(stem, self.words)


def match(
    visible: Path,
    thermal: Path,
    writer: DatasetWriter,
    visible_words: Sequence[str] = VISIBLE_WORDS,
    thermal_words: Sequence[str] = THERMAL_WORDS,
) -> Matched:
    """Return the pairs of two folders, which may be one; whatever has no partner is skipped, with the reason."""
    if visible == thermal:
        files = images_by_stem(visible, writer, THERMAL_SUFFIXES)
        words = pairing_words(list(files), list(files), visible_words, thermal_words, one_folder=True)
        sides = [{stem: path for stem, path in files.items() if without(stem, word) != stem} for word in words]
        for stem in files.keys() - sides[0].keys() - sides[1].keys():
            writer.skip(short_name(files[stem]), f"its name has neither {' nor '.join(map(repr, words))}")
    else:
        sides = [images_by_stem(visible, writer), images_by_stem(thermal, writer, THERMAL_SUFFIXES)]
        words = pairing_words(list(sides[0]), list(sides[1]), visible_words, thermal_words)
    shortened = [shorten(files, word, writer) for files, word in zip(sides, words, strict=True)]
    return Matched(pairs=pair_up(shortened[0], shortened[1], writer), words=words)


def match_stems(visible: Path, thermal: Path, writer: DatasetWriter) -> dict[str, tuple[Path, Path]]:
    """Return the image files of two folders with equal stems, by stem; whatever has no partner is skipped, with the reason."""
    return pair_up(images_by_stem(visible, writer), images_by_stem(thermal, writer), writer)


def shorten(files: Mapping[str, Path], word: str, writer: DatasetWriter) -> dict[str, Path]:
    """Return files by their stems without a word; the second of two with one stem is skipped."""
    found: dict[str, Path] = {}
    for stem, path in files.items():
        short = without(stem, word)
        if short in found:
            writer.skip(short_name(path), f"without {word!r} its stem is that of {found[short].name}")
        else:
            found[short] = path
    return found


def pairing_words(
    visible: Sequence[str],
    thermal: Sequence[str],
    visible_words: Sequence[str] = VISIBLE_WORDS,
    thermal_words: Sequence[str] = THERMAL_WORDS,
    *,
    one_folder: bool = False,
) -> tuple[str, str]:
    """Return the words without which most stems of both sides are equal; empty ones where they are equal as they are.

    With `one_folder` both sides are the same files, and a side consists of those that have its word.
    """

    def candidates(side: Sequence[str], words: Sequence[str]) -> list[tuple[str, set[str]]]:
        found = [(word, _with(side, word)) for word in words]
        if one_folder:
            return [(word, shorts) for word, shorts in found if shorts]
        plain = [("", set(side))]
        return plain + [(word, {without(stem, word) for stem in side}) for word, shorts in found if shorts]

    best, most = ("", ""), 0
    for (first, left), (second, right) in itertools.product(
        candidates(visible, visible_words), candidates(thermal, thermal_words)
    ):
        if (count := len(left & right)) > most:  # of equal counts the earlier, so no word where none is needed
            best, most = (first, second), count
    return best


def holds_both(folder: Path) -> bool:
    """Return whether a folder's own images are visible and thermal ones, by words in their names."""
    stems = [path.stem for path in folder.iterdir() if path.suffix.lower() in THERMAL_SUFFIXES]
    first, second = pairing_words(stems, stems, one_folder=True)
    return bool(first) and 2 * len(_with(stems, first) & _with(stems, second)) > IN_ONE_FOLDER * len(stems)


def _with(stems: Sequence[str], word: str) -> set[str]:
    """Return the stems that have a word, without it."""
    return {short for stem in stems if (short := without(stem, word)) != stem}


def without(stem: str, word: str) -> str:
    """Return a stem without the first field that is `word`: `0001_rgb`, `rgb-0001`, `FLIR_rgb_0001`; for one letter `0001V`."""
    if not word:
        return stem
    glued = r"|(?<=\d)" if len(word) == 1 else ""
    field = rf"^{word}[_\-. ]+|(?:[_\-. ]+{glued}){word}(?=$|[_\-. ])"
    return re.sub(field, "", stem, count=1, flags=re.IGNORECASE) or stem


def without_any(stem: str, words: Iterable[str]) -> str:
    """Return a stem without the first of these words that it has."""
    return next((short for word in words if (short := without(stem, word)) != stem), stem)
