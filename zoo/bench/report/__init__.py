"""The report: one self-contained page of a results folder, for the screen, the phone and print. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from zoo.errors import UsageError
from zoo.files import write_atomically


def write_report(results: Path, page: Path, *, title: str = "") -> int:
    """Write the report of a results folder as one HTML file that asks for nothing from anywhere, and return its bytes.

    Args:
        results: folder that `zoo bench` wrote to, or one run's folder.
        page: file to write.
        title: heading; a general one by default.

    Raises:
        UsageError: there is nothing to report, or `page` is a folder.
        ZooError: a record is damaged, or the page cannot be written.
    """
    from zoo.bench.report.page import render
    from zoo.bench.report.runs import read_entries

    if page.is_dir():
        raise UsageError(f"`{page}` is a folder", "Name a file, e.g. -o report.html")
    content = render(read_entries(results), title).encode()
    write_atomically(page, content)
    return len(content)
