"""Plugins are first imported in forked processes, where a crash, an exit or a hang does not end the command. Imports no torch."""

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
from typing import IO

from zoo.rows import RejectedError

TIMEOUT = "ZOO_PLUGIN_TIMEOUT"
"""Environment variable: seconds for the import of one plugin."""
LIMIT = 10.0
NOTICE = 5.0
"""Seconds after which a message on stderr names the plugin that is still being imported."""
_JOIN = 1.0
"""Seconds for threads and the process to end after the import."""
_LONGEST = 20_000
"""Characters of a trace."""

Load = Callable[[EntryPoint], object]


@dataclass(frozen=True, kw_only=True)
class ImportFailure:
    """Why a plugin cannot be imported."""

    why: str
    """One line."""
    trace: str = ""
    seconds: float = 0.0


def can_probe() -> bool:
    """Return whether a forked copy of this process works like it: it has one thread, and CUDA is not initialized."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return threading.active_count() == 1 and not (cuda is not None and cuda.is_initialized())


def probe(points: Sequence[EntryPoint], load: Load) -> dict[str, ImportFailure]:
    """Load each plugin in a forked process and return those that failed, by name.

    Args:
        points: plugins with different names.
        load: imports one; any exception is a failure.
    """
    failures = {point.name: _try(point, load) for point in points}
    return {name: failure for name, failure in failures.items() if failure}


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send all output to stdout, of Python, C and other processes, to stderr, so that `--json` stays valid."""
    with contextlib.ExitStack() as stack:
        if sys.stdout:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        with contextlib.suppress(OSError):  # one of the two is closed
            original = os.dup(1)
            stack.callback(os.close, original)
            stack.callback(os.dup2, original, 1)
            stack.callback(_flush)
            os.dup2(2, 1)
        yield


def describe(error: BaseException) -> str:
    """Return an error in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, RejectedError) else f"{type(error).__name__}: {text}".rstrip(": ")


def trace_of(error: BaseException) -> str:
    """Return an error's traceback as text."""
    return "".join(traceback.format_exception(error))


def _try(point: EntryPoint, load: Load) -> ImportFailure | None:
    start = time.monotonic()
    reader, writer = os.pipe()
    with _output_file() as output, os.fdopen(reader, "rb", buffering=0) as pipe:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # for idle threads of numerical libraries
            child = os.fork()
        if child == 0:
            _import(point, load, writer, output)
        os.close(writer)
        result = None
        try:
            result = pipe.readline() if _wait(pipe, point.name) else None
        finally:
            ended = _end(child, patience=_JOIN if result == b"" else 0.0)
        why, trace = f"its import did not end within {_limit():g} s (set {TIMEOUT} to wait longer)", ""
        if result:
            why, trace = json.loads(result)
        elif result is not None:
            length = os.fstat(output.fileno()).st_size
            tail = os.pread(output.fileno(), _LONGEST, max(0, length - _LONGEST))
            why, trace = f"its import ends the process ({ended})", tail.decode(errors="replace")
    return ImportFailure(why=why, trace=trace, seconds=time.monotonic() - start) if why else None


def _output_file() -> IO[bytes]:
    """Return a file for the output of a plugin, in memory if the system supports that."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("plugin"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _wait(pipe: IO[bytes], name: str) -> bool:
    """Wait for a line or the end of the process, and return whether one of the two came within the limit."""
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


def _import(point: EntryPoint, load: Load, writer: int, output: IO[bytes]) -> None:
    """Import in the child and write the result as a line of JSON; never return."""
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor in (1, 2):
            os.dup2(output.fileno(), descriptor)
        faulthandler.enable(output)
        why = trace = ""
        try:
            load(point)
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: a plugin must not end the command
            why, trace = describe(error) or type(error).__name__, trace_of(error)
        why = _left_thread() or why
        os.write(writer, json.dumps([why[:_LONGEST], trace[-_LONGEST:]]).encode() + b"\n")
    finally:
        os._exit(0)


def _left_thread() -> str:
    """Return why a plugin that started a thread is refused; empty unless one would keep the process from ending."""
    end = time.monotonic() + _JOIN
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                return f"it leaves the thread {thread.name!r} running, which would keep every command from ending"
    return ""


def _end(child: int, patience: float) -> str:
    """End a process, after so many seconds in which it may end by itself, and return its exit status or signal."""
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
        return "its exit status is unknown"
    code = os.waitstatus_to_exitcode(found[1])
    return f"exit status {code}" if code >= 0 else f"signal {-code}, {signal.strsignal(-code)}"


def _flush() -> None:
    """Flush the buffers of Python and the C library while stdout is stderr."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if sys.__stdout__:
            sys.__stdout__.flush()
    with contextlib.suppress(OSError, ImportError, AttributeError):
        import ctypes

        ctypes.CDLL(None).fflush(None)
