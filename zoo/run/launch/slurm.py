"""Cells as jobs of a Slurm cluster, through submitit: one array for all, requeued after preemption. Imports no torch.

A job is a supervisor that starts the cell as a process, as a bench on that machine would. When Slurm announces the end of its
time, the supervisor asks the cell to save its state and puts the job back into the queue. Cells claim their folders, so that many
jobs, benches and machines may share one results folder.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.errors import UsageError, ZooError
from zoo.files import write_atomically
from zoo.run.grid import Cell
from zoo.run.job import Event, Job
from zoo.run.launch import Ended
from zoo.run.launch.local import LocalCell, alone, start_program, together
from zoo.run.launch.slurm_options import parameters
from zoo.run.launch.slurm_queue import Queue, is_alive
from zoo.settings import ENVIRONMENT

if TYPE_CHECKING:
    import submitit

FOLDER = "slurm"
"""Folder of the jobs' files in the results folder."""
LOOK_EVERY = 5.0
"""Seconds between two looks at what jobs told."""
REQUEUES = 1000
"""How often a job may run out of time; a cell goes on from where it was."""
PORTS = range(20_000, 30_000)
"""Where processes of several machines meet; each job has a port of its own."""


class CellTask:
    """What a job runs: one machine's share of one cell.

    Args:
        folder: of the cell.
        job: what the cell is to do, as JSON.
        told: folder for the events, which the bench reads there.
    """

    def __init__(self, folder: str, job: str, told: str) -> None:
        self.folder, self.job, self.told = folder, job, told
        self._cell: LocalCell | None = None

    def __call__(self) -> str:
        """Run the cell and return how it ended."""
        import submitit

        environment = submitit.JobEnvironment()
        job = msgspec.json.decode(self.job, type=Job)
        folder = Path(self.folder)
        command = alone(folder) if job.processes == 1 else _share(folder, job, environment)
        self._cell = start_program(folder, command, ENVIRONMENT | os.environ, self.job)
        with (Path(self.told) / events_name(environment.job_id)).open("ab", buffering=0) as told:
            going = True
            while going:
                going = self._cell.read()
                if environment.global_rank == 0:
                    told.writelines(msgspec.json.encode(event) + b"\n" for event in self._cell.events())
            ended = self._cell.ended()
            assert ended is not None
            if environment.global_rank == 0:
                told.write(msgspec.json.encode(Event(what="ended", how=ended.how, text=ended.reason)) + b"\n")
        return ended.how

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """Let the cell save its state, and return what the job is to run when its turn comes again; submitit calls this."""
        from submitit.helpers import DelayedSubmission

        if self._cell and self._cell.ended() is None:
            self._cell.stop()
            while self._cell.read():
                pass
        return DelayedSubmission(CellTask(self.folder, self.job, self.told))


class SlurmCell:
    """A cell that was or will be submitted."""

    shared = False

    def __init__(self, cell: Cell, job: Job, told: Path, submitted: submitit.Job[str] | None) -> None:
        self.cell, self.job, self.submitted = cell, job, submitted
        self.earlier = submitted is not None
        self._told, self._read = told, 0
        self._events: list[Event] = []
        self._ended: Ended | None = None
        self._queued = False

    submitted: submitit.Job[str] | None
    earlier: bool
    """Whether an earlier bench submitted it."""

    def look(self, lost: Collection[str]) -> None:
        """Take in what the job told since the last look; those in `lost` are known to nobody any more."""
        if self.submitted is None or self._ended:
            return
        if not self._queued:
            self._queued = True
            self._events.append(Event(what="stage", text=f"job {self.submitted.job_id} is queued"))
        over = not is_alive(self.submitted)  # queried first: what it tells last is then surely there
        self._take_in()
        if over and self._ended is None:
            self._ended = Ended(how="failed", reason=self._why())
        elif self.submitted.job_id in lost and self._ended is None:
            self._lose(self.submitted.job_id)

    def events(self) -> list[Event]:
        """Return what it told since this was last asked."""
        events, self._events = self._events, []
        return events

    def ended(self) -> Ended | None:
        """Return how it ended, None while it waits or runs."""
        return self._ended

    def stop(self) -> None:
        """Do nothing: jobs outlive the bench."""

    kill = stop

    def _lose(self, job_id: str) -> None:
        """Submit the run again where an earlier bench had submitted it, else give it up."""
        note_of(self._told, self.cell).unlink(missing_ok=True)
        if self.earlier:
            self.submitted, self.earlier, self._queued = None, False, False
            self._events.append(Event(what="stage", text=f"job {job_id} is lost; submitting another"))
        else:
            reason = f"job {job_id} is lost: squeue and sacct do not know it, and no process works on its run"
            self._ended = Ended(how="failed", reason=f"{reason}. Run the same command again to submit it again")

    def _take_in(self) -> None:
        assert self.submitted is not None
        try:
            with (self._told / events_name(self.submitted.job_id)).open("rb") as file:
                file.seek(self._read)
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._read += len(line)
            event = msgspec.json.decode(line, type=Event)
            if event.what != "ended":
                self._events.append(event)
            elif event.how == "interrupted":
                self._events.append(Event(what="stage", text="saved its state; queued again"))
            else:
                self._ended = Ended(how=event.how, reason=event.text)

    def _why(self) -> str:
        assert self.submitted is not None
        job = self.submitted
        lines = (job.stderr() or "").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it left no word")
        return f"job {job.job_id} ended as {job.state}: {last} ({job.paths.stderr.name} in {self._told} has it all)"


class SlurmLauncher:
    """Submits cells to Slurm.

    Args:
        out: results folder, which all machines see under the same path.
        options: of sbatch, by name.
        device: `auto`, `cpu` or `cuda`.
        per_cell: processes, and so GPUs, of a cell.
        jobs: cells at once; None: as many as Slurm runs.
        cluster: submitit's name of the executor; `local` runs jobs here, as the tests do.

    Raises:
        UsageError: submitit or Slurm is not there, or an option is wrong.
    """

    lasting = True

    def __init__(
        self,
        out: Path,
        options: Mapping[str, str],
        *,
        device: str = "auto",
        per_cell: int = 1,
        jobs: int | None = None,
        cluster: str = "slurm",
    ) -> None:
        self.device = device
        self._out = out.resolve()
        self._told = self._out / FOLDER
        self._executor = _make_executor(self._told, parameters(options, device, per_cell, jobs), cluster)
        self._kind = _job_kind(cluster)
        self._queue = Queue(exists=cluster == "slurm")
        self._cells: list[SlurmCell] = []
        self._looked = 0.0

    def expect(self, cells: Sequence[Cell]) -> None:
        """Do nothing: Slurm divides its machines."""

    def start(self, cell: Cell, job: Job, *, alone: bool = False) -> SlurmCell:
        """Take a cell on; it is submitted with the others at the next `wait`."""
        started = SlurmCell(cell, job, self._told, self._running_already(cell))
        self._cells.append(started)
        return started

    def wait(self, seconds: float) -> None:
        """Submit what was started, sleep, and look from time to time at what jobs told."""
        new = [cell for cell in self._cells if cell.submitted is None]
        if new:
            self._submit(new)
        time.sleep(seconds)
        if time.monotonic() - self._looked >= LOOK_EVERY or new:
            self._looked = time.monotonic()
            jobs = {cell.submitted.job_id: cell for cell in self._cells if cell.submitted and is_alive(cell.submitted)}
            lost = self._queue.find_lost({number: cell.cell.folder for number, cell in jobs.items()})
            for cell in self._cells:
                cell.look(lost)
            self._cells = [cell for cell in self._cells if cell.ended() is None]

    def close(self) -> None:
        """Do nothing: jobs outlive the bench."""

    def _submit(self, cells: Sequence[SlurmCell]) -> None:
        with self._executor.batch():
            for cell in cells:
                # Paths must mean the same on every machine.
                task = CellTask(
                    str(cell.cell.folder.resolve()), msgspec.json.encode(cell.job).decode(), str(self._told)
                )
                cell.submitted = self._executor.submit(task)
        for cell in cells:
            assert cell.submitted is not None
            write_atomically(note_of(self._told, cell.cell), cell.submitted.job_id.encode())

    def _running_already(self, cell: Cell) -> submitit.Job[str] | None:
        """Return the job that an earlier bench submitted for a cell, where it is still queued or running."""
        try:
            number = note_of(self._told, cell).read_text()
        except FileNotFoundError:
            return None
        job: submitit.Job[str] = self._kind(self._told, number)
        return job if is_alive(job) else None


def note_of(folder: Path, cell: Cell) -> Path:
    """Return the file that names a run's job for the next bench."""
    return folder / f"{cell.folder.name}.job"


def events_name(job_id: str) -> str:
    """Return the name of the file of a job's events."""
    return f"{job_id}_events.jsonl"


def _make_executor(folder: Path, chosen: Mapping[str, Any], cluster: str) -> submitit.Executor:
    try:
        import submitit
    except ImportError:
        raise UsageError("--launcher slurm needs submitit", "Type: pip install 'thermal-zoo[slurm]'") from None
    make: Callable[..., submitit.AutoExecutor] = submitit.AutoExecutor
    try:
        executor = make(folder, cluster=cluster, **{f"{cluster}_max_num_timeout": REQUEUES})
    except RuntimeError as error:
        raise UsageError(
            f"--launcher slurm was asked for, and this machine has no Slurm: {error}",
            "Type it where sbatch is, e.g. on the cluster's login node",
        ) from None
    executor.update_parameters(**chosen)
    return executor


def _job_kind(cluster: str) -> type[submitit.Job[str]]:
    import submitit

    # The executor's own `job_class` is the abstract one.
    return submitit.SlurmJob if cluster == "slurm" else submitit.LocalJob


def _share(folder: Path, job: Job, environment: submitit.JobEnvironment) -> list[str]:
    """Return the command of this machine's share of a cell of several processes."""
    if job.processes % environment.num_nodes:
        raise ZooError(f"{job.processes} processes cannot be divided equally among {environment.num_nodes} nodes")
    number = int(re.sub(r"\D", "", environment.job_id))
    return together(
        folder,
        job,
        machines=environment.num_nodes,
        machine=environment.node,
        address=environment.hostnames[0],
        port=PORTS[number % len(PORTS)],
    )
