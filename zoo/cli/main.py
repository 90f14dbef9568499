"""`zoo`: the verbs, and what happens to an error. Verb modules import heavy libraries inside their functions only."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from zoo.cli import bench, catalog, compare, data, report, table, translate
from zoo.errors import ZooError
from zoo.version import DISTRIBUTION, __version__

app = typer.Typer(
    name="zoo",
    help="A model zoo and benchmark runner for visible-to-thermal image translation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{DISTRIBUTION} {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    no_plugin: Annotated[list[str], typer.Option("--no-plugin", metavar="NAME", help="Leave this plugin out.")] = [],  # noqa: B006
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if no_plugin:
        # The environment, because the cells of a bench are processes that must leave the same plugins out.
        names = [os.environ.get("ZOO_PLUGINS", ""), *(f"-{name}" for name in no_plugin)]
        os.environ["ZOO_PLUGINS"] = ",".join(filter(None, names))


app.command("bench")(bench.bench)
app.command("compare")(compare.compare)
app.add_typer(data.app, name="data")
app.command("info")(catalog.info)
app.command("list")(catalog.list_)
app.command("plugins")(catalog.plugins)
app.command("report")(report.report)
app.command("table")(table.table)
app.command("translate")(translate.translate)


def main() -> None:
    """Run the command line; a `ZooError` becomes one line on stderr and its exit code."""
    try:
        app()
    except ZooError as error:
        print(f"zoo: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
