"""The command that executes a run in processes of its own: torchrun, on one machine or on all of a Slurm job."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import sys
from pathlib import Path

from zoo.errors import ZooError
from zoo.run.job import Job

PORTS = range(20_000, 30_000)
"""Where processes of several machines meet; each Slurm job has a port of its own."""


def launch_command(folder: Path, job: Job) -> tuple[list[str], dict[str, str]]:
    """Return the command that executes a planned run, and its environment.

    Raises:
        ZooError: the machines of this Slurm job cannot share the processes equally.
    """
    # As -P: a file or folder of the user's that is named as a module must not come before it.
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
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
    words = [f"--nproc_per_node={job.processes // machines}", f"--nnodes={machines}"]
    words += [f"--master_addr={socket.gethostname()}", f"--master_port={port}"]
    each = f"exec {shlex.join([*torchrun, *words])} --node_rank=$SLURM_NODEID {shlex.join(train)}"
    srun = ["srun", "--overlap", f"--nodes={machines}", f"--ntasks={machines}", "--ntasks-per-node=1"]
    return [*srun, "sh", "-c", each], environment
