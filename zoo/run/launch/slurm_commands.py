"""Options of sbatch as parameters of submitit, and the jobs that squeue lists. Imports neither torch nor submitit."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from zoo.errors import UsageError

if TYPE_CHECKING:
    import submitit

GRACE = 120
"""Seconds before the end of a job's time at which its run saves its state."""
LOST_AFTER = 60.0
"""Seconds without a sign of a job after which it is lost."""
QUERY_EVERY = 15.0
"""Seconds between two calls of squeue."""
PATIENCE = 30.0
"""Seconds that squeue may take."""
ALIVE = ("PENDING", "RUNNING", "REQUEUED", "CONFIGURING", "COMPLETING", "SUSPENDED", "RESIZING", "UNKNOWN")
"""Accounting's states of jobs that are not over; submitit returns UNKNOWN for a job that accounting does not list."""
UNREACHABLE = ("unable to contact", "timed out", "connection refused")
"""What squeue prints when the controller does not answer."""


def parse_options(text: str) -> dict[str, str]:
    """Return the options of sbatch by name.

    >>> parse_options("partition=gpu,time=12:00:00")
    {'partition': 'gpu', 'time': '12:00:00'}

    Raises:
        UsageError: one has no value.
    """
    options = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, _, value = word.partition("=")
        if not name or not value:
            raise UsageError(f"`slurm` has {word!r}", "Write KEY=VALUE,KEY=VALUE, e.g. partition=gpu,time=12:00:00")
        options[name.strip().lstrip("-").replace("-", "_")] = value.strip()
    return options


def minutes(text: str) -> int:
    """Return a time in Slurm's notation in minutes, rounded up: `90`, `90:00`, `12:00:00`, `1-0`, `1-12:30`.

    >>> minutes("90"), minutes("12:00:00"), minutes("1-12:30")
    (90, 720, 2190)

    Raises:
        UsageError: it is none of these.
    """
    if not re.fullmatch(r"(\d+-)?\d+(:\d+){0,2}", text):
        raise UsageError(f"`slurm` has time={text}", "Write minutes, hours:minutes:seconds or days-hours")
    days, dash, rest = text.rpartition("-")
    numbers = [int(number) for number in rest.split(":")]
    if not dash and len(numbers) < 3:
        numbers.insert(0, 0)  # without days, one or two numbers are minutes and seconds
    hours, whole_minutes, seconds = (*numbers, 0, 0)[:3]
    return int(days or 0) * 1440 + hours * 60 + whole_minutes + (seconds > 0)


def parameters(options: Mapping[str, str], device: str, processes: int, jobs: int | None) -> dict[str, Any]:
    """Return submitit's parameters for options of sbatch; those that it does not know are passed to sbatch.

    Raises:
        UsageError: the nodes cannot share the processes of a run equally, or an option's value is wrong.
    """
    rest = dict(options)
    try:
        nodes = int(rest.pop("nodes", "1"))
    except ValueError:
        raise UsageError("`slurm` has nodes that are no number", "Write nodes=2") from None
    if nodes < 1 or processes % nodes:
        raise UsageError(f"{processes} processes cannot be divided equally among {nodes} nodes", "Use `gpus_per_run`=N")
    found: dict[str, Any] = {"name": "zoo", "nodes": nodes, "tasks_per_node": 1, "slurm_signal_delay_s": GRACE}
    found["timeout_min"] = minutes(rest.pop("time", "1-0"))
    if device != "cpu" and not rest.keys() & {"gres", "gpus", "gpus_per_node", "gpus_per_task"}:
        found["gpus_per_node"] = processes // nodes
    if "cpus_per_task" in rest:
        found["cpus_per_task"] = int(rest.pop("cpus_per_task"))
    if jobs is not None:
        found["slurm_array_parallelism"] = jobs
    if rest:
        found["slurm_additional_parameters"] = {name.replace("_", "-"): value for name, value in rest.items()}
    return found


class Queue:
    """Finds lost jobs, which neither accounting (sacct, through submitit) nor the queue (squeue) lists.

    Accounting may be off or late, and then does not list waiting jobs either; the queue lists all that wait or run.

    Args:
        exists: whether there is a queue; submitit's local executor has none.
    """

    def __init__(self, *, exists: bool) -> None:
        self._exists = exists
        self._listed: set[str] | None = set()
        self._queried_at = -QUERY_EVERY
        self._missing: dict[str, float] = {}

    def find_lost(self, jobs: Collection[str]) -> set[str]:
        """Return the jobs that the queue has not listed for `LOST_AFTER` seconds.

        Args:
            jobs: ids of jobs that are not finished according to accounting.
        """
        if not self._exists:
            return set()
        now = time.monotonic()
        if jobs and now - self._queried_at >= QUERY_EVERY:
            self._queried_at, self._listed = now, _query(jobs)
        missing = set() if self._listed is None else set(jobs) - self._listed
        self._missing = {job: self._missing.get(job, now) for job in missing}
        return {job for job, missed_at in self._missing.items() if now - missed_at >= LOST_AFTER}


def is_alive(job: submitit.Job[int]) -> bool:
    """Return whether a job waits or runs according to accounting, or is not listed there."""
    return job.state.upper().split(" ")[0] in ALIVE


def _query(jobs: Collection[str]) -> set[str] | None:
    """Return those of the jobs that squeue lists; None where it does not answer."""
    arrays = sorted({job.split("_")[0] for job in jobs})
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={','.join(arrays)}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return None
    except OSError:
        return set()
    if done.returncode and any(words in done.stderr.lower() for words in UNREACHABLE):
        return None
    return set(jobs) & set(done.stdout.split())
