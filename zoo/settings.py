"""Defaults of command-line options that users keep in `zoo.toml` and in the environment. Imports no torch.

The command line wins over the environment, the environment over the folder's `zoo.toml`, and that over the user's own:

    [bench]              # the verb
    data = "rs"          # the option, without its dashes
    device = "cuda"

`ZOO_BENCH_DATA=rs` says the same in the environment.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, did_you_mean
from zoo.files import expand

FILE = "zoo.toml"
ENVIRONMENT = {"OMP_WAIT_POLICY": "passive"}
"""What the environment of a program that computes gets unless the user set it. Threads that spin while they wait slow it several
times as soon as anything else runs on the machine."""

Options = Mapping[str, Sequence[str]]
"""The options of each verb, without dashes in front, `_` for `-`."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A default that somebody set."""

    verb: str
    option: str
    value: Any
    source: str
    """The file or variable that says so."""


def files() -> list[Path]:
    """Return the files that may hold defaults, the user's own first, the working folder's (or the nearest above it) last."""
    own = expand(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "thermal-zoo" / FILE
    try:
        here = Path.cwd()
    except OSError:  # it was removed meanwhile
        return [own]
    nearest = next(
        (folder / FILE for folder in (here, *here.parents) if os.access(folder / FILE, os.R_OK)), here / FILE
    )
    return [own, nearest]


def read_settings(options: Options) -> list[Setting]:
    """Return the defaults in force, one for each option that was set.

    Args:
        options: what may be set.

    Raises:
        UsageError: a file is no TOML, or names an unknown verb or option.
    """
    found: dict[tuple[str, str], Setting] = {}
    for path in files():
        for setting in _from_file(path, options):
            found[setting.verb, setting.option] = setting
    for verb, names in options.items():
        for name in names:
            variable = f"ZOO_{verb}_{name}".upper().replace("-", "_")
            if variable in os.environ:
                found[verb, name] = Setting(verb=verb, option=name, value=os.environ[variable], source=f"${variable}")
    return list(found.values())


def _from_file(path: Path, options: Options) -> list[Setting]:
    if not os.access(path, os.F_OK) or path.is_dir():
        return []
    try:
        verbs = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"`{path}` cannot be read: {error}", "Correct it") from error
    found = []
    for verb, values in verbs.items():
        if verb not in options or not isinstance(values, dict):
            raise UsageError(
                f"`{path}` has [{verb}], which is no verb of zoo", did_you_mean(verb, options) or "Type: zoo --help"
            )
        for key, value in values.items():
            name = key.replace("-", "_")
            if name not in options[verb]:
                hint = did_you_mean(name, options[verb]) or f"Type: zoo {verb} --help"
                raise UsageError(f"`{path}` sets {key!r} of {verb}, which has no such option", hint)
            text = ",".join(map(str, value)) if isinstance(value, list) else value
            found.append(Setting(verb=verb, option=name, value=text, source=str(path)))
    return found
