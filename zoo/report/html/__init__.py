"""The report: one self-contained page of a results folder, for the screen, the phone and print. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zoo.errors import UsageError
from zoo.files import write_atomically


def write_report(
    results: Path, page: Path, *, title: str = "", on_remark: Callable[[str], None] = lambda line: None
) -> int:
    """Write the report of a results folder as one HTML file that asks for nothing from anywhere, and return its bytes.

    Args:
        results: folder that `zoo bench` wrote to, or one run's folder.
        page: file to write.
        title: heading; a general one by default.
        on_remark: told in a line each which files of runs are damaged.

    Raises:
        UsageError: there is nothing to report, or `page` is a folder.
        ZooError: no record can be read, or the page cannot be written.
    """
    from zoo.report.html.page import render
    from zoo.report.html.runs import read_entries

    if page.is_dir():
        raise UsageError(f"`{page}` is a folder", "Name a file, e.g. -o report.html")
    entries, remarks = read_entries(results)
    for remark in remarks:
        on_remark(remark)
    content = render(entries, title).encode()
    write_atomically(page, content)
    return len(content)
