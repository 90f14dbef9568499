"""Workers as processes of this machine: one per GPU, or one for the cores. Imports no torch."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from zoo.recipe import Recipe
from zoo.run.devices import Machine, plan_machine
from zoo.run.launch import worker_command
from zoo.settings import ENVIRONMENT


class LocalLauncher:
    """Starts workers on this machine.

    Args:
        results: results folder.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        jobs: runs at the same time, per GPU or on the cores; None: as suits the machine.
        processes: of one run, and so GPUs.

    Raises:
        UsageError: there are not so many GPUs, or none of that number.
    """

    lasting = False

    def __init__(self, results: Path, device: str, *, jobs: int | None = None, processes: int = 1) -> None:
        self._results, self._device, self._jobs, self._count = results, device, jobs, processes
        self._machine: Machine = plan_machine(device, jobs, processes, [])
        self._workers: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
        self._signals = 0

    @property
    def device(self) -> str:
        """Where the runs are executed."""
        return self._machine.device

    @property
    def threads(self) -> int | None:
        """Threads of each process of a run."""
        return self._machine.threads

    def expect(self, recipes: Sequence[Recipe]) -> None:
        """Divide the machine among the runs of a grid."""
        self._machine = plan_machine(self._device, self._jobs, self._count, recipes)

    def start(self, folders: Sequence[Path]) -> None:
        """Start a worker per GPU, or one for the cores; they share the runs among themselves."""
        names = "\n".join(folder.name for folder in folders).encode()
        for spec in self._machine.workers[: len(folders)]:
            log = tempfile.TemporaryFile()  # noqa: SIM115 - read when its worker has ended
            process = subprocess.Popen(
                worker_command(self._results, "--jobs", str(spec.jobs), "--runs", "-"),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only the bench, which then stops its workers
                env={**ENVIRONMENT, **os.environ, **spec.environment},
            )
            assert process.stdin
            with process.stdin as names_pipe:
                names_pipe.write(names)
            self._workers.append((process, log))

    def alive(self) -> bool:
        """Return whether a worker is running."""
        return any(process.poll() is None for process, _ in self._workers)

    def reason(self) -> str:
        """Return the last line that a worker wrote before it ended."""
        for process, log in reversed(self._workers):
            if process.poll():
                log.seek(0)
                lines = log.read().decode(errors="replace").split("\n")
                last = next((line.strip() for line in reversed(lines) if line.strip()), "")
                return f"its worker ended with exit code {process.returncode}: {last}"
        return "no worker executed it"

    def stop(self, times: int) -> None:
        """Send SIGTERM to the workers, which each of them passes on; the second one ends the runs at once."""
        if times == self._signals:
            return
        self._signals = times
        for process, _ in self._workers:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
