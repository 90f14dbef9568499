"""Parameters and calls in messages as the command line writes them: `size=64` in backquotes becomes --size 64, and
`zoo.bench(steps=8)` becomes zoo bench --steps 8. Imports no torch.

Library code names a parameter or a call as Python does. Only the names below are converted; an option of a component ("option
`steps`"), a field of a file ("field `size`") and a word of the command line that was given (a folder `data`) stay as they are.
"""

from __future__ import annotations

import ast
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
    "include_unpublished": "--all",
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
VERBS = {
    **{name: name for name in ("bench", "score", "train")},
    "list_components": "list",
    "list_weights": "list weights",
}
"""The command that does what a function of zoo does."""
_CALL = re.compile(rf"`zoo\.(?P<name>{'|'.join(VERBS)})\((?P<arguments>[^`]*)\)`")
_PARAMETER = re.compile(
    r"(?<!option )(?<!field )`(?P<name>[a-z_]+)(?:=(?P<inner>[^`]*))?`(?:=(?P<outer>[^\s`]*[^\s`,.;:)]))?"
)


def with_flags(message: str) -> str:
    """Return a message with flags for parameters in backquotes ("Use `batch=4`" becomes "Use --batch 4"), commands for calls."""
    message = _CALL.sub(_command, message)
    given = _given(sys.argv[1:])

    def flag(match: re.Match[str]) -> str:
        name, value = match["name"], match["outer"] or match["inner"]
        if name not in FLAGS or (value is None and name in given):
            return match[0]
        if value in ("True", "False"):
            return FLAGS[name] if value == "True" else FLAGS[name].replace("--", "--no-", 1)
        return f"{FLAGS[name]} {_shell_word(value)}" if value else FLAGS[name]

    return _PARAMETER.sub(flag, message)


def _command(match: re.Match[str]) -> str:
    """Return the command that does what a call does; `...` stands for arguments of the reader's choice and is left out."""
    call = ast.parse(f"call({match['arguments']})", mode="eval").body
    assert isinstance(call, ast.Call)
    words = [VERBS[match["name"]]]
    words += [text for value in call.args if (text := _word_of(value))]
    for keyword in call.keywords:
        words += [FLAGS[str(keyword.arg)], _word_of(keyword.value)]
    return " ".join(["zoo", *filter(None, words)])


def _word_of(value: ast.expr) -> str:
    """Return an argument as a word of a shell: a text quoted where that is needed, a placeholder such as FOLDER as it is."""
    if isinstance(value, ast.Name):
        return value.id
    found = ast.literal_eval(value)
    return "" if found is ... or found is True else shlex.quote(str(found))


def _given(arguments: Sequence[str]) -> set[str]:
    """Return the values on a command line as messages quote them: names, and paths without `./` and a final slash."""
    values = [argument.partition("=")[2] if argument.startswith("-") else argument for argument in arguments]
    return {os.path.normpath(value) for value in values if value}


def _shell_word(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return shlex.quote(value[1:-1] if quoted else value)
