"""`zoo check`: does a plugin do what every plugin must? Imports torch only when a check runs."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.output import note, print_json, print_table

if TYPE_CHECKING:
    from zoo.testing.running import Result

ROUNDED = 0.05
"""Seconds below which a check's time is not worth a word."""


def check(
    plugin: Annotated[
        str | None,
        typer.Argument(help="A plugin, or a module that implements its hooks; none: every installed plugin."),
    ] = None,
    component: Annotated[
        list[str], typer.Option(metavar="KIND:NAME", help="Only this part, e.g. generator:mynet.")
    ] = [],
    fast: Annotated[bool, typer.Option("--fast", help="Leave out the checks that take seconds.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Show where a part's code raised.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that a plugin's parts do what their kinds must.

    Every failure says what was expected, what came and what to change; the exit code is then 1.

    Examples: zoo check mynet · zoo check mynet --component generator:mynet · zoo check --fast
    """
    from zoo.testing.running import cases_of, outcome

    cases = cases_of(plugin, parts=component, fast=fast)
    results, last = [], ""
    for case in cases:
        if case.part != last:
            note(f"zoo: checking {case.part} of {case.plugin.name}")
            last = case.part
        results.append(outcome(case))
    failed = [result for result in results if result.status == "failed"]
    if as_json:
        print_json([_row(result) for result in results])
    elif plugin:
        rows = [(result.part, result.check, result.status, _said(result)) for result in results]
        print_table(("part", "check", "result", "found"), rows)
    else:
        _print_summary(results)
    if not as_json:
        _print_end(results, failed, trace=trace)
    if failed:
        raise typer.Exit(1)


def _print_summary(results: list[Result]) -> None:
    """Print one line a part."""
    parts = dict.fromkeys((result.plugin, result.part) for result in results)
    rows = []
    for plugin, part in parts:
        own = [result for result in results if (result.plugin, result.part) == (plugin, part)]
        broken = ", ".join(result.check for result in own if result.status == "failed")
        seconds = sum(result.seconds for result in own)
        rows.append(
            (
                plugin,
                part,
                f"{sum(result.status == 'passed' for result in own)} of {len(own)}",
                f"{seconds:.1f}",
                broken,
            )
        )
    print_table(("plugin", "part", "passed", "s", "failed"), rows, right=("passed", "s"))


def _print_end(results: list[Result], failed: list[Result], *, trace: bool) -> None:
    """Print a line for each failure with its fix, and the count."""
    if failed:
        typer.echo("")
    for result in failed:
        typer.echo(f"{result.part} {result.check}: {result.text}")
        if trace and result.trace:
            typer.echo(result.trace.rstrip())
    seconds = sum(result.seconds for result in results)
    typer.echo(f"\n{len(results) - len(failed)} checks passed, {len(failed)} failed, in {seconds:.1f} s")


def _said(result: Result) -> str:
    if result.status == "failed":
        return "see below"
    time = f" ({result.seconds:.1f} s)" if result.seconds >= ROUNDED else ""
    return f"{result.text}{time}"


def _row(result: Result) -> dict[str, Any]:
    return {field.name: getattr(result, field.name) for field in fields(result)}
