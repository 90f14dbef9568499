"""`zoo compare`: paired tests of runs against the first of them, on the same images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.output import note, print_json, print_table

if TYPE_CHECKING:
    from zoo.report.comparing import ComparedScore

COLUMNS = ("run", "metric", "mean", "difference", "effect", "p", "images", "seeds", "verdict")


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of finished runs, the reference first.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparisons as JSON.")] = False,
) -> None:
    """Compare runs with the first of them, image by image.

    Runs that differ only in their seed are one system. A results folder stands for all its runs.

    Example:
    zoo compare results/A results/B results/C
    """
    from zoo.report.comparing import compare_systems, group_seeds
    from zoo.report.finished_runs import find_results

    found = [find_results(folder) for folder in runs]
    for results in found:
        for line in results.unreadable:
            note(line)
    systems = group_seeds([run for results in found for run in results.runs])
    lines = compare_systems(systems)
    if as_json:
        return print_json(lines)
    print_table(COLUMNS, [_row(line) for line in lines], title=f"Against {systems[0].label}", right=COLUMNS[2:8])
    typer.echo(
        "\ndifference: mean [95 % bootstrap interval] over the images; effect: Cohen's d_z; p: two-sided sign-flip permutation "
        f"test, corrected for {sum(line.difference is not None for line in lines)} comparisons (Holm); seeds: number of runs "
        "whose difference has that sign. better and worse require p < 0.05 and the same sign in all runs."
    )
    return None


def _row(line: ComparedScore) -> tuple[str, ...]:
    from zoo.report.aggregate import format_p
    from zoo.report.results import decimals

    digits = decimals(line.pooled.unit)
    metric = f"{line.metric} [{line.pooled.unit}]" if line.pooled.unit else line.metric
    start = (line.system, metric, f"{line.pooled.value:.{digits}f}")
    seeds = len(line.pooled.by_seed)
    if line.difference is None:
        verdict = "reference" if line.pooled.per_image else "no test: no values per image"
        return (*start, "", "", "", str(line.pooled.n), str(seeds), verdict)
    found = line.difference.comparison
    interval = f" [{found.low:+.{digits}f}, {found.high:+.{digits}f}]" if found.low is not None else ""
    effect = "-" if found.effect is None else f"{found.effect:+.2f}"
    return (
        *start,
        f"{found.difference:+.{digits}f}{interval}",
        effect,
        format_p(line.difference.corrected),
        str(found.n),
        f"{line.difference.agreeing}/{line.difference.trainings}",
        line.difference.verdict,
    )
