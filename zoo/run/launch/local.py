"""Starts workers as processes of this machine: one per GPU, or one for the CPU cores. Imports no torch."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from zoo.recipe import Recipe
from zoo.run.devices import plan_machine
from zoo.run.launch import Launcher, worker_command
from zoo.settings import ENVIRONMENT


class LocalLauncher(Launcher):
    """Starts workers on this machine.

    Args:
        results: results folder.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        jobs: number of parallel runs, per GPU or on the cores; None: as suits the machine.
        processes: processes, and so GPUs, of one run.

    Raises:
        UsageError: there are too few GPUs, or none of that number.
    """

    def __init__(self, results: Path, device: str, *, jobs: int | None = None, processes: int = 1) -> None:
        self._results, self._jobs, self._processes, self._requested_device = results, jobs, processes, device
        self._workers: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
        self._signals = 0
        self.expect([])

    def expect(self, recipes: Sequence[Recipe]) -> None:
        """Divide the machine's cores and memory among the trainings of a grid."""
        self._machine = plan_machine(self._requested_device, self._jobs, self._processes, recipes)
        self.device, self.threads = self._machine.device, self._machine.threads

    def start(self, folders: Sequence[Path], workers: int) -> None:
        """Start a worker per GPU, at most so many, or one for the cores; each executes the next run that has no lease."""
        names = "\n".join(folder.name for folder in folders).encode()
        visible = [{"CUDA_VISIBLE_DEVICES": gpus} for gpus in self._machine.gpus] or [{}]
        for environment in visible[:workers]:
            log = tempfile.TemporaryFile()  # noqa: SIM115 - read after its worker ended
            process = subprocess.Popen(
                worker_command(self._results, "--jobs", str(self._machine.jobs), "--runs", "-"),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only the bench, which then stops its workers
                env={**ENVIRONMENT, **os.environ, **environment},
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
        """Send SIGTERM to the workers, which stop their runs; the second one kills the runs."""
        if times == self._signals:
            return
        self._signals = times
        for process, _ in self._workers:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
