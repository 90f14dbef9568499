"""Cells as processes of this machine, as many at once as there is room for. Imports no torch."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from zoo.run.grid import Cell
from zoo.run.job import JOB_VARIABLE, LOG_FILE, Event, Job
from zoo.run.launch import Ended
from zoo.run.launch.nursery import Nursery
from zoo.run.launch.slots import Place, Slots
from zoo.run.outcome import log_lines
from zoo.settings import ENVIRONMENT

KILLED = (
    "the cell was killed (signal 9), as systems do when memory runs out; the same command goes on from its checkpoint"
)
PORT = 29500
"""Where the processes of several machines meet."""
Files = tuple[int, int, int]
"""Descriptors of a process's standard input, output and errors."""


class _Child(Protocol):
    """A process, however it was started."""

    def wait(self) -> int:
        """Return the exit code of a process that has closed its standard output."""

    def kill(self) -> None:
        """End it at once."""


class LocalCell:
    """A cell that runs on this machine."""

    def __init__(self, folder: Path, child: _Child, orders: int, told: int, *, shared: bool) -> None:
        self.shared, self.told = shared, told
        self._folder, self._child, self._orders = folder, child, orders
        self._part, self._events = b"", list[Event]()
        self._last: Event | None = None
        self._ended: Ended | None = None

    def read(self) -> bool:
        """Take in what it told; return whether it goes on."""
        data = os.read(self.told, 1 << 16)
        *lines, self._part = (self._part + data).split(b"\n")
        for line in lines:
            # Whatever else writes there, as a launcher of several processes may, is no event.
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                self._hear(msgspec.json.decode(line, type=Event))
        if data:
            return True
        code = self._child.wait()
        os.close(self.told)
        self.stop()
        self._ended = self._judge(code)
        return False

    def events(self) -> list[Event]:
        """Return what it told since this was last asked."""
        events, self._events = self._events, []
        return events

    def ended(self) -> Ended | None:
        """Return how it ended, None while it runs."""
        return self._ended

    def stop(self) -> None:
        """Ask it to save its state and end."""
        if self._orders >= 0:
            os.close(self._orders)
            self._orders = -1

    def kill(self) -> None:
        """End it at once."""
        self.stop()
        self._child.kill()

    def _hear(self, event: Event) -> None:
        if event.what == "ended":
            self._last = event
        else:
            self._events.append(event)

    def _judge(self, code: int) -> Ended:
        if self._last:
            return Ended(how=self._last.how, reason=self._last.text)
        if code == -signal.SIGKILL:
            return Ended(how="failed", reason=KILLED)
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        lines = log_lines(self._folder)
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return Ended(how="failed", reason=f"the cell ended with {ended}: {last} ({LOG_FILE} in its folder has it all)")


class LocalLauncher:
    """Starts cells on this machine.

    Args:
        slots: where there is room.
        forks: whether one-process cells are forked from a process that has torch imported already.
    """

    lasting = False

    def __init__(self, slots: Slots, *, forks: bool = sys.platform == "linux") -> None:
        self.device = slots.device
        self._slots, self._forks = slots, forks
        self._nursery: Nursery | None = None
        self._environment: dict[str, str] = {}
        self._inherit()
        self._running = selectors.DefaultSelector()

    def expect(self, cells: Sequence[Cell]) -> None:
        """Divide the machine among the cells of a grid."""
        self._slots.expect([cell.recipe for cell in cells])
        self._inherit()

    def _inherit(self) -> None:
        self._environment = ENVIRONMENT | self._slots.environment | os.environ

    def start(self, cell: Cell, job: Job, *, alone: bool = False) -> LocalCell | None:
        """Start a cell where there is room, else return None.

        Raises:
            OSError: its folder cannot be written.
        """
        place = self._slots.take(cell.recipe, alone=alone)
        if place is None:
            return None
        started = _connect(cell.folder, lambda files: self._begin(cell.folder, job, place, files), shared=place.shared)
        self._running.register(started.told, selectors.EVENT_READ, (started, place))
        return started

    def wait(self, seconds: float) -> None:
        """Return when a cell told something or ended, or after that time."""
        for key, _ in self._running.select(seconds):
            started, place = key.data
            if not started.read():
                self._running.unregister(key.fd)
                self._slots.give(place)

    def close(self) -> None:
        """End the process that cells are forked from."""
        self._running.close()
        if self._nursery:
            self._nursery.close()

    def _begin(self, folder: Path, job: Job, place: Place, files: Files) -> _Child:
        handed = {**place.environment, JOB_VARIABLE: msgspec.json.encode(job).decode()}
        if job.processes == 1 and self._forks:
            with contextlib.suppress(OSError):  # it died, as torch may be broken; a plain process will say how
                self._nursery = self._nursery or Nursery(self._environment)
                return _Forked(self._nursery, self._nursery.start(folder, handed, files))
            self._forks = False
        command = alone(folder) if job.processes == 1 else together(folder, job)
        return _Process(command, {**self._environment, **handed}, files)


def start_program(folder: Path, command: list[str], environment: Mapping[str, str], job: str) -> LocalCell:
    """Start a cell by its command (`alone`, `together`) and hand it its job as JSON.

    Raises:
        OSError: its folder cannot be written.
    """
    return _connect(folder, lambda files: _Process(command, {**environment, JOB_VARIABLE: job}, files))


def _connect(folder: Path, begin: Callable[[Files], _Child], *, shared: bool = False) -> LocalCell:
    """Start a cell between two pipes, one to end by and one to tell through; its errors go to the folder's log."""
    folder.mkdir(parents=True, exist_ok=True)
    orders, told = os.pipe(), os.pipe()
    with (folder / LOG_FILE).open("ab") as log:
        try:
            child = begin((orders[0], told[1], log.fileno()))
        finally:
            os.close(orders[0])
            os.close(told[1])
    return LocalCell(folder, child, orders[1], told[0], shared=shared)


def alone(folder: Path) -> list[str]:
    """Return the command of a cell of one process."""
    # -P: a file or folder of the user's that is named as a module must not come before it.
    return [sys.executable, "-P", "-m", "zoo.run.cell", str(folder)]


def together(
    folder: Path, job: Job, *, machines: int = 1, machine: int = 0, address: str = "", port: int = PORT
) -> list[str]:
    """Return the command of one machine's share of a cell of several processes: torchrun, as `accelerate launch` runs it.

    Args:
        folder: of the cell.
        job: how many processes there are, on all machines.
        machines: number of machines.
        machine: which of them this one is, from 0.
        address: name of the first machine, where there are several.
        port: on which their processes meet.
    """
    words = [sys.executable, "-P", "-m", "torch.distributed.run", f"--nproc_per_node={job.processes // machines}"]
    if machines == 1:
        words.append("--standalone")  # on a port that is free
    else:
        words += [f"--nnodes={machines}", f"--node_rank={machine}", f"--master_addr={address}", f"--master_port={port}"]
    return [*words, "-m", "zoo.run.cell", str(folder)]


class _Forked:
    """A cell that the nursery forked."""

    def __init__(self, nursery: Nursery, number: int) -> None:
        self._nursery, self._number = nursery, number

    def wait(self) -> int:
        try:
            return self._nursery.wait(self._number)
        except OSError:
            return 1

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self._nursery.kill(self._number)


class _Process:
    """A cell that was started as a program."""

    def __init__(self, command: list[str], environment: Mapping[str, str], files: Files) -> None:
        # A session of its own, so that Ctrl-C reaches only the bench, which then asks the cell to save and stop.
        self._process = subprocess.Popen(
            command,
            stdin=files[0],
            stdout=files[1],
            stderr=files[2],
            start_new_session=True,
            env={**environment, "PYTHONSAFEPATH": "1"},  # as -P, for the processes that torchrun starts
        )

    def wait(self) -> int:
        return self._process.wait()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
