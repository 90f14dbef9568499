"""Defaults of command-line options in `zoo.toml`: the user's own file, which the project's overrides. Imports no torch.

[bench]              # the verb
data = "rs"          # the option, without its dashes
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, did_you_mean
from zoo.files import expand

FILE = "zoo.toml"
ENVIRONMENT = {"OMP_WAIT_POLICY": "passive"}
"""Variables that a computing process gets unless the user set them: waiting threads that spin make it several times slower as
soon as anything else runs on the machine. The policy of waiting changes no number. Measured by
`benchmarks/speed/shared_machine.py`."""

Options = Mapping[str, Collection[str]]
"""The options of each verb, without dashes in front and with `_` for `-`."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A default that the user set."""

    verb: str
    option: str
    value: Any
    source: str
    """The file or variable that sets it."""


def files() -> list[Path]:
    """Return the files that may hold defaults: the user's own, then that of the working folder or the nearest one above it."""
    own = expand(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "thermal-zoo" / FILE
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return [own]
    nearest = next(
        (folder / FILE for folder in (here, *here.parents) if os.access(folder / FILE, os.R_OK)), here / FILE
    )
    return [own, nearest]


def read_settings(options: Options) -> list[Setting]:
    """Return the defaults that the files set, one for each option.

    Args:
        options: what may be set.

    Raises:
        UsageError: a file is not TOML, or names an unknown verb or option.
    """
    found = [setting for path in files() for setting in _from_file(path, options)]
    return list({(setting.verb, setting.option): setting for setting in found}.values())


def _from_file(path: Path, options: Options) -> list[Setting]:
    if not os.access(path, os.F_OK) or path.is_dir():
        return []
    try:
        verbs = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"`{path}` cannot be read: {error}", "Correct the file") from error
    found = []
    for verb, values in verbs.items():
        if verb not in options or not isinstance(values, dict):
            raise UsageError(
                f"`{path}` has [{verb}], which is no verb of zoo", did_you_mean(verb, options) or "Run: zoo --help"
            )
        for key, value in values.items():
            name = key.replace("-", "_")
            if name not in options[verb]:
                hint = did_you_mean(name, options[verb]) or f"Run: zoo {verb} --help"
                raise UsageError(f"`{path}` sets {key!r} of {verb}, which has no such option", hint)
            text = ",".join(map(str, value)) if isinstance(value, list) else value
            found.append(Setting(verb=verb, option=name, value=text, source=str(path)))
    return found
