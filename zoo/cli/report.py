"""`zoo report`: a results folder as one self-contained page."""

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
    """Write one self-contained page of a results folder, for the screen, the phone and print.

    It shows the scores with their intervals, samples of every method on the same test images, loss curves, quality
    against speed and memory, the datasets, the machines, and the command that reproduces each row.

    Example: zoo report results -o report.html
    """
    from zoo.report.html import write_report

    size = write_report(results, out, title=title, on_remark=note)
    note(f"{size / 1e6:.1f} MB, self-contained: it opens in any browser and asks for nothing from anywhere.")
    typer.echo(str(out))
