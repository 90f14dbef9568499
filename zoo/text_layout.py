"""Texts and tables within the width of a screen. Imports no torch."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence

from zoo.terminal import one_line

WIDEST = 100
"""Columns; longer lines of text are hard to read."""
Columns = list[tuple[str, ...]]
"""Texts column by column, headings first; a text may have several lines."""
_PARTS = re.compile(r"(?<=[/,|])(?=.)")
"""Where a word of several names, such as `{train,test}/{vi,ir}/`, may be divided."""


def screen_width() -> int:
    """Return the columns of the screen: of the terminal, `$COLUMNS`, or 80 where the output is no terminal."""
    return shutil.get_terminal_size().columns


def fold(text: str, indent: str = "", width: int | None = None) -> str:
    """Return a text with its words on lines of at most this width, by default the screen's or 100; a longer word stays whole.

    Args:
        text: its lines are folded one by one.
        indent: what the lines after the first of each begin with.
        width: in columns.
    """
    most = width or min(WIDEST, screen_width())
    folded = (
        textwrap.wrap(line, most, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]
        if len(line) > most
        else [line]
        for line in text.split("\n")
    )
    return "\n".join(one for lines in folded for one in lines)


class _PartsWrapper(textwrap.TextWrapper):
    """Divides a word that is wider than a line between the names that it consists of."""

    def _split(self, text: str) -> list[str]:
        words = super()._split(text)
        return [part for word in words for part in (_PARTS.split(word) if len(word) > self.width else [word])]


def fold_all(lines: Iterable[str]) -> list[str]:
    """Return lines folded, each with two spaces before its second and later ones."""
    return [fold(line, "  ") for line in lines]


def plain_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    right: Sequence[str] = (),
    width: int | None = None,
) -> str:
    """Return a table as aligned columns; arguments as of `zoo.cli.output.print_table`.

    Args:
        columns, rows, title, right: the table.
        width: columns of the screen, to which texts are folded, words of several names (`a/b/c`) too, but none of the first
            column, which has the names. A table that a word forces to be wider is not folded. None: nothing is folded.
    """
    lines = [[one_line(text) for text in line] for line in (columns, *rows)]
    numbers = [column in right for column in columns]
    cells: Columns = list(zip(*lines, strict=True))
    if width is not None and sum(2 + max(map(len, column)) for column in cells) - 2 > width:
        cells, widths = fitted(cells, numbers, width)
        if widths is None:
            cells = list(zip(*lines, strict=True))
    found = [_aligned(row, cells, numbers) for row in zip(*cells, strict=True)]
    return "\n".join([*([title, ""] if title else []), *(line for one in found for line in one)])


def fitted(
    columns: Columns, numbers: Sequence[bool], width: int, words: Sequence[int] = (sys.maxsize,)
) -> tuple[Columns, list[int] | None]:
    """Return a table column by column with the widths; None where they do not fit the width.

    Texts are folded at spaces; where that is not enough, intervals go below their values; then words of several names are
    divided between these; then words of more letters than each of `words`, one after the other. No number is.
    """
    below: Columns = [
        tuple(cell.replace(" [", "\n[") for cell in column) if number else column
        for column, number in zip(columns, numbers, strict=True)
    ]
    cells, widths = columns, _fitted(columns, numbers, width, sys.maxsize)
    for longest, divided in [(sys.maxsize, False), *((longest, True) for longest in words)]:
        if widths is None:
            cells, widths = below, _fitted(below, numbers, width, longest, divided=divided)
    return (cells if widths is None else _folded(cells, numbers, widths)), widths


def _fitted(
    columns: Columns, numbers: Sequence[bool], width: int, longest: int, *, divided: bool = False
) -> list[int] | None:
    """Return column widths that fold no number and no word of at most `longest` letters; None if they exceed the width.

    With `divided`, the parts of words count in their place, but for the first column.
    """
    full = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    words = [
        max(len(part) for word in " ".join(column).split() for part in (_PARTS.split(word) if parts else [word]))
        for column, parts in zip(columns, [False, *[divided] * (len(columns) - 1)], strict=True)
    ]
    found = [most if number else min(word, longest) for most, word, number in zip(full, words, numbers, strict=True)]
    left = width - sum(found) - 2 * (len(columns) - 1)
    if left < 0:
        return None
    for place, most in enumerate(full):
        more = min(most - found[place], left)
        found[place] += more
        left -= more
    return found


def _folded(columns: Columns, numbers: Sequence[bool], widths: Sequence[int]) -> Columns:
    return [
        column if number else tuple(_divided(cell, max(1, most)) for cell in column)
        for column, number, most in zip(columns, numbers, widths, strict=True)
    ]


def _divided(text: str, width: int) -> str:
    """Return a text folded at spaces, and inside words of several names that are wider than the width."""
    wrap = _PartsWrapper(width, break_long_words=False, break_on_hyphens=False).wrap
    return "\n".join(one for line in text.split("\n") for one in wrap(line) or [""])


def _aligned(row: Sequence[str], columns: Columns, numbers: Sequence[bool]) -> list[str]:
    """Return the lines of a row, whose texts begin on its first line."""
    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    cells = [cell.split("\n") for cell in row]
    height = max(map(len, cells))
    filled = [[*cell, *[""] * (height - len(cell))] for cell in cells]
    return [
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in zip(*filled, strict=True)
    ]


def count_text(number: int) -> str:
    """Return e.g. `11.38 M`, `45.5 k` or `812`."""
    if number >= 1e5:
        return f"{number / 1e6:.2f} M"
    return f"{number / 1e3:.1f} k" if number >= 1e3 else str(number)
