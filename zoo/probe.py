"""A first import of plugins in a forked process, where a crash, an exit or a hang does not end the command. Imports no torch."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import resource
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import IO

from zoo.rows import RejectedError

TIMEOUT = "ZOO_PLUGIN_TIMEOUT"
"""Environment variable: seconds that the import of one plugin may take."""
LIMIT = 10.0
NOTICE = 5.0
"""Seconds after which a plugin that is still being imported is named on stderr."""
_JOIN = 1.0
"""Seconds that a thread which a plugin started has to end."""
_LONGEST = 20_000
"""Characters of a trace."""

Load = Callable[[EntryPoint], object]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a plugin cannot be imported."""

    why: str
    """One line."""
    trace: str = ""
    seconds: float = 0.0


def can_probe() -> bool:
    """Return whether a forked copy of this process behaves like it: it has one thread, and CUDA is not initialized."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return threading.active_count() == 1 and not (cuda is not None and cuda.is_initialized())


def probe(points: Sequence[EntryPoint], load: Load) -> dict[str, Failure]:
    """Load each plugin in a forked process and return those that failed, by name; one process serves up to the first of these.

    Args:
        points: plugins with names that differ.
        load: imports one; whatever it raises is a failure.
    """
    failures: dict[str, Failure] = {}
    done = 0
    while done < len(points):
        for point, failure in _results(points[done:], load):
            done += 1
            if failure:
                failures[point.name] = failure
    return failures


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send everything that is written to stdout, through Python, C or another process, to stderr: it must not spoil `--json`."""
    with contextlib.ExitStack() as stack:
        if sys.stdout:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        with contextlib.suppress(OSError):  # one of the two is closed
            kept = os.dup(1)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, 1)
            stack.callback(_flush)
            os.dup2(2, 1)
        yield


def describe(error: BaseException) -> str:
    """Return an error in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, RejectedError) else f"{type(error).__name__}: {text}".rstrip(": ")


def _results(points: Sequence[EntryPoint], load: Load) -> Iterator[tuple[EntryPoint, Failure | None]]:
    """Yield what became of each plugin, up to the first that fails."""
    reader, writer = os.pipe()
    ended = ""
    with _scratch() as output, os.fdopen(reader, "rb", buffering=0) as pipe:
        child = _fork()
        if child == 0:
            _import_all(points, load, writer, output)
        os.close(writer)
        try:
            for point in points:
                start = time.monotonic()
                if not _answers(pipe, point.name):
                    why = f"its import did not end within {_limit():g} s (set {TIMEOUT} to wait longer)"
                    yield point, Failure(why=why, seconds=time.monotonic() - start)
                    return
                line = pipe.readline()
                if not line:
                    ended = _end(child, patience=1.0)
                    why = f"its import ends the process ({ended})"
                    yield point, Failure(why=why, trace=_tail(output), seconds=time.monotonic() - start)
                    return
                why, trace = json.loads(line)
                if why:  # the next plugin gets a process without this one's leftovers
                    yield point, Failure(why=why, trace=trace, seconds=time.monotonic() - start)
                    return
                yield point, None
        finally:
            if not ended:
                _end(child)


def _scratch() -> IO[bytes]:
    """Return a file for what plugins write; it needs no disk where the system has files in memory."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("plugins"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _answers(pipe: IO[bytes], name: str) -> bool:
    """Wait for the next line or the end of the process, and return whether one of the two came in time."""
    limit = _limit()
    if select.select([pipe], [], [], min(NOTICE, limit))[0]:
        return True
    if limit <= NOTICE:
        return False
    print(f"zoo: plugin {name} is still being imported after {NOTICE:g} s", file=sys.stderr, flush=True)
    return bool(select.select([pipe], [], [], limit - NOTICE)[0])


def _limit() -> float:
    try:
        return max(0.1, min(float(os.environ.get(TIMEOUT, LIMIT)), 86_400.0))
    except ValueError:
        return LIMIT


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # on the idle threads of numerical libraries
        return os.fork()


def _import_all(points: Sequence[EntryPoint], load: Load, writer: int, output: IO[bytes]) -> None:
    """Import in the child and write a line for each; never return."""
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        for descriptor in (1, 2):
            os.dup2(output.fileno(), descriptor)
        faulthandler.enable(output)
        for point in points:
            why = trace = ""
            try:
                load(point)
            except BaseException as error:  # SystemExit and KeyboardInterrupt too: a plugin must not end the command
                why, trace = describe(error) or type(error).__name__, "".join(traceback.format_exception(error))
            why = _left_thread() or why
            os.write(writer, json.dumps([why[:_LONGEST], trace[-_LONGEST:]]).encode() + b"\n")
            if why:
                return
    finally:
        os._exit(0)


def _left_thread() -> str:
    """Return why a plugin that started a thread is refused; empty where none still runs that keeps the process from ending."""
    end = time.monotonic() + _JOIN
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                return f"it leaves the thread {thread.name!r} running, which would keep every command from ending"
    return ""


def _end(child: int, patience: float = 0.0) -> str:
    """End a process, at once or where it does not end by itself, and return how it ended."""
    deadline = time.monotonic() + patience
    try:
        while (found := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.01)
        if found == (0, 0):
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    kill(child, signal.SIGKILL)
            found = os.waitpid(child, 0)
    except ChildProcessError:  # a program that ignores SIGCHLD has no children to wait for
        return "it is gone"
    code = os.waitstatus_to_exitcode(found[1])
    return f"exit status {code}" if code >= 0 else f"signal {-code}, {signal.strsignal(-code)}"


def _tail(output: IO[bytes]) -> str:
    """Return the end of what a process wrote."""
    length = os.fstat(output.fileno()).st_size
    return os.pread(output.fileno(), _LONGEST, max(0, length - _LONGEST)).decode(errors="replace")


def _flush() -> None:
    """Write out what Python and the C library hold back, while it still goes to stderr."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if sys.__stdout__:
            sys.__stdout__.flush()
    with contextlib.suppress(OSError, ImportError, AttributeError):
        import ctypes

        ctypes.CDLL(None).fflush(None)
