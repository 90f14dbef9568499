"""A filled table as text: for the terminal, Markdown, CSV, LaTeX and HTML. Imports no torch."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape

from zoo.report.aggregate import p_text
from zoo.report.table_results import FilledTable, Line, Section

COLUMNS = ("row", "paper", "measured", "interval", "difference", "verdict", "against the best baseline")
RIGHT = COLUMNS[1:5]
"""Columns of numbers."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def heading(section: Section) -> str:
    """Return e.g. `OSU, PSNR [dB], higher is better`."""
    unit = f" [{section.column.unit}]" if section.column.unit else ""
    return f"{section.dataset}, {section.metric}{unit}, {'higher' if section.column.higher_is_better else 'lower'} is better"


def cells(line: Line, section: Section) -> tuple[str, ...]:
    """Return a line's texts in the order of `COLUMNS`; what is not known is empty."""
    digits = section.column.decimals
    measured = line.measured
    interval = ""
    if measured and measured.low is not None and measured.high is not None:
        interval = f"[{measured.low:.{digits}f}, {measured.high:.{digits}f}]"
    return (
        line.title,
        "" if line.paper is None else f"{line.paper:.{digits}f}",
        f"{measured.value:.{digits}f}" if measured else "",
        interval,
        "" if line.difference is None else f"{line.difference:+.{digits}f}",
        f"{line.verdict}: {line.why}" if line.why else line.verdict,
        _against(line),
    )


def caption(section: Section) -> str:
    """Return on what a section rests, in one line; empty where nothing was measured."""
    best = f"best baseline: {section.best_baseline}" if section.best_baseline else ""
    return "; ".join(filter(None, (section.caption, best)))


def legend(table: FilledTable) -> list[str]:
    """Return the lines under a table: how to read it, the datasets' health, and notes on the paper."""
    lines = [
        "match: the paper's value lies within the measured interval; difference: measured less the paper's; "
        "baselines are null methods, without a network."
    ]
    if any(line.against for section in table.sections for line in section.lines):
        lines.append(
            "against the best baseline: paired by image, Cohen's d_z, two-sided sign-flip permutation p after Holm's "
            "correction over the rows; p < 0.05, and all trainings agreeing, tells rows apart."
        )
    return [*lines, *table.health.values(), *table.notes]


def markdown(table: FilledTable) -> str:
    """Return the table as Markdown."""
    parts = [f"## {_piped(table.title)}"]
    for section in table.sections:
        rule = ["---:" if column in RIGHT else "---" for column in COLUMNS]
        rows = [COLUMNS, rule, *_rows(section)]
        body = "\n".join(f"| {' | '.join(map(_piped, row))} |" for row in rows)
        parts += [f"### {_piped(heading(section))}", body]
        parts += [caption(section)] if caption(section) else []
    parts.append("\n".join(f"- {line}" for line in legend(table)))
    rows = [
        ("protocol", "the paper", "zoo"),
        ("---",) * 3,
        *((one.what, one.paper, one.ours) for one in table.protocol),
    ]
    parts.append("\n".join(f"| {' | '.join(map(_piped, row))} |" for row in rows))
    return "\n\n".join(parts) + "\n"


def comma_separated(table: FilledTable) -> str:
    """Return the table as CSV, one line a row and column, numbers unrounded except the paper's."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("dataset", "metric", "row", "baseline", "paper", "measured", "low", "high", "difference", "n", "seeds")
    tested = ("against", "effect", "p", "verdict_against")
    writer.writerow(["table", *names, "verdict", "why", *tested, "dataset_health"])
    for section in table.sections:
        for line in (*section.lines, *section.baselines):
            found, test = line.measured, line.against
            values: list[object] = [found.value, found.low, found.high] if found else [None] * 3
            counts: list[object] = [found.n, len(found.by_seed)] if found else [None] * 2
            against: list[object] = [None] * 4
            if test:
                against = [section.best_baseline, test.comparison.effect, test.corrected, test.verdict]
            paper = cells(line, section)[1]
            start = [table.name, section.dataset, section.metric, line.title, line in section.baselines, paper]
            ending = [line.verdict, line.why, *against, table.health.get(section.dataset, "")]
            writer.writerow([*start, *values, line.difference, *counts, *ending])
    return text.getvalue()


def latex(table: FilledTable) -> str:
    """Return the table as a LaTeX `table` of plain `tabular`s, which needs no package."""
    parts = [r"\begin{table}", r"\centering", rf"\caption{{{_tex(table.title)}}}", rf"\label{{tab:{table.name}}}"]
    for section in table.sections:
        parts += [
            rf"\par\medskip\textbf{{{_tex(heading(section))}}}\par\smallskip",
            r"\begin{tabular}{lrrrrp{0.3\textwidth}p{0.15\textwidth}}",
            r"\hline",
            " & ".join(map(_tex, COLUMNS)) + r" \\",
            r"\hline",
            *(" & ".join(map(_tex, cells(line, section))) + r" \\" for line in section.lines),
            r"\hline",
            *(" & ".join(map(_tex, cells(line, section))) + r" \\" for line in section.baselines),
            r"\hline",
            r"\end{tabular}",
            *([rf"\par\smallskip {_tex(caption(section))}"] if caption(section) else []),
        ]
    parts += [rf"\par\smallskip {_tex(line)}" for line in legend(table)]
    return "\n".join([*parts, r"\end{table}"]) + "\n"


def html(table: FilledTable) -> str:
    """Return the table as a section of HTML: a `table` for each column of the paper's, the notes and the protocol."""
    parts = [f'<section class="paper-table" id="{escape(table.name)}">', f"<h2>{escape(table.title)}</h2>"]
    for section in table.sections:
        parts += [
            "<table>",
            f"<caption>{escape('; '.join(filter(None, (heading(section), caption(section)))))}</caption>",
            f"<thead>{_html_row(COLUMNS, 'th')}</thead>",
            f"<tbody>{''.join(_html_row(cells(line, section)) for line in section.lines)}</tbody>",
            f'<tbody class="baselines">{"".join(_html_row(cells(line, section)) for line in section.baselines)}</tbody>',
            "</table>",
        ]
    parts += ["<ul>", *(f"<li>{escape(line)}</li>" for line in legend(table)), "</ul>"]
    protocol = "".join(_html_row((one.what, one.paper, one.ours)) for one in table.protocol)
    head = _html_row(("protocol", "the paper", "zoo"), "th")
    parts += [f"<table><thead>{head}</thead><tbody>{protocol}</tbody></table>", "</section>"]
    return "\n".join(parts) + "\n"


FORMATS: Mapping[str, Callable[[FilledTable], str]] = {
    "markdown": markdown,
    "csv": comma_separated,
    "latex": latex,
    "html": html,
}
"""Renderers by the name of `--format`; the terminal's is the command line's own."""


def _rows(section: Section) -> list[tuple[str, ...]]:
    return [cells(line, section) for line in (*section.lines, *section.baselines)]


def _against(line: Line) -> str:
    if line.against is None:
        return ""
    effect = line.against.comparison.effect
    size = "" if effect is None else f"d {effect:+.2f}, "
    return f"{line.against.verdict} ({size}p {p_text(line.against.corrected)})"


def _piped(text: str) -> str:
    return text.replace("|", r"\|")


def _tex(text: str) -> str:
    return re.sub(r"[\\{}&%$#_~^<>|]", lambda found: _LATEX[found[0]], text)


def _html_row(texts: Sequence[str], tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(text)}</{tag}>' for text in texts)}</tr>"
