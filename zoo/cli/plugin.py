"""`zoo new`, `zoo check` and `zoo plugins`: for authors of plugins. Imports torch only when a check runs."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.component import SIDE
from zoo.cli.flags import with_flags
from zoo.cli.output import Json, note, print_json, print_table
from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.plugins import SLOW_MS, Plugin, installed
from zoo.probe import describe

if TYPE_CHECKING:
    from zoo.choices import Choice
    from zoo.testing.running import Result

ROUNDED = 0.05
"""Seconds below which a check's time is not shown."""


def new(
    name: Annotated[str, typer.Argument(help="Name of the package and of its component, e.g. mynet.")],
    kind: Annotated[
        str, typer.Option(help="generator, discriminator, normalizer, method, metric or dataset.")
    ] = "generator",
    variant: Annotated[
        str,
        typer.Option(
            help="Of a method: regression, gan or diffusion. Of a dataset: synthetic, or importer for the user's files. "
            "[default: the first]"
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="New folder. [default: NAME]")] = None,
    as_json: Json = False,
) -> None:
    """Write a package for a component of your own, with tests and CI.

    Examples: zoo new mynet · zoo new mymethod --kind method --variant diffusion · zoo new mynorm --kind normalizer -o work/mynorm
    """
    from zoo.scaffold import new_plugin, use_of

    folder = out or Path(name)
    made = [str(path) for path in new_plugin(name, kind, folder, variant=variant)]
    if as_json:
        return print_json({"folder": str(folder), "files": made})
    typer.echo("\n".join(made))
    return note(f"\nzoo: now run\n  pip install -e {folder}\n  zoo check {name}\n  {use_of(kind, name, variant)}")


def check(
    plugin: Annotated[
        str | None,
        typer.Argument(help="A plugin, or a module that implements its hooks. [default: every installed plugin]"),
    ] = None,
    component: Annotated[
        list[str], typer.Option(metavar="KIND:NAME", help="Check only this component, e.g. generator:mynet.")
    ] = [],
    fast: Annotated[bool, typer.Option("--fast", help="Skip the checks that take seconds.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Show the traceback of each failure.")] = False,
    as_json: Json = False,
) -> None:
    """Check components of a plugin against their contracts.

    Each failure names what was expected, what was found and what to change; the exit code is then 1. A cause is
    named once: later checks that fail for it are skipped.

    Examples: zoo check mynet · zoo check mynet --component generator:mynet · zoo check --fast
    """
    from zoo.testing.causes import Causes
    from zoo.testing.running import cases_of, outcome

    causes = Causes()
    results: list[Result] = []
    for case in cases_of(plugin, parts=component, fast=fast):
        if not results or case.part != results[-1].part:
            note(f"zoo: checking {case.part} of {case.plugin.name}")
        results.append(outcome(case, causes))
    failed = [result for result in results if result.status == "failed"]
    if as_json:
        print_json([asdict(result) | {"text": with_flags(result.text)} for result in results])
    else:
        _print_results(results, failed, summary=plugin is None, trace=trace)
    if failed:
        raise typer.Exit(1)


def plugins(
    why: Annotated[
        str | None, typer.Option("--why", metavar="NAME", help="Build every part of this plugin, and show what fails.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List plugins, with their load times and errors.

    Examples: zoo plugins · zoo plugins --why mynet
    """
    found = [plugin for plugin in installed() if why in (None, plugin.name)]
    if not found and why is not None:
        names = [plugin.name for plugin in installed()]
        raise UsageError(f"no plugin is named {why!r}", did_you_mean(why, names) or "Run: zoo plugins")
    if as_json:
        return print_json([_plugin_row(plugin) for plugin in found])
    if why is None:
        columns = ("plugin", "from", "status", "parts", "ms", "note")
        lines = [_plugin_line(plugin) for plugin in found]
        shown = len(columns) - (not any(line[-1] for line in lines))
        return print_table(columns[:shown], [line[:shown] for line in lines], right=("parts", "ms"))
    for plugin in found:
        faults = _part_faults(plugin)
        state = f"{len(faults)} of {len(plugin.components)} parts cannot be built" if faults else plugin.status
        typer.echo(f"{plugin.name} ({plugin.module}, {plugin.distribution} {plugin.version}): {state}")
        for text in filter(None, (plugin.why, plugin.trace.rstrip(), *faults)):
            typer.echo(text)
    return None


def _part_faults(plugin: Plugin) -> list[str]:
    """Return why parts of a plugin cannot be built, in one line each."""
    from zoo.registry import get_registry

    choices = [
        choice for choice in get_registry().choices if choice.plugin.name == plugin.name and choice.component.target
    ]
    faults = []
    for choice in choices:
        try:
            _try_to_build(choice)
        except ZooError as error:
            faults.append(str(error))
        except Exception as error:
            faults.append(f"{choice.kind} {choice.full_name} cannot be built: {describe(error)}")
    return faults


def _try_to_build(choice: Choice) -> None:
    """Build a network without its memory, and other parts with the options of `small`, which need no download."""
    import torch

    from zoo.build import build, import_target
    from zoo.testing.harness import MethodHarness
    from zoo.testing.running import small_config

    small = replace(choice, config=small_config(choice.component))
    if choice.kind == "recipe":  # its parts are parts of their own
        import_target(choice)
    elif choice.kind == "method":
        MethodHarness(small).method(training=False)
    elif choice.kind in ("generator", "discriminator"):
        with torch.device("meta"):
            build(choice.for_size(SIDE))
    else:
        build(small)


def _print_results(results: list[Result], failed: list[Result], *, summary: bool, trace: bool) -> None:
    """Print a line for each check or, as a summary, for each component; then each failure with its fix, and the count."""
    if summary:
        rows = [_summary_line(results, *each) for each in dict.fromkeys((one.plugin, one.part) for one in results)]
        print_table(("plugin", "part", "passed", "s", "failed"), rows, right=("passed", "s"))
    else:
        lines = [(result.part, result.check, result.status, _found(result)) for result in results]
        print_table(("part", "check", "result", "found"), lines)
    if failed:
        typer.echo("")
    for result in failed:
        typer.echo(f"{result.part} {result.check}: {with_flags(result.text)}")
        if trace and result.trace:
            typer.echo(result.trace.rstrip())
    seconds = sum(result.seconds for result in results)
    passed = sum(result.status == "passed" for result in results)
    skipped = len(results) - passed - len(failed)
    counts = f"{passed} checks passed, {len(failed)} failed{f', {skipped} skipped' if skipped else ''}"
    typer.echo(f"\n{counts}, in {seconds:.1f} s")


def _summary_line(results: list[Result], plugin: str, part: str) -> tuple[str, ...]:
    own = [result for result in results if (result.plugin, result.part) == (plugin, part)]
    failed = [result.check for result in own if result.status == "failed"]
    seconds = sum(result.seconds for result in own)
    passed = sum(result.status == "passed" for result in own)
    return plugin, part, f"{passed} of {len(own)}", f"{seconds:.1f}", ", ".join(failed)


def _found(result: Result) -> str:
    if result.status == "failed":
        return "see below"
    return f"{result.text} ({result.seconds:.1f} s)" if result.seconds >= ROUNDED else result.text


def _plugin_line(plugin: Plugin) -> tuple[str, ...]:
    heavy = f"imports {', '.join(plugin.heavy)} when listed" if plugin.heavy else ""
    slow = "slow: delays every command that looks up a component" if plugin.milliseconds >= SLOW_MS else ""
    remark = plugin.why or "; ".join(filter(None, (heavy, slow)))
    source, parts = f"{plugin.distribution} {plugin.version}", str(len(plugin.components))
    return plugin.name, source, plugin.status, parts, f"{plugin.milliseconds:.1f}", remark


def _plugin_row(plugin: Plugin) -> dict[str, Any]:
    row = {field.name: getattr(plugin, field.name) for field in fields(plugin) if field.name != "rows"}
    return row | {
        "components": [f"{component.kind} {component.name}" for component in plugin.components],
        "weights": [weights.name for weights in plugin.rows.weights],
        "checkpoints": [layout.name for layout in plugin.rows.checkpoints],
    }
