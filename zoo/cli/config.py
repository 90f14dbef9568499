"""`zoo config`, and what all commands have in common: their defaults, and paths that are not empty. Imports no torch."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any

import typer
from typer.models import TyperPath

from zoo.cli.output import Json, print_json, print_table
from zoo.errors import UsageError
from zoo.settings import Setting, files, read_settings

VARIABLES = {
    "ZOO_CACHE": "folder of the cache",
    "ZOO_PLUGINS": "plugins to load (a,b) or to leave out (-a)",
    "ZOO_STRICT": "1: a broken plugin is an error",
    "ZOO_WEIGHTS": "first folder in which published files are searched",
    "ZOO_STORE_GIB": "largest split that training keeps in memory; larger ones stream from the cache",
    "HF_TOKEN": "token of the Hugging Face Hub",
    "HF_HOME": "cache of the Hugging Face Hub",
    "HF_HUB_OFFLINE": "1: make no requests to the Hub",
    "ZOO_TRACEBACK": "1: print the traceback of an unexpected error",
    "NO_COLOR": "no color on terminals",
}
"""Environment variables that zoo reads, besides `ZOO_VERB_OPTION`."""
SECRET = ("HF_TOKEN",)
PREFIX = "ZOO"
"""The environment variable of an option is `ZOO_VERB_OPTION`."""
FILES = "zoo.files"
"""Key in a context's `meta`: the file that sets the default of each parameter of the verb."""


def config(context: typer.Context, as_json: Json = False) -> None:
    """Show the defaults that you have set, and where.

    They are read from zoo.toml (in this folder or the nearest one above, and in ~/.config/thermal-zoo) and the environment. In a
    file, write [bench] and then data = "rs"; in the environment, ZOO_BENCH_DATA=rs. The command line overrides both.

    Example: zoo config
    """
    assert context.parent is not None, "the verb runs below zoo itself"
    names = option_names(context.parent.command)
    found = {(one.verb, one.option): one for one in read_settings(names)}
    for verb, option in ((verb, option) for verb, options in names.items() for option in options):
        name = variable(verb, option)
        if name in os.environ:
            found[verb, option] = Setting(verb=verb, option=option, value=os.environ[name], source=f"${name}")
    places = {str(path): path.is_file() for path in files()}
    variables = {name: "(set)" if name in SECRET else os.environ[name] for name in VARIABLES if os.environ.get(name)}
    if as_json:
        return print_json({"settings": list(found.values()), "files": places, "variables": variables})
    rows = [(f"{one.verb} --{one.option.replace('_', '-')}", str(one.value), one.source) for one in found.values()]
    if rows:
        print_table(("option", "value", "set by"), rows)
    else:
        typer.echo("You have set no defaults.")
    typer.echo()
    print_table(("file", ""), [(path, "read" if there else "not found") for path, there in places.items()])
    typer.echo()
    known = [(name, variables.get(name, "-"), meaning) for name, meaning in VARIABLES.items()]
    return print_table(("variable", "value", "meaning"), known)


class FilledPath(TyperPath):
    """A path that is not empty: `""`, such as an unset variable of the shell, would mean the current folder."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path unchanged.

        Raises:
            UsageError: it is empty.
        """
        if not str(value):
            name = max(param.opts, key=len) if param.param_type_name == "option" else param.make_metavar(ctx=ctx)
            raise UsageError(f"the path of {name.strip('[].')} is empty", "Name a file or folder; `.` is this folder")
        return super().convert(value, param, ctx)


def prepare(command: Any, *words: str) -> None:
    """Make the paths of a command and its subcommands `FilledPath`, and name environment variables after flags."""
    for name, subcommand in getattr(command, "commands", {}).items():
        prepare(subcommand, *words, name)
    for parameter in command.params:
        if isinstance(parameter.type, TyperPath):
            parameter.type = FilledPath()
        if parameter.param_type_name == "option":
            parameter.show_envvar = False  # else the help is twice as long
            if words and _written(parameter) != parameter.name:  # click's own variables have the parameter's name
                parameter.envvar = variable(*words, _written(parameter))


def apply_settings(context: typer.Context) -> None:
    """Let click read the environment, and set the defaults of the invoked verb to those of the settings files.

    click ignores empty variables, but an empty path must be an error, so they become defaults here.
    """
    context.auto_envvar_prefix = PREFIX  # not for options of zoo itself: ZOO_VERSION may mean something else
    verb, names = context.invoked_subcommand, option_names(context.command)
    settings = read_settings(names)
    if verb in names:
        defaults = {names[verb][one.option]: one.value for one in settings if one.verb == verb}
        empty = {name: "" for option, name in names[verb].items() if os.environ.get(variable(verb, option)) == ""}
        context.meta[FILES] = {names[verb][one.option]: one.source for one in settings if one.verb == verb}
        context.meta[FILES] |= {name: variable(verb, option) for option, name in names[verb].items() if name in empty}
        context.default_map = {verb: defaults | empty}


def set_by(context: typer.Context, option: Any) -> str:
    """Return the file or the environment variable that sets an option; empty where the command line does, or nothing."""
    source = context.get_parameter_source(option.name)
    if source and source.name == "ENVIRONMENT":
        return variable(*context.command_path.split()[1:], _written(option))
    return context.meta.get(FILES, {}).get(option.name, "") if source and source.name == "DEFAULT_MAP" else ""


def is_typed(context: typer.Context, option: str | None) -> bool:
    """Return whether the command line itself sets an option."""
    source = context.get_parameter_source(option or "")
    return source is not None and source.name == "COMMANDLINE"


def spelled_out(context: typer.Context) -> str:
    """Return the command line with the defaults that the user set, so that it gives the same result anywhere.

    Options replace a grid file, which may change or be missing elsewhere.
    """
    words = ["zoo", *sys.argv[1:]]
    if (grid := context.params.get("grid")) in words:
        del words[len(words) - 1 - words[::-1].index(grid)]
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.param_type_name == "option" and source and source.name in ("DEFAULT_MAP", "ENVIRONMENT"):
            value, no = context.params[option.name or ""], option.secondary_opts
            words += no[:1] if no and value is False else _words(max(option.opts, key=len), value)
    return shlex.join(words)


def _words(flag: str, value: Any) -> list[str]:
    """Return an option as words; a switch stands alone."""
    if isinstance(value, bool):
        return [flag] if value else []
    return [flag, str(value)]


def option_names(zoo: Any) -> dict[str, dict[str, str]]:
    """Return the options of each verb as users write them, with the names of their parameters; none of verbs with subcommands."""
    return {verb: written_options(command) for verb, command in zoo.commands.items()}


def written_options(command: Any) -> dict[str, str]:
    """Return the options of one command as users write them, with the names of their parameters."""
    return {_written(one): one.name for one in command.params if one.param_type_name == "option"}


def _written(option: Any) -> str:
    """Return the longest flag of an option, without dashes in front and with `_` for `-`."""
    flag: str = max(option.opts, key=len)
    return flag.lstrip("-").replace("-", "_")


def variable(*words: str) -> str:
    """Return the environment variable of a verb's option."""
    return "_".join((PREFIX, *words)).upper().replace("-", "_")
