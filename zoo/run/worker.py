"""`zoo worker RESULTS`: executes the planned runs of a results folder. The worker itself never computes anything.

It imports once what every run needs, then repeats: find a run without a lease, fork a child that takes the lease and executes it,
wait. A child starts in milliseconds, is a process like any other, and dies alone. Since the worker has neither threads nor an
accelerator's context, a fork breaks nothing. What a run is to do and how far it is stand in its folder, so any number of workers
on any number of machines may share a results folder.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from zoo.errors import ZooError
from zoo.run.execute import execute, is_open, stop_signals
from zoo.run.job import LOG_FILE, RUN_FILE, Ending, Event, Job, read_job
from zoo.run.launch.distributed import launch_command
from zoo.run.lease import expired, holder
from zoo.run.outcome import changed, give_up
from zoo.run.progress import INTERRUPTED, ProgressWriter

USED = (
    "zoo.run.work",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "scipy.stats",
    "torchmetrics.functional.image",
)
"""Modules that most runs import."""
EXIT_CODES: Mapping[Ending, int] = {"done": 0, "skipped": 0, "leased": 0, "interrupted": 130, "failed": 1}
POLL = 0.05
"""Seconds between two looks for a child that ended."""
SCAN_EVERY = 2.0
"""Seconds between two looks for runs while other workers hold the rest."""
ATTEMPTS = 3
"""How often a worker starts one run that ends without a word and stays open."""


class Worker:
    """Executes planned runs until none is left.

    Args:
        results: folder of the runs.
        jobs: runs at the same time.
        only: names of the runs' folders; None: all that are planned.
        wait: whether to stay while other workers hold the rest, and take over when they die.
    """

    def __init__(self, results: Path, *, jobs: int = 1, only: Collection[str] | None = None, wait: bool = True) -> None:
        self._results, self._jobs, self._only, self._wait = results, jobs, only, wait
        self._children: dict[int, tuple[Path, Job]] = {}
        self._starts: dict[Path, int] = {}
        self._closed: dict[Path, int] = {}
        self._stopping = 0
        # A worker that a bench started ends with it.
        self._parent = os.getppid() if only is not None else 0

    def run(self) -> int:
        """Execute runs; return 0, or 130 after Ctrl-C or SIGTERM, which let the children save their state."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return self._loop()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _loop(self) -> int:
        runs: Iterator[tuple[Path, Job]] = iter(())
        scanned = -SCAN_EVERY
        while True:
            while not self._stopping and len(self._children) < self._jobs:
                found = next(runs, None)
                if found:
                    self._start(*found)
                elif time.monotonic() - scanned >= SCAN_EVERY:
                    runs, scanned = self._open_runs(), time.monotonic()
                else:
                    break
            if not self._children and (self._stopping or not self._anything_left()):
                return EXIT_CODES["interrupted"] if self._stopping else 0
            time.sleep(POLL)
            self._collect()
            if self._parent and os.getppid() != self._parent and not self._stopping:
                self._stop()  # the bench that started this worker is gone

    def _open_runs(self) -> Iterator[tuple[Path, Job]]:
        """Yield runs that nobody has done or works on, in the order in which they were planned."""
        running = {folder for folder, _ in self._children.values()}
        for folder in self._folders():
            if folder not in running and (job := self._open_job(folder)) and holder(folder) is None:
                yield folder, replace(job, expired=expired(folder))

    def _open_job(self, folder: Path) -> Job | None:
        """Return what a planned run is to do; None where it is done, has failed, or cannot be read."""
        planned = changed(folder / RUN_FILE)
        if self._closed.get(folder) == planned or self._starts.get(folder, 0) >= ATTEMPTS:
            return None
        with contextlib.suppress(ZooError):  # damaged: the bench that planned it writes it again
            job = read_job(folder)
            if is_open(folder, job):
                return job
        self._closed[folder] = planned
        return None

    def _folders(self) -> list[Path]:
        if self._only is not None:
            return [self._results / name for name in self._only]
        found = [(changed(path), path.parent) for path in self._results.glob(f"*/{RUN_FILE}")]
        return [folder for _, folder in sorted(found)]

    def _anything_left(self) -> bool:
        """Return whether other workers hold runs that this one may still have to take over."""
        return self._wait and any(self._open_job(folder) for folder in self._folders())

    def _start(self, folder: Path, job: Job) -> None:
        self._starts[folder] = self._starts.get(folder, 0) + 1
        worker = os.getpid()
        child = os.fork()
        if child:
            self._children[child] = folder, job
            return
        code = 1
        try:
            code = _run_child(folder, job, worker)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _collect(self) -> None:
        """Take in the children that ended; one that could not say why gets a reason in its folder."""
        while self._children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            folder, job = self._children.pop(child)
            code = os.waitstatus_to_exitcode(status)
            if code == EXIT_CODES["interrupted"]:
                self._starts[folder] = ATTEMPTS  # somebody stopped this run alone
            elif code and not self._stopping:
                give_up(folder, job, code)

    def _stop(self, *_: object) -> None:
        """Let the children save their state and end, the second time end them at once."""
        self._stopping += 1
        for child, (folder, job) in self._children.items():
            # The launcher of several processes would give them half a minute; the first of them stops all at the same step.
            first = holder(folder) if job.processes > 1 and self._stopping == 1 else None
            target = first.pid if first and first.host == socket.gethostname() else child
            with contextlib.suppress(ProcessLookupError):
                os.kill(target, signal.SIGTERM if self._stopping == 1 else signal.SIGKILL)


def _run_child(folder: Path, job: Job, worker: int) -> int:
    """Execute a run in this forked process, or become the program that does; return the exit code."""
    os.setsid()
    log = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for descriptor, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(file, descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if job.processes > 1 or sys.platform != "linux":  # elsewhere a fork of a process with torch does not compute
        command, environment = launch_command(folder, job)
        os.execvpe(command[0], command, environment)
    import torch

    if job.threads:
        torch.set_num_threads(job.threads)
    progress = ProgressWriter(folder)
    with stop_signals(signal.SIGTERM) as stopping:
        try:
            ended = execute(folder, job, progress, lambda: stopping.is_set() or os.getppid() != worker)
        except ZooError as error:
            print(error, file=sys.stderr)
            return 1
        if ended.how == "interrupted" and stopping.is_set():
            progress(Event(what="stage", text=INTERRUPTED))
    return EXIT_CODES[ended.how]


def work_off(results: Path, *, jobs: int = 1, only: Collection[str] | None = None, wait: bool = True) -> int:
    """Execute the planned runs of a results folder and return the exit code."""
    worker = Worker(results, jobs=jobs, only=only, wait=wait)
    with contextlib.suppress(Exception):  # a child fails in the same way, and leaves the reason in its folder
        import_used()
    return worker.run()


def import_used() -> None:
    """Import what runs need, without starting threads or opening a GPU, so that a fork breaks nothing."""
    # Asking torch whether there is a GPU would open it, and leave it broken in every child.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    for name in USED:
        import_module(name)
    import_module("zoo.registry").get_registry()
    gc.collect()
    gc.freeze()  # a child that looked through all of this would copy it
