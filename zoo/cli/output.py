"""How commands print: JSON for programs, one table for people. stdout is the answer, stderr is everything else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """Print a value as indented JSON on stdout."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", right: Sequence[str] = ()
) -> None:
    """Print a table on stdout, ruled on a terminal and as plain aligned columns elsewhere.

    Args:
        columns: headings.
        rows: cells, one string a column.
        title: line above the table.
        right: headings of the right-aligned columns.
    """
    if not sys.stdout.isatty():
        return _print_plain(columns, list(rows), title, right)
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(Text(column), justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return Console(highlight=False).print(table)


def note(message: str) -> None:
    """Print a line for people on stderr."""
    print(message, file=sys.stderr, flush=True)


def _print_plain(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str, right: Sequence[str]) -> None:
    """Print columns for a pipe or a file; no line is folded, and rich, which takes as long to import as all else, is not."""
    lines = [columns, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    if title:
        print(f"{title}\n")
    for line in lines:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, cell, width in zip(columns, line, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())
