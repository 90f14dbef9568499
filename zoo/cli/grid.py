"""A grid of `zoo bench` in a TOML file: its keys are the options, its lists are what commas separate. Imports no torch.

gen = ["resnet9", "unet_128:width=32"]
disc = ["patchgan", "patchgan_gn"]
data = "rs"
steps = 2000
"""

from __future__ import annotations

import datetime
import os
import tomllib
from pathlib import Path
from typing import Any

import typer

from zoo.cli.config import FILES, variable, written_options
from zoo.errors import UsageError, did_you_mean
from zoo.files import expand

_TABLE_KEYS = {"columns", "rows", "provenance"}
"""Keys by which the file of a paper's table is recognised."""


def read_grid(context: typer.Context, file: str | None) -> str | None:
    """Make the values of a grid file the defaults of the command, before zoo.toml and the environment.

    A callback of an eager argument. The options on the command line override the file.

    Raises:
        UsageError: the file cannot be read, is a paper's table, or names an option that the command lacks.
    """
    if file is None or context.resilient_parsing:
        return file
    if not file:
        raise UsageError("the path of the grid file is empty", "Name a TOML file, or leave it out")
    options = written_options(context.command)
    values = {_option(key, file, options): value for key, value in _read(file).items()}
    texts = {options[name]: _text(name, value, file) for name, value in values.items()}
    context.default_map = {**(context.default_map or {}), **texts}
    context.meta.setdefault(FILES, {}).update(dict.fromkeys(texts, file))
    for name in values:  # else click would read the environment before these defaults
        os.environ.pop(variable("bench", name), None)
    return file


def _read(file: str) -> dict[str, Any]:
    path = expand(file)
    if path.suffix != ".toml":
        raise UsageError(f"zoo bench got `{file}`, which is not a grid file", _fix_of(path))
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"there is no grid file `{file}`", "Check the path") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"`{file}` cannot be read: {error}", "Correct the file") from error
    if values.keys() >= _TABLE_KEYS:
        raise UsageError(f"`{file}` is the file of a paper's table", f"Run: zoo bench --table {file}")
    return values


def _fix_of(path: Path) -> str:
    """Return what a word beside the options may have been meant as."""
    return (
        f"For a dataset, use --data {path}" if path.is_dir() else "Name a .toml file, or use options: zoo bench --help"
    )


def _option(key: str, file: str, options: dict[str, str]) -> str:
    """Return the option that a key names, with `_` for `-`."""
    name = key.replace("-", "_")
    if name in options:
        return name
    from zoo.api.arguments import FLAGS

    hint = f"Use {FLAGS[name]}" if name in FLAGS and FLAGS[name] in options else did_you_mean(name, options)
    if name == "bench":
        hint = "Write the options at the top of the file, without [bench]"
    raise UsageError(f"`{file}` sets {key!r}, which is no option of zoo bench", hint or "Run: zoo bench --help")


def _text(name: str, value: Any, file: str) -> str:
    """Return a value as the command line has it.

    Raises:
        UsageError: it is an empty list, a table, a date or a list of lists.
    """
    if value == []:
        raise UsageError(f"`{file}` sets {name!r} to an empty list", "Give a name, or leave the option out")
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ",".join(_text(name, item, file) for item in value)
    if isinstance(value, list | dict | datetime.date | datetime.time):
        raise UsageError(f"`{file}` sets {name!r} to {value}", "Give a text, a number, true, false or a list of these")
    return str(value).lower() if isinstance(value, bool) else str(value)
