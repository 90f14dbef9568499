"""Parameters in messages as the flags of the command line: `size=64` in backquotes becomes --size 64. Imports no torch.

Library code names a parameter as Python does. Only the names below are converted; an option of a component ("option `steps`"), a
field of a file ("field `size`") and a word of the command line that was given, such as a folder `data`, stay as they are.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence

_SAME = """
    accumulate batch boxes celsius classes compute data depth device disc epochs format gen health jobs keep labels
    launcher lr method metrics norm offline org out part patience pattern port precision preset private real
    recipe rescues retry seed seeds share size slurm space steps table temperature test thermal tile to trace tracker train
    validate validation visible write
""".split()  # noqa: SIM905 - a list would take a line a word
FLAGS = {name: f"--{name}" for name in _SAME} | {
    "allow_missing": "--allow-missing",
    "discriminator": "--disc",
    "dry_run": "--dry-run",
    "generator": "--gen",
    "gpus_per_run": "--gpus-per-run",
    "no_plugin": "--no-plugin",
    "normalizer": "--norm",
    "processes": "--gpus-per-run",
    "speed": "--compute",
    "temperatures": "--temperature",
    "test_data": "--test-data",
    "thermal_channels": "--thermal-channels",
    "validate_every": "--validate-every",
    "value_range": "--range",
}
"""The flag of each parameter of zoo's Python functions."""
_PARAMETER = re.compile(
    r"(?<!option )(?<!field )`(?P<name>[a-z_]+)(?:=(?P<inner>[^`]*))?`(?:=(?P<outer>[^\s`]*[^\s`,.;:)]))?"
)


def with_flags(message: str) -> str:
    """Return a message in which parameters in backquotes are flags: "Use `batch=4`" becomes "Use --batch 4"."""
    given = _given(sys.argv[1:])

    def flag(match: re.Match[str]) -> str:
        name, value = match["name"], match["outer"] or match["inner"]
        if name not in FLAGS or (value is None and name in given):
            return match[0]
        if value in ("True", "False"):
            return FLAGS[name] if value == "True" else FLAGS[name].replace("--", "--no-", 1)
        return f"{FLAGS[name]} {_shell_word(value)}" if value else FLAGS[name]

    return _PARAMETER.sub(flag, message)


def _given(arguments: Sequence[str]) -> set[str]:
    """Return the values on a command line as messages quote them: names, and paths without `./` and a final slash."""
    values = [argument.partition("=")[2] if argument.startswith("-") else argument for argument in arguments]
    return {os.path.normpath(value) for value in values if value}


def _shell_word(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return shlex.quote(value[1:-1] if quoted else value)
