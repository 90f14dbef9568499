"""`zoo` and its verbs. Verb modules import heavy libraries inside their functions only."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from zoo.cli import (
    bench,
    catalog,
    compare,
    config,
    convert,
    data,
    demo,
    doctor,
    export,
    inspect,
    plugin,
    publish,
    records,
    report,
    table,
    train,
    translate,
    worker,
)
from zoo.cli.running import run
from zoo.version import DISTRIBUTION, __version__

app = typer.Typer(
    name="zoo",
    help="A model zoo and benchmark runner for visible-to-thermal image translation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes would cost --help two thirds of its time
    # With color, click strips no codes from names of files in a pipe; zoo prints no color, and zoo.terminal escapes codes.
    context_settings={"help_option_names": ["-h", "--help"], "color": True},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{DISTRIBUTION} {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    no_plugin: Annotated[list[str], typer.Option("--no-plugin", metavar="NAME", help="Do not load this plugin.")] = [],
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    if no_plugin:
        # In the environment, so that the processes of a bench leave the same plugins out.
        names = [os.environ.get("ZOO_PLUGINS", ""), *(f"-{name}" for name in no_plugin)]
        os.environ["ZOO_PLUGINS"] = ",".join(filter(None, names))
    config.prepare(context.command)
    config.apply_settings(context)


app.command("bench")(bench.bench)
app.command("check")(plugin.check)
app.command("compare")(compare.compare)
app.command("config")(config.config)
app.command("convert")(convert.convert)
app.add_typer(data.app, name="data")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("export")(export.export)
app.command("info")(catalog.info)
app.command("inspect")(inspect.inspect)
app.command("list")(catalog.list_)
app.command("new")(plugin.new)
app.command("plugins")(plugin.plugins)
app.command("publish")(publish.publish)
app.add_typer(records.app, name="records")
app.command("report")(report.report)
app.command("status")(worker.status)
app.command("table")(table.table)
app.command("train")(train.train)
app.command("translate")(translate.translate)
app.command("worker")(worker.worker)


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(lambda: app(prog_name="zoo")))  # the name also for `python -m zoo`
