"""`zoo table`: a paper's table with the measured values."""

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
    from zoo.report.table_results import RowResult, TableResults


def table(
    name: Annotated[
        str,
        typer.Argument(autocompletion=tables, metavar="[NAME]", help="A paper's table; without it, list all."),
    ] = "",
    results: Annotated[Path, typer.Option("--from", metavar="RESULTS", help="Results folder.")] = Path("results"),
    form: Annotated[str, typer.Option("--format", help="terminal, markdown, csv, latex or html.")] = "terminal",
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Print a paper's table with the measured values: paper, measured, interval, difference, verdict.

    Examples:
    zoo table gn_cyclegan_table2 ·
    zoo table gn_cyclegan_table2 --from results --format markdown
    """
    from zoo.report.render import FORMATS
    from zoo.report.table_results import read_table_results
    from zoo.report.tables import load_table, table_names

    formats = ["terminal", *FORMATS]
    if form not in formats:
        raise UsageError(
            f"{form!r} is not a format", did_you_mean(form, formats) or f"Use one of: {', '.join(formats)}"
        )
    if not name:
        tables = [load_table(known) for known in table_names()]
        if as_json:
            return print_json(tables)
        return print_table(("table", "title"), [(known.name, known.title) for known in tables])
    found = read_table_results(load_table(name), results)
    if as_json:
        print_json(found)
    elif form == "terminal":
        show_table(found)
    else:
        sys.stdout.write(FORMATS[form](found))
    return None


def show_table(found: TableResults) -> None:
    """Print a table on the terminal."""
    from zoo.report.render import COLUMNS, NUMERIC, caption, heading, legend, row_texts

    numbers = [column for column in NUMERIC if column != "interval"]  # an interval may be folded between its ends
    typer.echo(found.title)
    for section in found.sections:
        typer.echo()
        reasons: dict[str, str] = {}
        lines = [_shortened(line, reasons) for line in (*section.lines, *section.baselines)]
        rows = [row_texts(line, section) for line in lines]
        print_table(COLUMNS, rows, title=heading(section), right=numbers)
        typer.echo()
        for others, number in reasons.items():
            typer.echo(f"{number} {others}")
        if caption(section):
            typer.echo(caption(section))
    typer.echo()
    for line in legend(found):
        typer.echo(line)
    typer.echo()
    print_table(("protocol", "the paper", "zoo"), [(one.what, one.paper, one.ours) for one in found.protocol])


def _shortened(line: RowResult, reasons: dict[str, str]) -> RowResult:
    """Return a row with the first of several reasons; the others become a numbered footnote."""
    first, _, others = line.why.partition(", ")
    if line.verdict != "not comparable" or not others:
        return line
    return replace(line, why=f"{first} {reasons.setdefault(others, f'({len(reasons) + 1})')}")
