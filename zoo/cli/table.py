"""`zoo table`: a paper's table beside what was measured."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.completion import tables
from zoo.cli.output import print_json, print_table
from zoo.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from zoo.report.table_results import FilledTable, Line


def table(
    name: Annotated[
        str,
        typer.Argument(autocompletion=tables, metavar="[NAME]", help="A paper's table; without it, all are listed."),
    ] = "",
    results: Annotated[Path, typer.Option("--from", metavar="RESULTS", help="Results folder.")] = Path("results"),
    form: Annotated[str, typer.Option("--format", help="terminal, markdown, csv, latex or html.")] = "terminal",
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Print a paper's table beside what was measured: paper, measured, interval, difference, verdict.

    Examples:
    zoo table gn_cyclegan_table2 ·
    zoo table gn_cyclegan_table2 --from results --format markdown
    """
    from zoo.report.render import FORMATS
    from zoo.report.table_results import fill
    from zoo.report.tables import load_table, table_names

    formats = ["terminal", *FORMATS]
    if form not in formats:
        raise UsageError(
            f"{form!r} is not a format", did_you_mean(form, formats) or f"Type one of: {', '.join(formats)}"
        )
    if not name:
        tables = [load_table(known) for known in table_names()]
        if as_json:
            return print_json(tables)
        return print_table(("table", "title"), [(known.name, known.title) for known in tables])
    filled = fill(load_table(name), results)
    if as_json:
        print_json(filled)
    elif form == "terminal":
        show_table(filled)
    else:
        sys.stdout.write(FORMATS[form](filled))
    return None


def show_table(filled: FilledTable) -> None:
    """Print a filled table for people."""
    from zoo.report.render import COLUMNS, RIGHT, caption, cells, heading, legend

    numbers = [column for column in RIGHT if column != "interval"]  # which may be folded between its ends
    typer.echo(filled.title)
    for section in filled.sections:
        typer.echo()
        reasons: dict[str, str] = {}
        lines = [_shortened(line, reasons) for line in (*section.lines, *section.baselines)]
        rows = [cells(line, section) for line in lines]
        print_table(COLUMNS, rows, title=heading(section), right=numbers)
        typer.echo()
        for others, number in reasons.items():
            typer.echo(f"{number} {others}")
        if caption(section):
            typer.echo(caption(section))
    typer.echo()
    for line in legend(filled):
        typer.echo(line)
    typer.echo()
    print_table(("protocol", "the paper", "zoo"), [(one.what, one.paper, one.ours) for one in filled.protocol])


def _shortened(line: Line, reasons: dict[str, str]) -> Line:
    """Return a line with the first reason against its comparison; the others are numbered, and told once under the table."""
    first, _, others = line.why.partition(", ")
    if line.verdict != "not comparable" or not others:
        return line
    return replace(line, why=f"{first} {reasons.setdefault(others, f'({len(reasons) + 1})')}")
