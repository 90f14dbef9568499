"""`zoo` and its verbs. Verb modules import heavy libraries inside their functions only."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from zoo.cli import data, records
from zoo.cli.bench import bench
from zoo.cli.catalog import info, list_
from zoo.cli.compare import compare
from zoo.cli.config import apply_settings, config, prepare
from zoo.cli.convert import convert
from zoo.cli.demo import demo
from zoo.cli.doctor import doctor
from zoo.cli.export import export
from zoo.cli.inspect import inspect
from zoo.cli.plugin import check, new, plugins
from zoo.cli.publish import publish
from zoo.cli.report import report, serve
from zoo.cli.running import run
from zoo.cli.score import eval_, score
from zoo.cli.status import status
from zoo.cli.table import table
from zoo.cli.train import train
from zoo.cli.translate import translate
from zoo.cli.verbs import Verb, Verbs
from zoo.cli.worker import worker
from zoo.version import DISTRIBUTION, __version__

app = typer.Typer(
    name="zoo",
    cls=Verbs,
    help="A model zoo and benchmark runner for visible-to-thermal image translation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes would cost --help two thirds of its time
    # With color, click strips no codes from names of files in a pipe; zoo prints no color, and zoo.terminal escapes codes.
    context_settings={"help_option_names": ["-h", "--help"], "color": True, "max_content_width": 120},
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if no_plugin:
        # In the environment, so that the processes of a bench leave the same plugins out.
        names = [os.environ.get("ZOO_PLUGINS", ""), *(f"-{name}" for name in no_plugin)]
        os.environ["ZOO_PLUGINS"] = ",".join(filter(None, names))
    prepare(context.command)
    apply_settings(context)


VERBS = (bench, check, compare, config, convert, demo, doctor, export, info, inspect, list_, new, plugins, publish)
for verb in (*VERBS, report, score, serve, status, table, train, translate, worker):
    app.command(verb.__name__.strip("_"), cls=Verb)(verb)
for word in ("eval", "evaluate", "test"):
    app.command(word, hidden=True, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(eval_)
for name, group in (("data", data.app), ("records", records.app)):
    for command in group.registered_commands:
        command.cls = Verb
    app.add_typer(group, name=name, cls=Verbs)


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(lambda: app(prog_name="zoo")))  # the name also for `python -m zoo`
