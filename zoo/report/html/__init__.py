"""The report: one self-contained HTML page of a results folder, for screen, phone and print. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zoo.errors import UsageError
from zoo.files import write_atomically


def write_report(
    results: Path, page: Path, *, title: str = "", on_warning: Callable[[str], None] = lambda line: None
) -> int:
    """Write the report of a results folder as one HTML file without network requests, and return its size in bytes.

    Args:
        results: folder that `zoo bench` wrote to, or one run's folder.
        page: file to write.
        title: heading; by default a general one.
        on_warning: called with one line for each damaged file of a run.

    Raises:
        UsageError: there is nothing to report, or `page` is a folder.
        ZooError: no record can be read, or the page cannot be written.
    """
    from zoo.report.html.page import render
    from zoo.report.html.runs import read_runs

    if page.is_dir():
        raise UsageError(f"`{page}` is a folder", "Name a file, e.g. report.html")
    runs, warnings = read_runs(results)
    for warning in warnings:
        on_warning(warning)
    content = render(runs, title).encode()
    write_atomically(page, content)
    return len(content)
