"""Paths on the command line. Imports no torch."""

from __future__ import annotations

from typing import Any

from typer.models import TyperPath

from zoo.errors import UsageError


class FilledPath(TyperPath):
    """A path that is not empty: `""`, such as a variable of the shell that is not set, would be the current folder."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path as it was given.

        Raises:
            UsageError: it is empty.
        """
        if not str(value):
            name = max(param.opts, key=len) if param.param_type_name == "option" else param.make_metavar(ctx=ctx)
            raise UsageError(f"the path of {name.strip('[].')} is empty", "Name a file or folder; `.` is this folder")
        return super().convert(value, param, ctx)


def refuse_empty_paths(command: Any) -> None:
    """Make every path of a command and of the commands below it one that cannot be empty."""
    for below in getattr(command, "commands", {}).values():
        refuse_empty_paths(below)
    for parameter in command.params:
        if isinstance(parameter.type, TyperPath):
            parameter.type = FilledPath()
