"""How commands print: JSON for programs, one table for people. stdout is the answer, stderr is everything else."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from zoo.terminal import can_show, console, note, one_line
from zoo.text_layout import fitted, fold, fold_all, plain_table, screen_width

__all__ = ["Json", "note", "print_facts", "print_json", "print_lines", "print_table", "print_wrapped"]

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
"""The option of every command that prints data."""
COMMANDS = ("example", "load", "train", "publish")
"""Labels of facts that are commands or code."""
DIVIDED = (sys.maxsize, 15, 11, 8)
"""Letters from which words in a table for a terminal are divided, the next number where the one before is not enough."""


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

    Where the screen is too narrow (80 columns if stdout is no terminal) words are folded, and intervals go below their values.

    Args:
        columns: headings.
        rows: cells, one string a column.
        title: line above the table.
        right: headings of the right-aligned columns.
    """
    if not sys.stdout.isatty():
        return print(plain_table(columns, list(rows), title=fold(title), right=right, width=screen_width()))
    lines = [[one_line(cell) for cell in line] for line in (columns, *rows)]
    numbers = [column in right for column in columns]
    from rich import box
    from rich.table import Table
    from rich.text import Text

    screen = console()
    cells, widths = fitted(list(zip(*lines, strict=True)), numbers, screen.width, DIVIDED)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for column, number, width in zip(cells, numbers, widths or itertools.repeat(None), strict=False):
        table.add_column(Text(column[0]), justify="right" if number else "left", overflow="fold", width=width)
    for row in zip(*(column[1:] for column in cells), strict=True):
        table.add_row(*map(Text, row))
    if title:
        screen.print(Text(f"{title}\n"))  # as text: rich would read `[dB]` as the name of a style
    return screen.print(table)


def print_facts(facts: dict[str, str]) -> None:
    """Print labels with their texts, folded to the terminal; empty ones are left out, and commands stay whole for copying."""
    for label, fact in facts.items():
        text = f"  {label:<11}{fact}"
        if fact and label in COMMANDS:
            print(one_line(text))
        elif fact:
            print_wrapped(text, " " * 13)


def print_wrapped(text: str, indent: str) -> None:
    """Print a text on lines that fit the screen, and at most 100 columns; those after the first are indented."""
    print(fold(one_line(text), indent))


def print_lines(lines: Iterable[str]) -> None:
    """Print the lines below a table, folded to the screen."""
    for line in fold_all(lines):
        print(line)
