"""Runs a command line: errors become one line and an exit code, and output is made safe for terminals."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable

from zoo.cli.flags import with_flags
from zoo.errors import ZooError
from zoo.files import cannot_write, environment_without_home
from zoo.settings import ENVIRONMENT
from zoo.terminal import SafeStream, one_line, safe_streams

TRACE = "ZOO_TRACEBACK"
"""Environment variable: 1 prints the traceback of an unexpected error."""


def run(app: Callable[[], object]) -> int:
    """Run a command line and return its exit code.

    Each exception becomes one line on stderr. Output that cannot be written (a full disk) becomes an error at the end, after the
    work is done; a closed pipe (`| head`) does not.
    """
    os.environ.update(ENVIRONMENT | environment_without_home() | os.environ)  # before anything imports torch
    with safe_streams(with_flags) as out:
        return _after_output(out, _code(app))


def _code(app: Callable[[], object]) -> int:
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except ZooError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:  # a defect, or a state of the machine that no other handler covers
        if os.environ.get(TRACE) == "1":
            traceback.print_exc()
        print(f"zoo: {_message(error)}", file=sys.stderr)
        return 1
    return 0


def _message(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "the memory of this machine is used up. Use a smaller `size` or `batch`, or close other programs"
    if isinstance(error, OSError) and error.filename is not None and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return str(cannot_write(error.filename, error))
    if isinstance(error, OSError) and error.filename is not None:
        return one_line(f"`{os.fsdecode(error.filename)}` cannot be used: {error.strerror or error}")
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return "the current folder was removed. Change to another folder"
    text = one_line(" ".join(f"{type(error).__name__}: {error}".split()))
    return f"unexpected error, {text[:500]}. Set {TRACE}=1 for the traceback, and report it"


def _after_output(out: SafeStream, code: int) -> int:
    out.flush()
    if out.failure is None or isinstance(out.failure, BrokenPipeError):
        return code
    reason = out.failure.strerror or str(out.failure)
    print(
        f"zoo: the output cannot be written to stdout: {reason}. Free some space, or redirect the output",
        file=sys.stderr,
    )
    return code or 1
