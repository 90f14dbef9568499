"""`zoo report` and `zoo serve`: a results folder as one self-contained HTML page, and as a page that renews itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.flags import with_flags
from zoo.cli.output import note
from zoo.cli.weights import Device
from zoo.errors import UsageError


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


def serve(
    results: Annotated[Path, typer.Argument(metavar="[RESULTS]", help="Folder that zoo bench writes to.")] = Path(
        "results"
    ),
    port: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=65535, help="Port of the page. [default: the first free one from 7880]"),
    ] = None,
    browser: Annotated[
        bool | None,
        typer.Option("--browser/--no-browser", help="Open the page. [default: if stdout is a terminal]"),
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the report.")] = "",
    device: Device = "cpu",
) -> None:
    """Show a results folder in the browser while its runs train.

    The page has the state of every run (step, speed, time left), the report of the finished ones, and translates images
    with them. Only this machine can open it.

    Example: zoo serve results
    """
    from zoo.demo.results import ResultsPages
    from zoo.demo.server import serve_results

    if not results.is_dir():
        raise UsageError(f"there is no folder `{results}`", "Name the results folder of a zoo bench")
    pages = ResultsPages(results, title=title, device=device, clean=with_flags)
    note("Press Ctrl-C to stop")
    opened = browser if browser is not None else sys.stdout.isatty()
    serve_results(pages, port=port, browser=opened, on_address=typer.echo)
