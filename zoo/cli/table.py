"""`zoo table`: a results folder, a paper or a table file of one's own as one table."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.completion import tables
from zoo.cli.output import note, print_json, print_lines, print_table
from zoo.errors import UsageError, did_you_mean
from zoo.text_layout import screen_width

if TYPE_CHECKING:
    from zoo.report.table_results import RowResult, TableResults


def table(
    name: Annotated[
        str,
        typer.Argument(
            autocompletion=tables,
            metavar="[RESULTS|NAME|FILE.toml]",
            help="A results folder, a paper's table, or a table file of your own; without it, list the papers' tables.",
        ),
    ] = "",
    results: Annotated[
        Path, typer.Option("--from", metavar="RESULTS", help="Results folder of a paper's table or a table file.")
    ] = Path("results"),
    form: Annotated[str, typer.Option("--format", help="terminal, markdown, csv, latex or html.")] = "terminal",
    by: Annotated[
        str, typer.Option(metavar="ENTRY", help="Print means by group or class, e.g. daytime, of a results folder.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Print a results folder as one table, or a paper's table with the measured values.

    A results folder: systems by their first metric, the best and those not distinguishable from it marked, null baselines last.
    A paper's table or a file of your own: paper, measured, interval, difference, verdict.

    Examples:
    zoo table results --format latex ·
    zoo table results --by daytime ·
    zoo table gn_cyclegan_table2 --from results --format markdown ·
    zoo table mine.toml --from results
    """
    from zoo.report.render import FORMATS

    formats = ["terminal", *FORMATS]
    if form not in formats:
        raise UsageError(
            f"{form!r} is not a format", did_you_mean(form, formats) or f"Use one of: {', '.join(formats)}"
        )
    if not name:
        return _list_tables(as_json=as_json)
    if _is_results(name):
        return _show_ranking(Path(name), form, by, as_json=as_json)
    if by:
        raise UsageError("--by is for a results folder", "Name the folder that zoo bench wrote to")
    from zoo.report.table_results import read_table_results
    from zoo.report.tables import load_table

    found = read_table_results(load_table(name), results)
    if as_json:
        return print_json(found)
    if form == "terminal":
        return show_table(found)
    sys.stdout.write(FORMATS[form](found))
    return None


def _is_results(name: str) -> bool:
    """Whether a name means a results folder; a paper's table has priority."""
    from zoo.report.tables import table_names

    return name not in table_names() and Path(name).is_dir()


def _list_tables(*, as_json: bool) -> None:
    from zoo.report.tables import load_table, table_names

    tables = [load_table(known) for known in table_names()]
    if as_json:
        return print_json(tables)
    return print_table(("table", "title"), [(known.name, known.title) for known in tables])


def _show_ranking(folder: Path, form: str, by: str, *, as_json: bool) -> None:
    """Print a results folder as one table."""
    from zoo.report.finished_runs import find_results
    from zoo.report.groups import by_group
    from zoo.report.ranking import rank
    from zoo.report.ranking_text import FORMATS, legend, text_tables

    found = find_results(folder)
    for line in found.unreadable:
        note(line)
    ranking = rank(by_group(found.runs, by) if by else found.runs)
    if not ranking.rows:
        raise UsageError(
            f"the runs in `{folder}` have no scores", "Score them on a paired test split, or with set metrics"
        )
    if as_json:
        return print_json(ranking)
    if form != "terminal":
        sys.stdout.write(FORMATS[form](ranking))
        return None
    for one in text_tables(ranking, screen_width()):
        print_table(one.columns, one.rows, title=one.title, right=one.columns[1:])
        typer.echo()
    return print_lines(legend(ranking))


def show_table(found: TableResults) -> None:
    """Print a table on the terminal."""
    from zoo.report.render import NUMERIC, caption, heading, legend, shown_columns, shown_texts

    numbers = [column for column in NUMERIC if column != "interval"]  # an interval may be folded between its ends
    print_lines([found.title])
    for section in found.sections:
        typer.echo()
        reasons: dict[str, str] = {}
        lines = [_shortened(line, reasons) for line in (*section.lines, *section.baselines)]
        rows = [shown_texts(found, line, section) for line in lines]
        print_table(shown_columns(found), rows, title=heading(section), right=numbers)
        typer.echo()
        print_lines(f"{number} {others}" for others, number in reasons.items())
        print_lines(filter(None, [caption(section)]))
    typer.echo()
    print_lines(legend(found))
    if found.protocol:
        typer.echo()
        print_table(("protocol", "the paper", "zoo"), [(one.what, one.paper, one.ours) for one in found.protocol])


def _shortened(line: RowResult, reasons: dict[str, str]) -> RowResult:
    """Return a row with the first of several reasons; the others become a numbered footnote."""
    first, _, others = line.why.partition(", ")
    if line.verdict != "not comparable" or not others:
        return line
    return replace(line, why=f"{first} {reasons.setdefault(others, f'({len(reasons) + 1})')}")
