"""Table results as text: Markdown, CSV, LaTeX and HTML, and the parts that the terminal shares. Imports no torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from zoo.report.aggregate import format_p
from zoo.report.table_results import ColumnResults, RowResult, TableResults

if TYPE_CHECKING:
    from jinja2 import Environment

COLUMNS = ("row", "paper", "measured", "interval", "difference", "verdict", "against the best baseline")
NUMERIC = COLUMNS[1:5]

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        **{character: f"\\{character}" for character in "{}&%$#_"},
    }
)


def template_environment(*, autoescape: bool, package: str = "zoo.report") -> Environment:
    """Return a Jinja environment of a package's templates; the filters `tex` and `md` escape LaTeX and cells of Markdown."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = lambda text: " ".join(text.split()).replace("|", "\\|")
    environment.filters["tex"] = lambda text: " ".join(text.split()).translate(_LATEX)
    return environment


def heading(section: ColumnResults) -> str:
    """Return e.g. `OSU, PSNR [dB], higher is better`."""
    unit = f" [{section.column.unit}]" if section.column.unit else ""
    return f"{section.dataset}, {section.metric}{unit}, {'higher' if section.column.higher_is_better else 'lower'} is better"


def row_texts(line: RowResult, section: ColumnResults) -> tuple[str, ...]:
    """Return a row's texts in the order of `COLUMNS`; missing values are empty."""
    digits, measured, against = section.column.decimals, line.measured, line.against
    interval = test = ""
    if measured and measured.low is not None and measured.high is not None:
        interval = f"[{measured.low:.{digits}f}, {measured.high:.{digits}f}]"
    if against:
        effect = "" if against.comparison.effect is None else f"d {against.comparison.effect:+.2f}, "
        test = f"{against.verdict} ({effect}p {format_p(against.corrected)})"
    return (
        line.title,
        "" if line.paper is None else f"{line.paper:.{digits}f}",
        f"{measured.value:.{digits}f}" if measured else "",
        interval,
        "" if line.difference is None else f"{line.difference:+.{digits}f}",
        f"{line.verdict}: {line.why}" if line.why else line.verdict,
        test,
    )


def shown_columns(table: TableResults) -> list[str]:
    """Return the columns that a table has: without published values there are none of the paper and no differences."""
    return [column for column in COLUMNS if table.published or column not in ("paper", "difference")]


def shown_texts(table: TableResults, line: RowResult, section: ColumnResults) -> list[str]:
    """Return a row's texts in the order of `shown_columns`."""
    texts = dict(zip(COLUMNS, row_texts(line, section), strict=True))
    return [texts[column] for column in shown_columns(table)]


def caption(section: ColumnResults) -> str:
    """Return how a column was measured, in one line; empty if nothing was."""
    best = f"best baseline: {section.best_baseline}" if section.best_baseline else ""
    return "; ".join(filter(None, (section.caption, best)))


def legend(table: TableResults) -> list[str]:
    """Return the lines under a table: how to read it, the quality of the datasets, and notes on the paper."""
    lines = ["baselines have no network."]
    if table.published:
        lines = [
            "match: the paper's value lies within the measured interval; difference: measured minus the paper's value; "
            "baselines have no network."
        ]
    if any(line.against for section in table.sections for line in section.lines):
        lines.append(
            "against the best baseline: paired test over the images, Cohen's d_z, two-sided sign-flip permutation p after "
            "Holm's correction over the rows. better and worse require p < 0.05 and the same sign for every seed."
        )
    return [*lines, *table.health.values(), *table.notes]


def comma_separated(table: TableResults) -> str:
    """Return the table as CSV: one line per row and column, with unrounded numbers except the paper's."""
    text = io.StringIO()
    names = "table dataset metric row baseline paper measured low high difference n seeds verdict why against effect p"
    writer = csv.DictWriter(text, [*names.split(), "verdict_against", "dataset_health"], lineterminator="\n")
    writer.writeheader()
    for section in table.sections:
        for line in (*section.lines, *section.baselines):
            row: dict[str, object] = {
                "table": table.name,
                "dataset": section.dataset,
                "metric": section.metric,
                "row": line.title,
                "baseline": line in section.baselines,
                "paper": row_texts(line, section)[1],
                "difference": line.difference,
                "verdict": line.verdict,
                "why": line.why,
                "dataset_health": table.health.get(section.dataset, ""),
            }
            if found := line.measured:
                row |= {"measured": found.value, "low": found.low, "high": found.high, "n": found.n}
                row["seeds"] = len(found.by_seed)
            if test := line.against:
                row |= {"against": section.best_baseline, "effect": test.comparison.effect, "p": test.corrected}
                row["verdict_against"] = test.verdict
            writer.writerow(row)
    return text.getvalue()


def _from_template(name: str, table: TableResults) -> str:
    environment = template_environment(autoescape=name.endswith(".html.j2"))
    return environment.get_template(name).render(
        table=table,
        columns=shown_columns(table),
        numeric=NUMERIC,
        heading=heading,
        texts=partial(shown_texts, table),
        caption=caption,
        legend=legend(table),
    )


FORMATS: Mapping[str, Callable[[TableResults], str]] = {
    "markdown": partial(_from_template, "table.md.j2"),
    "csv": comma_separated,
    "latex": partial(_from_template, "table.tex.j2"),
    "html": partial(_from_template, "table.html.j2"),
}
"""Renderers by the name of `--format`; the command line itself prints to the terminal."""
