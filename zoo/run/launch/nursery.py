"""A process that has imported what every cell needs, and forks: its children start in milliseconds instead of seconds.

A child is a process of its own as any other cell, and dies alone. The nursery never computes anything, so that it has neither
threads nor an accelerator's context, which a fork would break. Only the nursery itself, `python -m
zoo.run.launch.nursery`, imports torch.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LIMIT = 1 << 17
"""Largest message in bytes; a job has a few thousand."""
USUAL = ("matplotlib.backends.backend_agg", "matplotlib.figure", "scipy.stats", "torchmetrics.functional.image")
"""Modules that most cells import only when they need them."""


class Nursery:
    """The side of the bench: starts the nursery's process and asks it for children.

    Args:
        environment: of the process and all its children.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._asked = 0
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "zoo.run.launch.nursery"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                # Asking torch whether there is a card would open it, and leave it broken in every child.
                env={"PYTORCH_NVML_BASED_CUDA_CHECK": "1", **environment},
            )

    def start(self, folder: Path, environment: Mapping[str, str], files: tuple[int, int, int]) -> int:
        """Fork a cell for a folder, with these standard files, and return its number; it may still have to wait for torch.

        Raises:
            OSError: the nursery is gone.
        """
        self._asked += 1
        request = {"do": "start", "child": self._asked, "folder": str(folder), "environment": dict(environment)}
        socket.send_fds(self._line, [json.dumps(request).encode()], list(files))
        return self._asked

    def kill(self, child: int) -> None:
        """End a child at once."""
        self._line.send(json.dumps({"do": "kill", "child": child}).encode())

    def wait(self, child: int) -> int:
        """Return the exit code of a child that has closed its files.

        Raises:
            OSError: the nursery is gone.
        """
        self._line.send(json.dumps({"do": "wait", "child": child}).encode())
        answer = self._line.recv(LIMIT)
        if not answer:
            raise ConnectionResetError("the nursery is gone")
        code: int = json.loads(answer)
        return code

    def close(self) -> None:
        """End the process; children that run are not touched."""
        self._line.close()
        self._process.wait()


def main() -> None:
    """Import, then do what the bench asks over standard input until it is gone."""
    with socket.socket(fileno=os.dup(0)) as line:
        with contextlib.suppress(Exception):  # a child will fail in the same way, and tell it
            _import()
        children: dict[int, int] = {}
        while True:
            message, files, _, _ = socket.recv_fds(line, LIMIT, 3)
            if not message:
                return
            request = json.loads(message)
            child = request["child"]
            if request["do"] == "start":
                children[child] = _fork(line, request, files)
            elif request["do"] == "kill":
                os.kill(children[child], 9)
            else:
                _, status = os.waitpid(children.pop(child), 0)
                line.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())


def _import() -> None:
    from importlib import import_module

    from zoo.registry import get_registry

    for name in ("zoo.run.work", *USUAL):
        import_module(name)
    get_registry()
    gc.collect()
    gc.freeze()  # a child that looks through all of this would copy it


def _fork(line: socket.socket, request: Mapping[str, Any], files: list[int]) -> int:
    child = os.fork()
    if child:
        for file in files:
            os.close(file)
        return child
    code = 1
    try:
        line.close()
        os.setsid()
        for place, file in enumerate(files):
            os.dup2(file, place)
            os.close(file)
        os.environ.update(request["environment"])
        sys.argv = ["zoo.run.cell", request["folder"]]
        from zoo.run.cell import main as cell

        code = cell()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
