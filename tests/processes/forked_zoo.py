"""Runs `python -m zoo` and `python -m pytest` of the tests in forks of one process that has imported torch, which takes seconds.

`install` replaces `subprocess.Popen` in this process. Other commands, and those that set variables
which an interpreter or a library reads when it starts, run as they do without it. A process that was started so is a child of
the one that started it, with its own session, signals and standard streams. Linux only.
"""

from __future__ import annotations

import array
import ctypes
import inspect
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from zoo.settings import ENVIRONMENT

PR_SET_CHILD_SUBREAPER = 36
"""Of Linux's `prctl`: orphans among the descendants become children of this process."""
EARLY = re.compile("PYTHON(?!PATH)|OMP_|MKL_|OPENBLAS_|KMP_|CUDA_|TORCH_|ONEDNN_|MPL|MALLOC_|TZ|LD_|LC_|LANG")
"""Beginnings of variables that are read before the first line of a program; PYTHONPATH can be applied later."""
FRESH = {"PYTHON_OF_ITS_OWN": "1"}
"""Added to the environment of a command that must have an interpreter of its own, such as those that measure imports."""
UNUSUAL = ("preexec_fn", "pass_fds", "shell", "executable", "gid", "gids", "uid", "umask", "process_group")
"""Arguments of `Popen` that a fork does not honour."""
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
"""Ends of the pipes of a `Popen` whose command has started; -1 where there is none."""
_RealPopen = subprocess.Popen
_EXECUTE = inspect.signature(_RealPopen._execute_child)


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of zoo, and where it runs."""

    words: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    """Working folder."""
    session: bool
    """Whether it begins a session of its own."""
    streams: Sequence[int]
    """Descriptors of its standard streams."""
    ours: Sequence[int] = ()
    """Ends of its pipes that the process which starts it keeps."""


def install() -> None:
    """Make `subprocess.Popen` fork zoo's commands in this process and in what it starts so."""
    if not sys.platform.startswith("linux") or any(name.startswith(("COV", "ZOO_TESTS_FRESH")) for name in os.environ):
        return
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1):  # then this process could not wait for what it starts
        return
    base = dict(ENVIRONMENT | os.environ)
    ForkedPopen.replace_popen(Server(base), base)


class ForkedPopen(_RealPopen):
    """A `Popen` whose command of zoo is run by a fork."""

    fork: ClassVar[Callable[[Command], int]]
    """Starts a command and returns its process id."""
    base: ClassVar[Mapping[str, str]]
    """Environment of the process that is forked."""

    @classmethod
    def replace_popen(cls, fork: Callable[[Command], int], base: Mapping[str, str]) -> None:
        """Start zoo's commands in this process by `fork` from now on."""
        cls.fork, cls.base = staticmethod(fork), base
        subprocess.Popen = cls

    def _execute_child(self, *given: Any) -> None:
        options = _EXECUTE.bind(self, *given).arguments
        arguments = options["args"]
        words = [os.fspath(word) for word in arguments] if isinstance(arguments, list | tuple) else []
        environment = dict(os.environ if options["env"] is None else options["env"])
        usual = options["close_fds"] and options["restore_signals"]
        usual = usual and not any(options.get(name) not in (None, (), False, -1) for name in UNUSUAL)
        if not (usual and is_module(words) and suits(environment, self.base)):
            return super()._execute_child(*given)
        ends = {name: options[name] for name in PIPES}
        theirs = [ends[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        command = Command(
            words=words,
            environment=environment,
            folder=str(Path(options["cwd"] or ".").resolve(strict=True)),
            session=bool(options["start_new_session"]),
            streams=[number if fd == -1 else fd for number, fd in enumerate(theirs)],
            ours=[ends[name] for name in ("p2cwrite", "c2pread", "errread") if ends[name] != -1],
        )
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # else a fork writes it too
        self.pid = self.fork(command)
        self._child_created = True
        self._close_pipe_fds(*ends.values())
        return None


def is_module(words: Sequence[str]) -> bool:
    """Whether a command is `python [-P] -m zoo` or `python -m pytest`."""
    python, *rest = words[:4] or [""]
    return python == sys.executable and (rest[:2] in (["-m", "zoo"], ["-m", "pytest"]) or rest == ["-P", "-m", "zoo"])


def suits(environment: Mapping[str, str], base: Mapping[str, str]) -> bool:
    """Whether a process that was started with `base` can run a command with another environment."""
    names = {name for name in {*environment, *base} if EARLY.match(name)}
    return all(environment.get(name, ENVIRONMENT.get(name)) == base.get(name) for name in names)


class Server:
    """Forks commands from a process that is started with the first of them; they are children of this process.

    Args:
        base: environment of that process.
    """

    def __init__(self, base: Mapping[str, str]) -> None:
        self._base, self._socket, self._lock = base, None, threading.Lock()

    def __call__(self, command: Command) -> int:
        """Start a command and return its process id."""
        with self._lock:
            server, self._socket = self._socket or self._start(), None  # another one after an error
            shown = [command.words, command.environment, command.folder, command.session]
            request = json.dumps(shown).encode()
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", command.streams))
            server.sendmsg([len(request).to_bytes(4, "big")], [rights])
            server.sendall(request)
            child = int.from_bytes(receive(server, 4), "big")
            self._socket = server
        return child

    def _start(self) -> socket.socket:
        own, other = socket.socketpair()
        _RealPopen(
            [sys.executable, str(Path(__file__).with_name("fork_server.py")), str(other.fileno())],
            env=dict(self._base),
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        other.close()
        return own


def receive(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise EOFError("the process that forks zoo's commands has ended")
        found += part
    return found
