"""Starts workers on this machine (`local`) or through a cluster's scheduler (`slurm`). Imports no torch."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from zoo.errors import ZooError
from zoo.recipe import Recipe
from zoo.records.job import Job

PORTS = range(20_000, 30_000)
"""Ports where processes of several machines meet; each Slurm job has its own."""


class Launcher(ABC):
    """Starts workers for planned runs."""

    device: str
    """Device of the runs: `auto`, `cpu` or `cuda`."""
    threads: int | None = None
    """Threads of each process of a run; None: as the libraries choose."""
    lasting = False
    """Whether the workers outlive the bench."""

    def expect(self, recipes: Sequence[Recipe]) -> None:  # noqa: B027 - a scheduler divides the resources itself
        """Divide the resources among the trainings of a grid, before the first worker is started."""

    @abstractmethod
    def start(self, folders: Sequence[Path], workers: int) -> None:
        """Start at most so many workers for planned runs."""

    @abstractmethod
    def alive(self) -> bool:
        """Return whether any worker may still execute a run."""

    @abstractmethod
    def reason(self) -> str:
        """Return in one line why no worker is left, as far as is known."""

    def stop(self, times: int) -> None:  # noqa: B027 - lasting workers outlive the bench
        """Stop the workers, whose runs save their state; kill them the second time."""


def worker_command(results: Path, *words: str) -> list[str]:
    """Return the command line of a worker."""
    # -P: a user's file or folder with the name of a module must not come before it.
    return [sys.executable, "-P", "-m", "zoo", "worker", str(results), *words]


def launch_command(folder: Path, job: Job) -> tuple[list[str], dict[str, str]]:
    """Return the command that executes a planned run in processes of its own, by torchrun, and its environment.

    Raises:
        ZooError: the machines of this Slurm job cannot share the processes equally.
    """
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}  # as -P
    if job.threads:
        environment["OMP_NUM_THREADS"] = str(job.threads)
    train = ["-m", "zoo", "train", str(folder.resolve())]
    if job.processes == 1:
        return [sys.executable, *train], environment
    torchrun = [sys.executable, "-m", "torch.distributed.run"]
    machines = int(os.environ.get("SLURM_JOB_NUM_NODES", "1"))
    if machines == 1 or shutil.which("srun") is None:
        return [*torchrun, f"--nproc_per_node={job.processes}", "--standalone", *train], environment
    if job.processes % machines:
        raise ZooError(f"{job.processes} processes cannot be divided equally among {machines} machines")
    port = PORTS[int(os.environ.get("SLURM_JOB_ID", "0")) % len(PORTS)]
    torchrun += [f"--nproc_per_node={job.processes // machines}", f"--nnodes={machines}"]
    torchrun += [f"--master_addr={socket.gethostname()}", f"--master_port={port}"]
    each = f"exec {shlex.join(torchrun)} --node_rank=$SLURM_NODEID {shlex.join(train)}"
    srun = ["srun", "--overlap", f"--nodes={machines}", f"--ntasks={machines}", "--ntasks-per-node=1"]
    return [*srun, "sh", "-c", each], environment
