"""Which submitted jobs still exist, by accounting (sacct, through submitit) and by the queue (squeue).

Accounting may be switched off or late, and then calls every job unknown, one that waits as well as one that vanished with its
machine. The queue lists all jobs that wait or run. A job is lost when neither knows it.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import submitit

LOST_AFTER = 60.0
"""Seconds without a sign of a job after which it is lost."""
ASK_EVERY = 15.0
"""Seconds between two calls of squeue."""
PATIENCE = 30.0
"""Seconds that squeue may take to answer."""
ALIVE = ("PENDING", "RUNNING", "REQUEUED", "CONFIGURING", "COMPLETING", "SUSPENDED", "RESIZING", "UNKNOWN")
"""Accounting's states of jobs that are not over, and submitit's word for a job that accounting does not know."""
UNREACHABLE = ("unable to contact", "timed out", "connection refused")
"""What squeue prints when the controller does not answer, which says nothing about jobs."""


class Queue:
    """Looks for jobs in Slurm's queue.

    Args:
        exists: whether there is a queue; submitit's local executor has none and knows its processes.
    """

    def __init__(self, *, exists: bool) -> None:
        self._exists = exists
        self._known: set[str] | None = set()
        self._asked = -ASK_EVERY
        self._missing: dict[str, float] = {}

    def find_lost(self, jobs: Collection[str]) -> set[str]:
        """Return the jobs that the queue has not listed for `LOST_AFTER` seconds.

        Args:
            jobs: ids of jobs that accounting does not call finished.
        """
        if not self._exists:
            return set()
        now = time.monotonic()
        if jobs and now - self._asked >= ASK_EVERY:
            self._asked, self._known = now, _query(jobs)
        missing = set() if self._known is None else set(jobs) - self._known
        self._missing = {job: self._missing.get(job, now) for job in missing}
        return {job for job, since in self._missing.items() if now - since >= LOST_AFTER}


def is_alive(job: submitit.Job[int]) -> bool:
    """Return whether accounting calls a job queued or running, or does not know it."""
    return job.state.upper().split(" ")[0] in ALIVE


def _query(jobs: Collection[str]) -> set[str] | None:
    """Return those of the jobs that squeue lists; None where it cannot say."""
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
    listed = {line.strip() for line in done.stdout.splitlines()}
    # A job that is no array is listed by its number alone.
    return {job for job in jobs if job in listed}
