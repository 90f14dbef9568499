"""`zoo report`: a results folder as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.output import note


def report(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder that zoo bench wrote to.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Page to write.")] = Path("report.html"),
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "",
) -> None:
    """Write a results folder as one self-contained HTML page, for screen, phone and print.

    It shows scores with intervals, samples of every method on the same test images, loss curves, quality against speed
    and memory, datasets, machines, and the command that reproduces each row.

    Example: zoo report results -o report.html
    """
    from zoo.report.html.page import write_report

    size = write_report(results, out, title=title, on_warning=note)
    note(f"{size / 1e6:.1f} MB, self-contained: it opens in any browser and makes no network requests.")
    typer.echo(str(out))
