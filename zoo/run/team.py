"""One cell trained by several processes, which `accelerate launch` started on one machine or many."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from zoo.run.cell import Stop, Tell, admit, guarded, lost
from zoo.run.job import Event, Job
from zoo.run.lease import held
from zoo.run.work import join, work


def run_together(folder: Path, job: Job, tell: Tell, stop: Stop) -> Event:
    """Do this process's share of a cell's job; return how the cell ended, which the first process also tells.

    Raises:
        UsageError: the device is not there, or the number of processes is not the job's.
        ZooError: a record is damaged, or the folder cannot be written.
    """
    device, together = join(job)
    say: Tell = tell if together.first else _nothing
    with held(folder, job.expired) if together.first else nullcontext() as claim:
        ending = together.share(admit(folder, job, claim) if together.first else None)
        if ending is None:
            say(Event(what="stage", text="loading"))
            joined = device, together
            ending = guarded(folder, job, lambda: work(folder, job, say, lambda: stop() or lost(claim), joined=joined))
    say(ending)
    return ending


def _nothing(event: Event) -> None:
    """Tell nobody: the first process speaks for all."""
