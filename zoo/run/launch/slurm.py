"""Starts workers as a job array of a Slurm cluster, through submitit. Imports no torch.

A job starts a worker. When Slurm announces the end of the job's time or a preemption, the job stops the worker, whose run saves
its state, and requeues itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.errors import UsageError
from zoo.files import write_atomically
from zoo.run.launch import Launcher, worker_command
from zoo.run.launch.slurm_commands import Queue, is_alive, parameters
from zoo.settings import ENVIRONMENT

if TYPE_CHECKING:
    import submitit

FOLDER = "slurm"
"""Folder of the jobs' files in the results folder."""
JOBS_FILE = "jobs.json"
"""Ids of the submitted jobs, for the next bench."""
REQUEUES = 1000
"""How often a job may run out of time and resume."""


class WorkerTask:
    """The callable of a job: runs a worker for a results folder."""

    def __init__(self, results: str) -> None:
        self.results = results
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        """Run the worker and return its exit code; of several nodes, the first one's worker starts the runs on all."""
        import submitit

        if submitit.JobEnvironment().global_rank > 0:
            return 0
        # Slurm requeues jobs, so a worker does not wait for runs that others hold.
        command = worker_command(Path(self.results), "--no-wait")
        self._process = subprocess.Popen(command, env={**ENVIRONMENT, **os.environ})
        return self._process.wait()

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """Stop the worker, whose runs save their state, and return the callable of the requeued job; submitit calls this."""
        from submitit.helpers import DelayedSubmission

        if self._process:
            # Not by methods of Popen: this runs as a signal handler inside its `wait`, which holds a lock.
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._process.pid, signal.SIGTERM)
                os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        return DelayedSubmission(WorkerTask(self.results))


class SlurmLauncher(Launcher):
    """Submits workers to Slurm.

    Args:
        results: results folder, under the same path on all machines.
        options: of sbatch, by name.
        device: `auto`, `cpu` or `cuda`.
        processes: of one run, and so GPUs.
        jobs: number of parallel runs; None: as many as Slurm starts.
        cluster: submitit's name of the executor; `local` runs jobs on this machine.

    Raises:
        UsageError: submitit or Slurm is missing, or an option is wrong.
    """

    lasting = True

    def __init__(
        self,
        results: Path,
        options: Mapping[str, str],
        *,
        device: str = "auto",
        processes: int = 1,
        jobs: int | None = None,
        cluster: str = "slurm",
    ) -> None:
        self.device = device
        self._results = results.resolve()
        self._folder = self._results / FOLDER
        self._executor = _make_executor(self._folder, parameters(options, device, processes, jobs), cluster)
        self._cluster, self._queue = cluster, Queue(exists=cluster == "slurm")
        self._jobs: list[submitit.Job[int]] = []

    def start(self, folders: Sequence[Path], workers: int) -> None:
        """Submit so many workers; those of an earlier bench that still wait or run count."""
        self._jobs = [job for job in self._earlier() if is_alive(job)]
        missing = workers - len(self._jobs)
        if missing > 0:
            with self._executor.batch():
                submitted = [self._executor.submit(WorkerTask(str(self._results))) for _ in range(missing)]
            self._jobs += submitted
            ids = [job.job_id for job in self._jobs]
            write_atomically(self._folder / JOBS_FILE, msgspec.json.encode(ids))

    def alive(self) -> bool:
        """Return whether a job waits or runs."""
        waiting = [job.job_id for job in self._jobs if is_alive(job)]
        return bool(set(waiting) - self._queue.find_lost(waiting))

    def reason(self) -> str:
        """Return why the jobs ended: lost, or the last line of output."""
        lost = self._queue.find_lost([job.job_id for job in self._jobs if is_alive(job)])
        if lost:
            return f"job {', '.join(sorted(lost))} is lost: squeue and sacct do not list it. Run the same command again"
        for job in reversed(self._jobs):
            lines = [line.strip() for line in (job.stderr() or "").splitlines() if line.strip()]
            if lines:
                source = f"{job.paths.stderr.name} in {self._folder} has the whole output"
                return f"job {job.job_id} ended as {job.state}: {lines[-1]} ({source})"
        return f"its jobs ended without output; see {self._folder}"

    def _earlier(self) -> list[submitit.Job[int]]:
        """Return the jobs that earlier benches submitted for this results folder."""
        import submitit

        # The executor's `job_class` is abstract.
        kind = submitit.SlurmJob if self._cluster == "slurm" else submitit.LocalJob
        try:
            ids = msgspec.json.decode((self._folder / JOBS_FILE).read_bytes(), type=list[str])
        except (OSError, ValueError):
            return []
        return [kind(self._folder, job_id) for job_id in ids]


def _make_executor(folder: Path, chosen: Mapping[str, Any], cluster: str) -> submitit.Executor:
    try:
        import submitit
    except ImportError:
        raise UsageError("launcher slurm requires submitit", "Run: pip install 'thermal-zoo[slurm]'") from None
    make: Callable[..., submitit.AutoExecutor] = submitit.AutoExecutor
    try:
        executor = make(folder, cluster=cluster, **{f"{cluster}_max_num_timeout": REQUEUES})
    except RuntimeError as error:
        raise UsageError(
            f"launcher slurm was requested, and this machine has no Slurm: {error}",
            "Run it on the cluster's login node, where sbatch is installed",
        ) from None
    executor.update_parameters(**chosen)
    return executor
