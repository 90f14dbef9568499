"""Runs `python -m zoo` and `python -m pytest` of the tests in forks of one process that has imported torch, which takes seconds.

`install` replaces `subprocess.Popen` in this process. Other commands, and those that set variables
which an interpreter or a library reads when it starts, run as they do without it. A process that was started so is a child of
the one that started it, with its own session, signals and standard streams. Linux only.
"""

from __future__ import annotations

import array
import atexit
import ctypes
import gc
import importlib
import inspect
import json
import multiprocessing.util
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.settings import ENVIRONMENT

PR_SET_CHILD_SUBREAPER = 36
"""Of Linux's `prctl`: orphans among the descendants become children of this process."""
EARLY = (
    "PYTHON",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "KMP_",
    "CUDA_",
    "TORCH_",
    "ONEDNN_",
    "MPL",
    "MALLOC_",
    "TZ",
    "LD_",
    "LC_",
    "LANG",
)
"""Beginnings of variables that are read before the first line of a program."""
FRESH = {"PYTHON_OF_ITS_OWN": "1"}
"""Added to the environment of a command that must have an interpreter of its own, such as those that measure imports."""
UNUSUAL = ("preexec_fn", "pass_fds", "shell", "executable", "gid", "gids", "uid", "umask", "process_group")
"""Arguments of `Popen` that a fork does not honour."""
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
"""Ends of the pipes of a `Popen` whose command has started; -1 where there is none."""
_RealPopen = subprocess.Popen
_EXECUTE = inspect.signature(_RealPopen._execute_child)
Streams = tuple[int, int, int]


def install() -> None:
    """Make `subprocess.Popen` fork zoo's commands in this process and in what it starts so."""
    if not sys.platform.startswith("linux") or any(name.startswith(("COV", "ZOO_TESTS_FRESH")) for name in os.environ):
        return
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1):  # then this process could not wait for what it starts
        return
    ForkedPopen.fork = Server(dict(ENVIRONMENT | os.environ))
    subprocess.Popen = ForkedPopen  # type: ignore[misc]


class ForkedPopen(_RealPopen):  # type: ignore[type-arg]
    """A `Popen` whose command of zoo is run by a fork."""

    fork: Any = None
    """Starts a command and returns the process id."""

    def _execute_child(self, *given: Any) -> None:
        options = _EXECUTE.bind(self, *given).arguments
        arguments = options["args"]
        words = [os.fspath(word) for word in arguments] if isinstance(arguments, list | tuple) else []
        environment = dict(os.environ if options["env"] is None else options["env"])
        usual = not any(options.get(name) not in (None, (), False, -1) for name in UNUSUAL)
        if not (usual and is_module(words) and self.fork.suits(environment)):
            return super()._execute_child(*given)  # type: ignore[misc]
        ours = [options[name] for name in ("p2cwrite", "c2pread", "errread")]
        streams = tuple(
            options[name] if options[name] != -1 else number
            for number, name in enumerate(("p2cread", "c2pwrite", "errwrite"))
        )
        folder = str(Path(options["cwd"] or ".").resolve(strict=True))
        self.pid = self.fork(words, environment, folder, streams, bool(options["start_new_session"]), ours)
        self._child_created = True
        self._close_pipe_fds(*(options[name] for name in PIPES))
        return None


def is_module(words: Sequence[str]) -> bool:
    """Whether a command is `python [-P] -m zoo` or `python -m pytest`."""
    python, *rest = words[:4] or [""]
    return python == sys.executable and (rest[:2] in (["-m", "zoo"], ["-m", "pytest"]) or rest == ["-P", "-m", "zoo"])


def suits(environment: Mapping[str, str], base: Mapping[str, str]) -> bool:
    """Whether a process that was started with `base` can run a command with another environment."""
    names = {name for name in {*environment, *base} if name.startswith(EARLY) and name != "PYTHONPATH"}
    return all(environment.get(name, ENVIRONMENT.get(name)) == base.get(name) for name in names)


class Server:
    """Forks commands from a process that is started with the first of them.

    Args:
        base: environment of that process.
    """

    def __init__(self, base: Mapping[str, str]) -> None:
        self._base, self._socket, self._lock = base, None, threading.Lock()

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether a command with this environment can be forked."""
        return suits(environment, self._base)

    def __call__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        folder: str,
        streams: Streams,
        session: bool,
        _: object,
    ) -> int:
        """Start a command and return its process id; it is a child of this process."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        with self._lock:
            server, self._socket = self._socket or self._start(), None  # another one after an error
            request = json.dumps([list(words), dict(environment), folder, session]).encode("utf-8", "surrogateescape")
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))
            server.sendmsg([len(request).to_bytes(4, "big")], [rights])
            server.sendall(request)
            child = int.from_bytes(_receive(server, 4), "big")
            self._socket = server
        return child

    def _start(self) -> socket.socket:
        own, other = socket.socketpair()
        _RealPopen(
            [sys.executable, __file__, str(other.fileno())],
            env=dict(self._base),
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        other.close()
        return own


def serve(connection: socket.socket) -> None:
    """Fork one process for each request, until the other side closes."""
    base = dict(os.environ)  # imports add to it
    from zoo.run.worker import PRELOADED

    for name in (*PRELOADED, "zoo.cli.main"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    while True:
        head, found, *_ = socket.recv_fds(connection, 4, 3)
        if not head:
            return
        words, environment, folder, session = json.loads(
            _receive(connection, int.from_bytes(head, "big")).decode("utf-8", "surrogateescape")
        )
        reading, writing = os.pipe()
        middle = os.fork()
        if not middle:  # its child passes to the process that is a subreaper
            parent, child = os.getpid(), os.fork()
            if child:
                os.write(writing, child.to_bytes(4, "big"))
                os._exit(0)
            while os.getppid() == parent:
                time.sleep(0.001)
            for fd in (reading, writing, connection.fileno()):
                os.close(fd)
            ForkedPopen.fork = Direct(base)
            subprocess.Popen = ForkedPopen  # type: ignore[misc]
            become(words, environment, folder, tuple(found), session)
        os.waitpid(middle, 0)
        os.close(writing)
        child = os.read(reading, 4)
        for fd in (reading, *found):
            os.close(fd)
        if not child:
            return  # the other side reads of it
        connection.sendall(child)


class Direct:
    """Forks commands from this process.

    Args:
        base: environment with which it was started.
    """

    def __init__(self, base: Mapping[str, str]) -> None:
        self._base = base

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether a command with this environment can be forked."""
        return suits(environment, self._base)

    def __call__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        folder: str,
        streams: Streams,
        session: bool,
        ours: Sequence[int],
    ) -> int:
        """Start a command and return its process id; `ours` are the ends of its pipes that this process keeps."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        child = os.fork()
        if not child:
            for fd in ours:
                if fd != -1:
                    os.close(fd)
            gc.freeze()
            become(words, environment, folder, streams, session)
        return child


def become(words: Sequence[str], environment: Mapping[str, str], folder: str, streams: Streams, session: bool) -> None:
    """Run a command of zoo in this process, as a new interpreter would, and end the process."""
    code = 1
    try:
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        if session:
            os.setsid()
        kept = [os.dup(fd) for fd in streams]
        for number, fd in enumerate(kept):
            os.dup2(fd, number)
        for fd in {*kept, *streams} - {0, 1, 2}:
            os.close(fd)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        atexit._clear()  # type: ignore[attr-defined]
        atexit.register(multiprocessing.util._exit_function)
        tempfile.tempdir = None  # by the new environment
        np.random.seed()
        sys.stdin, sys.stdout, sys.stderr = (
            open(  # noqa: SIM115 - open until the process ends
                number, mode, encoding="utf-8", errors=errors, buffering=1 if number == 2 else -1, closefd=False
            )
            for number, (mode, errors) in enumerate([("r", "strict"), ("w", "strict"), ("w", "backslashreplace")])
        )
        own = [] if words[1] == "-P" else [folder]
        added = [str(Path(entry).resolve()) for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
        sys.path[:] = [*own, *added, *SEARCHED]
        start = words.index("-m") + 1
        sys.argv = ["-m", *words[start + 1 :]]
        importlib.invalidate_caches()
        code = _run(words[start])
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        code = 70
    finally:
        os._exit(code)


def _run(module: str) -> int:
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()  # type: ignore[attr-defined]
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120  # as the interpreter says it
    return code


def _receive(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise EOFError("the process that forks zoo's commands has ended")
        found += part
    return found


SEARCHED: list[str] = []
"""Entries of `sys.path` of a new interpreter, without that of its script."""

if __name__ == "__main__":
    added = {str(Path(entry).resolve()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    SEARCHED[:] = [entry for entry in sys.path[1:] if entry not in added]  # the first one is of this script
    sys.path[:] = SEARCHED
    sys.modules["forked_zoo"] = sys.modules["__main__"]
    serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)  # libraries that were imported need no farewell
