"""`zoo config`, and the defaults of options that `zoo.toml` and the environment set. Imports no torch."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Annotated, Any

import typer

from zoo.cli.output import print_json, print_table
from zoo.settings import files, read_settings

VARIABLES = {
    "ZOO_CACHE": "folder of what zoo can make again",
    "ZOO_PLUGINS": "plugins to load (a,b) or to leave out (-a)",
    "ZOO_STRICT": "1: a broken plugin is an error",
    "ZOO_WEIGHTS": "folder in which published files are looked for first",
    "ZOO_STORE_GIB": "largest split that a training keeps in memory; larger ones stream from the cache",
    "HF_TOKEN": "token of the Hugging Face Hub",
    "HF_HOME": "cache of the Hugging Face Hub",
    "HF_HUB_OFFLINE": "1: nothing is fetched from the Hub",
    "ZOO_TRACEBACK": "1: an unexpected error shows where it arose",
    "NO_COLOR": "no colour on terminals",
}
"""Environment variables that zoo heeds, beside `ZOO_VERB_OPTION`."""
SECRET = ("HF_TOKEN",)


def config(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show the defaults in force: from zoo.toml (this folder's or one above, then your own) and the environment.

    A file says [bench] and then data = "rs"; the environment says ZOO_BENCH_DATA=rs. The command line wins over both.

    Example: zoo config
    """
    assert context.parent is not None, "the verb runs below zoo itself"
    settings = read_settings({verb: tuple(names) for verb, names in option_names(context.parent.command).items()})
    places = {str(path): path.is_file() for path in files()}
    variables = {name: "(set)" if name in SECRET else os.environ[name] for name in VARIABLES if os.environ.get(name)}
    if as_json:
        return print_json({"settings": settings, "files": places, "variables": variables})
    rows = [(f"{one.verb} --{one.option.replace('_', '-')}", str(one.value), one.source) for one in settings]
    if rows:
        print_table(("option", "value", "set by"), rows)
    else:
        typer.echo("No option has a default of yours.")
    typer.echo()
    print_table(("file", ""), [(path, "read" if there else "not there") for path, there in places.items()])
    typer.echo()
    known = [(name, variables.get(name, "-"), meaning) for name, meaning in VARIABLES.items()]
    return print_table(("variable", "value", "what it does"), known)


def apply_settings(context: typer.Context) -> None:
    """Make the defaults in force those of the verb about to run."""
    if context.invoked_subcommand is None:
        return
    names = option_names(context.command)
    verb = context.invoked_subcommand
    defaults: dict[str, Any] = {}
    for setting in read_settings({known: tuple(options) for known, options in names.items()}):
        if setting.verb == verb:
            defaults[names[verb][setting.option]] = setting.value
    context.default_map = {verb: defaults}


def spelled_out(context: typer.Context) -> str:
    """Return the command line as it would be typed where no default is set, so that it does the same anywhere."""
    flags = {option.name: max(option.opts, key=len) for option in context.command.params if option.name}
    own = [
        word
        for name, value in (context.default_map or {}).items()
        if name in flags and _is_default(context, name)
        for word in _typed(flags[name], value)
    ]
    return shlex.join(["zoo", *sys.argv[1:], *own])


def _is_default(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "DEFAULT_MAP"


def _typed(flag: str, value: Any) -> list[str]:
    """Return an option as words; a switch stands alone."""
    if isinstance(value, bool):
        return [flag] if value else []
    return [flag, str(value)]


def option_names(zoo: Any) -> dict[str, dict[str, str]]:
    """Return each verb's options as users write them, with the names of their parameters; verbs with verbs below have none."""
    found: dict[str, dict[str, str]] = {}
    for verb, command in zoo.commands.items():
        options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
        found[verb] = {_written(option.opts): option.name for option in options if option.name}
    return found


def _written(flags: list[str]) -> str:
    return max(flags, key=len).lstrip("-").replace("-", "_")
