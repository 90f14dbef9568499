"""A ranking of a results folder as text: for the terminal, Markdown, CSV, LaTeX and HTML. Imports no torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from zoo.evaluate.results import decimals, metric_heading
from zoo.report.ranking import RankedCell, RankedColumn, RankedRow, Ranking, sort_rows, verdict_lines
from zoo.report.render import template_environment
from zoo.sizes import Size, pixels_text, size_text
from zoo.text_layout import count_text, plain_table

NOT_COMPARED = "~"
MARKED: Mapping[str, Mapping[str, str]] = {
    "terminal": {"best": "{}*", "not distinguishable": "{}=", "": "{}"},
    "markdown": {"best": "**{}**", "not distinguishable": "*{}*", "": "{}"},
    "latex": {"best": r"\textbf{{{}}}", "not distinguishable": r"\underline{{{}}}", "": "{}"},
    "html": {"best": "<strong>{}</strong>", "not distinguishable": "<em>{}</em>", "": "{}"},
}
"""How each format marks a value."""
WORDS: Mapping[str, tuple[str, str]] = {
    "terminal": ("*", "="),
    "markdown": ("bold", "italic"),
    "latex": ("bold", "underlined"),
    "html": ("bold", "italic"),
}
"""How the legend of each format names the marks."""


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """A table for the terminal."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def text_tables(ranking: Ranking, width: int) -> list[TextTable]:
    """Return one table where it fits the width or has one dataset, otherwise one for each dataset."""
    groups, every = group_columns(ranking), range(len(ranking.columns))
    costs = cost_columns(ranking)
    for chosen in (costs, {name: costs[name] for name in costs if name.startswith("params")}, {}):
        whole = _text_table(ranking, every, chosen)
        if max(map(len, plain_table(whole.columns, whole.rows).splitlines())) <= width:
            return [whole]
    return [whole] if len(groups) < 2 else [_text_table(ranking, places, {}) for places in groups.values()]


def cost_columns(ranking: Ranking) -> dict[str, dict[str, str]]:
    """Return headings of the columns of cost with their texts by row; none where no row has a network whose cost is known."""
    sizes = _cost_sizes(ranking)
    columns: dict[str, dict[str, str]] = {}
    for size in sizes:
        known = {row.name: row.costs[size] for row in ranking.rows if size in row.costs and row.costs[size].passes}
        at = f", {pixels_text(size)}" if len(sizes) > 1 else ""
        columns |= {
            f"params{at}": {name: count_text(cost.parameters) for name, cost in known.items()},
            f"GFLOP{at}": {name: f"{cost.flops / 1e9:.3g}" for name, cost in known.items()},
            f"ms/image{at}": {name: f"{cost.latency_ms:.3g}" for name, cost in known.items()},
        }
    return columns


def cost_line(ranking: Ranking) -> str:
    """Return at which size, on which device and in which number format costs were measured; empty without any."""
    found = [cost for row in ranking.rows for cost in row.costs.values() if cost.passes]
    sizes = " or ".join(map(pixels_text, _cost_sizes(ranking)))
    devices = " or ".join(dict.fromkeys(f"{cost.device} in {cost.precision}" for cost in found))
    return f"GFLOP and ms/image: of one translation at {sizes}, on {devices}." if found else ""


def _cost_sizes(ranking: Ranking) -> list[Size]:
    """Return the sizes of the images at which the cost of a network is known."""
    return list(dict.fromkeys(size for row in ranking.rows for size, cost in row.costs.items() if cost.passes))


def group_columns(ranking: Ranking) -> dict[str, range]:
    """Return the places of each dataset's columns."""
    places = groupby(range(len(ranking.columns)), key=lambda place: ranking.columns[place].dataset)
    found = {dataset: list(members) for dataset, members in places}
    return {dataset: range(members[0], members[-1] + 1) for dataset, members in found.items()}


def caption(ranking: Ranking, dataset: str) -> str:
    """Return e.g. `RoadScene: n = 20 test images, 64x64 bicubic; mean [95% interval]`."""
    columns = [column for column in ranking.columns if column.dataset == dataset]
    counts = " or ".join(str(n) for n in sorted({column.n for column in columns}))
    resize = " or ".join(filter(None, dict.fromkeys(column.resize for column in columns)))
    cells = (
        cell
        for row in ranking.rows
        for column, cell in zip(ranking.columns, row.cells, strict=True)
        if column in columns
    )
    interval = f"mean [{columns[0].level:.0%} interval]"
    if not any(cell and cell.measured.low is not None for cell in cells):
        interval = "mean" if any(column.n > 1 for column in columns) else "no interval from one image, and no test"
    images = f"n = {counts} {columns[0].split} image{'s' * (counts != '1')}"
    return f"{dataset}: {', '.join(filter(None, (images, resize)))}; {interval}"


def legend(ranking: Ranking, form: str = "terminal") -> list[str]:
    """Return the lines under the table: what the marks mean, what is not compared and why, and the verdicts on networks."""
    best, tied = WORDS[form]
    lines = []
    if any(cell and cell.mark for row in ranking.rows for cell in row.cells):
        lines.append(
            f"{best}: best of all rows, baselines included; {tied}: not distinguishable from it (paired sign-flip test over the "
            "images, p of 0.05 or more after Holm's correction over the rows, or seeds that disagree)."
        )
    measured = [
        (row, column, cell)
        for row in ranking.rows
        for column, cell in zip(ranking.columns, row.cells, strict=True)
        if cell
    ]
    sets = {column.metric for _, column, cell in measured if not cell.measured.per_image}
    if sets:
        lines.append(f"{', '.join(sorted(sets))}: no paired test, since these scores have no values of single images.")
    lines += dict.fromkeys(
        f"{NOT_COMPARED} {row.name}, {column.metric}: not compared, {cell.apart}."
        for row, column, cell in measured
        if cell.apart
    )
    lines += ranking.validations
    if form != "terminal" and (costs := cost_line(ranking)):  # whose width may have no room for these columns
        lines.append(costs)
    lines += dict.fromkeys(f"{column.metric}: {note}." for _, column, cell in measured for note in cell.measured.notes)
    return lines + verdict_lines(ranking)


def heading(column: RankedColumn) -> str:
    """Return a metric with its unit."""
    return metric_heading(column.metric, column.unit)


def row_name(row: RankedRow) -> str:
    """Return a row's name with the number of its seeds, if there are several."""
    seeds = max(len(cell.measured.by_seed) for cell in row.cells if cell)
    return f"{row.name} ({seeds} seeds)" if seeds > 1 else row.name


def cell_text(cell: RankedCell | None, form: str) -> str:
    """Return a value with its mark and interval; empty where it was not measured."""
    if cell is None:
        return ""
    found, digits = cell.measured, decimals(cell.measured.unit, cell.measured.value)
    value = MARKED[form][cell.mark].format(f"{found.value:.{digits}f}")
    value += (r"\textasciitilde{}" if form == "latex" else NOT_COMPARED) if cell.apart else ""
    if found.low is None or found.high is None:
        return value
    interval = f"[{found.low:.{digits}f}, {found.high:.{digits}f}]"
    small = {"latex": r"{{\scriptsize {}}}", "html": "<small>{}</small>"}.get(form, "{}")
    return f"{value} {small.format(interval)}"


def _text_table(ranking: Ranking, places: range, costs: Mapping[str, Mapping[str, str]]) -> TextTable:
    columns = [ranking.columns[place] for place in places]
    datasets = list(dict.fromkeys(column.dataset for column in columns))
    heads = [f"{column.dataset} {heading(column)}" if len(datasets) > 1 else heading(column) for column in columns]
    rows = sort_rows(ranking.rows, ranking.columns, places)
    texts = [
        (
            row_name(row),
            *(cell_text(row.cells[place], "terminal") for place in places),
            *(texts.get(row.name, "") for texts in costs.values()),
        )
        for row in rows
    ]
    first = sum(not row.baseline for row in rows)
    if 0 < first < len(texts):  # a blank line above the null baselines
        texts.insert(first, ("",) * len(texts[0]))
    titles = [caption(ranking, dataset) for dataset in datasets]
    if any(name.startswith("GFLOP") for name in costs):
        titles.append(cost_line(ranking).rstrip("."))
    title = "\n".join(titles)
    return TextTable(title=title, columns=("system", *heads, *costs), rows=tuple(texts))


def comma_separated(ranking: Ranking) -> str:
    """Return one line per row and column, with unrounded numbers."""
    text = io.StringIO()
    names = "dataset metric unit row baseline value low high n seeds mark not_compared against effect p verdict_against"
    names += " parameters flops passes latency_ms peak_memory device precision cost_size"
    writer = csv.DictWriter(text, names.split(), lineterminator="\n")
    writer.writeheader()
    for row in ranking.rows:
        for column, cell in zip(ranking.columns, row.cells, strict=True):
            if cell is None:
                continue
            found = cell.measured
            line: dict[str, object] = {"dataset": column.dataset, "metric": column.metric, "unit": column.unit}
            line |= {
                "row": row.name,
                "baseline": row.baseline,
                "value": found.value,
                "low": found.low,
                "high": found.high,
            }
            line |= {"n": found.n, "seeds": len(found.by_seed), "mark": cell.mark, "not_compared": cell.apart}
            if test := cell.against:
                line |= {"against": cell.baseline, "effect": test.comparison.effect, "p": test.corrected}
                line["verdict_against"] = test.verdict
            if cell.cost:
                line |= {name: value for name, value in vars(cell.cost).items() if name in writer.fieldnames}
                line["cost_size"] = size_text(cell.cost.size)
            writer.writerow(line)
    return text.getvalue()


def _from_template(form: str, suffix: str, ranking: Ranking) -> str:
    environment = template_environment(autoescape=form == "html")
    environment.filters |= {
        "cell": partial(cell_text, form=form),
        "heading": heading,
        "caption": partial(caption, ranking),
    }
    return environment.get_template(f"ranking.{suffix}.j2").render(
        ranking=ranking,
        groups=group_columns(ranking),
        costs=cost_columns(ranking),
        caption=partial(caption, ranking),
        heading=heading,
        row_name=row_name,
        legend=legend(ranking, form),
    )


FORMATS: Mapping[str, Callable[[Ranking], str]] = {
    "markdown": partial(_from_template, "markdown", "md"),
    "csv": comma_separated,
    "latex": partial(_from_template, "latex", "tex"),
    "html": partial(_from_template, "html", "html"),
}
"""Renderers by the name of `--format`; the command line itself prints to the terminal."""
