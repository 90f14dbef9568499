"""How commands print: JSON for programs, one table for people. stdout is the answer, stderr is everything else."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from zoo.terminal import can_show, console, note, one_line, plain_table

__all__ = ["note", "print_json", "print_table"]


def print_json(value: Any) -> None:
    """Print a value as indented JSON on stdout, in ASCII where the text holds what stdout cannot show as it is."""
    import json

    import msgspec

    plain = _finite(msgspec.to_builtins(value, str_keys=True))
    text = json.dumps(plain, indent=2, ensure_ascii=False)
    if not can_show(text, sys.stdout):  # also lone surrogates: names of files that are not UTF-8
        text = json.dumps(plain, indent=2)
    print(text)


def _finite(value: Any) -> Any:
    """Return a value with null for the numbers that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(child) for key, child in value.items()}
    return [_finite(child) for child in value] if isinstance(value, list | tuple) else value


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", right: Sequence[str] = ()
) -> None:
    """Print a table on stdout, ruled on a terminal and as plain aligned columns elsewhere.

    On a terminal that is too narrow, intervals go below their values, and words are folded before numbers are.

    Args:
        columns: headings.
        rows: cells, one string a column.
        title: line above the table.
        right: headings of the right-aligned columns.
    """
    if not sys.stdout.isatty():
        return print(plain_table(columns, list(rows), title=title, right=right))
    columns, rows = [one_line(column) for column in columns], [[one_line(cell) for cell in row] for row in rows]
    from rich import box
    from rich.table import Table
    from rich.text import Text

    screen = console()
    texts = list(zip(columns, *rows, strict=True))  # by column
    numbers = [column in right for column in columns]
    widths = _fitted(texts, numbers, screen.width)
    if widths is None:
        texts = [
            tuple(text.replace(" [", "\n[") for text in each) if number else each
            for each, number in zip(texts, numbers, strict=True)
        ]
        tries = (_fitted(texts, numbers, screen.width, longest) for longest in (sys.maxsize, 11, 8))
        widths = next((found for found in tries if found), None)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for place, number in enumerate(numbers):
        side: Literal["left", "right"] = "right" if number else "left"
        width = widths[place] if widths else None
        table.add_column(Text(texts[place][0]), justify=side, overflow="fold", width=width)
    for row in zip(*(each[1:] for each in texts), strict=True):
        table.add_row(*map(Text, row))
    if title:
        screen.print(Text(f"{title}\n"))  # as text: rich would take `[dB]` for the name of a style
    return screen.print(table)


def _fitted(
    texts: Sequence[Sequence[str]], numbers: Sequence[bool], width: int, longest: int = sys.maxsize
) -> list[int] | None:
    """Return widths of columns at which no number is folded, and no word of at most `longest` letters.

    None where `width` is too narrow for that.
    """
    whole = [max(len(line) for text in each for line in text.split("\n")) for each in texts]
    words = [max(len(word) for text in each for word in [*text.split(), ""]) for each in texts]
    least = [full if number else min(word, longest) for full, word, number in zip(whole, words, numbers, strict=True)]
    left = width - sum(least) - 2 * (len(texts) - 1)
    if left < 0:
        return None
    fitted = []
    for full, narrow in zip(whole, least, strict=True):
        fitted.append(min(full, narrow + left))
        left -= fitted[-1] - narrow
    return fitted
