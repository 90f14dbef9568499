"""The process that `forked_zoo` starts: it imports torch, and forks a process for each command that it is sent."""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import multiprocessing.util
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from forked_zoo import Command, ForkedPopen, receive

from zoo.run.worker import PRELOADED

SEARCHED: list[str] = []
"""Entries of `sys.path` of a new interpreter, without that of its script."""


def serve(connection: socket.socket, base: Mapping[str, str]) -> None:
    """Fork one process for each command, until the other side closes; `base` is the environment of this process."""
    for name in (*PRELOADED, "zoo.cli.main"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    while True:
        head, found, *_ = socket.recv_fds(connection, 4, 3)
        if not head:
            return
        words, environment, folder, session = json.loads(receive(connection, int.from_bytes(head, "big")))
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
            ForkedPopen.replace_popen(fork_here, base)
            become(Command(words=words, environment=environment, folder=folder, session=session, streams=list(found)))
        os.waitpid(middle, 0)
        os.close(writing)
        child = os.read(reading, 4)
        for fd in (reading, *found):
            os.close(fd)
        if not child:
            return  # the other side reads of it
        connection.sendall(child)


def fork_here(command: Command) -> int:
    """Start a command by a fork of this process, and return its process id."""
    child = os.fork()
    if not child:
        for fd in command.ours:
            os.close(fd)
        gc.freeze()
        become(command)
    return child


def become(command: Command) -> None:
    """Run a command of zoo in this process, as a new interpreter would, and end the process."""
    code = 1
    try:
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        if command.session:
            os.setsid()
        kept = [os.dup(fd) for fd in command.streams]
        for number, fd in enumerate(kept):
            os.dup2(fd, number)
        for fd in {*kept, *command.streams} - {0, 1, 2}:
            os.close(fd)
        os.chdir(command.folder)
        os.environ.clear()
        os.environ.update(command.environment)
        atexit._clear()  # what was registered belongs to the process that was forked
        atexit.register(multiprocessing.util._exit_function)
        tempfile.tempdir = None  # by the new environment
        np.random.seed()
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, encoding="utf-8", errors=errors, buffering=1 if number == 2 else -1, closefd=False)
            for number, (mode, errors) in enumerate([("r", "strict"), ("w", "strict"), ("w", "backslashreplace")])
        )
        _, *flags, module = command.words[: command.words.index("-m") + 2]
        own = [] if "-P" in flags else [command.folder]
        sys.path[:] = [*own, *_added(command.environment), *SEARCHED]
        sys.argv = ["-m", *command.words[len(flags) + 2 :]]
        importlib.invalidate_caches()
        code = _run(module)
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
    threading._shutdown()  # as an interpreter does at its end, and the next line
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120  # as the interpreter says it
    return code


def _added(environment: Mapping[str, str]) -> list[str]:
    """Return the entries of `sys.path` that an environment adds."""
    return [str(Path(entry).resolve()) for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]


if __name__ == "__main__":
    added = _added(os.environ)
    SEARCHED[:] = [entry for entry in sys.path[1:] if entry not in added]  # the first one is of this script
    sys.path[:] = SEARCHED
    serve(socket.socket(fileno=int(sys.argv[1])), dict(os.environ))
    os._exit(0)  # libraries that were imported need no farewell
