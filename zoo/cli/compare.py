"""`zoo compare`: paired tests of runs against a reference, on the same images, dataset by dataset."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.output import note, print_json, print_lines, print_table
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.report.comparing import ComparedGroup, ComparedScore
    from zoo.report.finished_runs import FinishedRun

COLUMNS = ("run", "mean", "difference", "d", "p", "verdict")
LEGEND = (
    "difference: mean [95 % bootstrap interval] over the images. d: Cohen's d_z.",
    "p: two-sided sign-flip permutation test, corrected for all rows of the metric (Holm). better and worse require "
    "p < 0.05 and the same sign in all runs.",
)
"""Lines under the tables."""


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of finished runs or results folders."),
    ],
    reference: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="System to compare with, as the table names it. [default: the best null baseline, else the first run]",
        ),
    ] = "",
    by: Annotated[str, typer.Option(metavar="ENTRY", help="Compare means by group or class, e.g. daytime.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparisons as JSON.")] = False,
) -> None:
    """Compare runs with the best null baseline among them, image by image, on each dataset.

    Without a null baseline the first run is the reference; --reference names another. Runs that differ only in
    their seed are one system. A results folder stands for all its finished runs.

    Examples:
    zoo compare results/A results/B results/C ·
    zoo compare results --reference mean_image ·
    zoo compare results --by daytime
    """
    from zoo.evaluate.compare import too_few
    from zoo.report.comparing import compare_results
    from zoo.report.groups import by_group

    finished = _finished(runs)
    groups, left_out = compare_results(by_group(finished, by) if by else finished, reference)
    for line in left_out:
        note(line)
    if as_json:
        return print_json([line for group in groups for line in group.lines])
    for group in groups:
        _show(group)
    print_lines(LEGEND)
    tests = Counter(
        (place, line.metric, line.pooled.n)
        for place, group in enumerate(groups)
        for line in group.lines
        if line.difference
    )
    print_lines(filter(None, dict.fromkeys(too_few(n, number) for (*_, n), number in tests.items())))
    if not all(line.pooled.per_image for group in groups for line in group.lines):
        print_lines(["no test: the record has no values of single images for this score."])
    return None


def _finished(folders: list[Path]) -> list[FinishedRun]:
    """Return the finished runs of folders; those that have not finished are left out with a note."""
    from zoo.report.finished_runs import find_results, unfinished

    runs = []
    for folder in folders:
        if len(folders) > 1 and (reason := unfinished(folder)):
            note(reason)
            continue
        found = find_results(folder)
        for line in (*found.unreadable, *found.unfinished):
            note(line)
        runs += found.runs
    if not runs:
        raise UsageError("none of these runs has finished", "Run their zoo bench command again")
    return runs


def _show(group: ComparedGroup) -> None:
    """Print the comparisons on a dataset, one table per metric."""
    for metric in dict.fromkeys(line.metric for line in group.lines):
        lines = [line for line in group.lines if line.metric == metric]
        found = lines[0].pooled
        unit = f" [{found.unit}]" if found.unit else ""
        images = f"n = {found.n} image{'s' * (found.n != 1)}"
        title = f"{group.dataset}: {metric}{unit}, {images}\nAgainst {_reference_text(group)}"
        sign = -1 if found.higher_is_better else 1
        ranked = sorted(lines, key=lambda line: sign * line.pooled.value)
        rows = [_row(line, lines[0], group.names) for line in ranked]
        print_table(COLUMNS, rows, title=title, right=COLUMNS[1:5])
        typer.echo()


def _reference_text(group: ComparedGroup) -> str:
    """Return the name of the reference, and why it is the reference where none was named."""
    name = group.names[group.lines[0].system]
    return f"{name}, {group.reason}" if group.reason else name


def _row(line: ComparedScore, reference: ComparedScore, names: dict[str, str]) -> tuple[str, ...]:
    from zoo.evaluate.results import decimals
    from zoo.report.aggregate import format_p

    digits = decimals(line.pooled.unit, line.pooled.value)
    seeds = len(line.pooled.by_seed)
    name = f"{names[line.system]} ({seeds} seeds)" if seeds > 1 else names[line.system]
    start = (name, f"{line.pooled.value:.{digits}f}")
    if line is reference:
        return (*start, "", "", "", "reference")
    if line.difference is None:
        difference = line.pooled.value - reference.pooled.value
        return (*start, f"{difference:+.{digits}f}", "", "", "no test")
    found = line.difference.comparison
    if found.n < 2:
        return (*start, f"{found.difference:+.{digits}f}", "", "", "no test of one image")
    interval = f" [{found.low:+.{digits}f}, {found.high:+.{digits}f}]" if found.low is not None else ""
    effect = "-" if found.effect is None else f"{found.effect:+.2f}"
    split = line.difference.agreeing < line.difference.trainings
    agreeing = f" (sign in {line.difference.agreeing} of {line.difference.trainings})" if split else ""
    return (
        *start,
        f"{found.difference:+.{digits}f}{interval}",
        effect,
        format_p(line.difference.corrected),
        f"{line.difference.verdict}{agreeing}",
    )
