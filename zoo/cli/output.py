"""How commands print: JSON for programs, one table for people. stdout is the answer, stderr is everything else."""

from __future__ import annotations

import itertools
import math
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from zoo.terminal import can_show, console, note, one_line, plain_table

__all__ = ["Json", "note", "print_facts", "print_json", "print_table", "print_wrapped"]

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
"""The option of every command that prints data."""
COMMANDS = ("example", "load", "train", "publish")
"""Labels of facts that are commands or code."""
WIDEST = 100
"""Columns; longer lines are hard to read."""


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
    lines = [[one_line(cell) for cell in line] for line in (columns, *rows)]
    numbers = [column in right for column in columns]
    from rich import box
    from rich.table import Table
    from rich.text import Text

    screen = console()
    wide = list(zip(*lines, strict=True))  # by column
    below = [
        tuple(cell.replace(" [", "\n[") for cell in column) if number else column
        for column, number in zip(wide, numbers, strict=True)
    ]
    for cells, longest in ((wide, sys.maxsize), (below, sys.maxsize), (below, 15), (below, 11), (below, 8)):
        widths = _fitted(cells, numbers, screen.width, longest)
        if widths:
            break
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for column, number, width in zip(cells, numbers, widths or itertools.repeat(None), strict=False):
        table.add_column(Text(column[0]), justify="right" if number else "left", overflow="fold", width=width)
    for row in zip(*(column[1:] for column in cells), strict=True):
        table.add_row(*map(Text, row))
    if title:
        screen.print(Text(f"{title}\n"))  # as text: rich would read `[dB]` as the name of a style
    return screen.print(table)


def _fitted(columns: Sequence[Sequence[str]], numbers: Sequence[bool], width: int, longest: int) -> list[int] | None:
    """Return column widths that fold no number and no word of at most `longest` letters; None if they exceed the width."""
    full = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    words = [max(len(word) for cell in column for word in [*cell.split(), ""]) for column in columns]
    fitted = [most if number else min(word, longest) for most, word, number in zip(full, words, numbers, strict=True)]
    left = width - sum(fitted) - 2 * (len(columns) - 1)
    if left < 0:
        return None
    for place, most in enumerate(full):
        more = min(most - fitted[place], left)
        fitted[place] += more
        left -= more
    return fitted


def print_facts(facts: dict[str, str]) -> None:
    """Print labels with their texts, folded to the terminal; empty ones are left out, and commands stay whole for copying."""
    for label, fact in facts.items():
        text = f"  {label:<11}{fact}"
        if fact and label in COMMANDS:
            print(one_line(text))
        elif fact:
            print_wrapped(text, " " * 13)


def print_wrapped(text: str, indent: str) -> None:
    """Print a text on lines that fit the terminal, and at most 100 columns; those after the first are indented."""
    width = min(WIDEST, shutil.get_terminal_size().columns)
    folded = textwrap.wrap(
        one_line(text), width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    print("\n".join(folded))
