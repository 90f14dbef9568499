"""`zoo worker RESULTS`: executes the planned runs of a results folder. The worker itself never computes anything.

It imports what every run needs, then repeats: find a run without a lease, fork a child that acquires the lease and executes the
run, wait. A forked child starts in milliseconds and can die without harm to others; the worker has neither threads nor an
accelerator's context, so forking is safe. Plans and progress are files in the runs' folders, so any number of workers on any
number of machines may share a results folder.
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
from collections.abc import Collection, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from zoo.environment import inference_options
from zoo.errors import ZooError
from zoo.records.job import LOG_FILE, RUN_FILE, Job, label_of, read_job
from zoo.records.lease import holder
from zoo.records.outcome import EXIT_CODES, Ended, changed, find_ended, give_up
from zoo.records.trained import siblings
from zoo.run.display import ended_text
from zoo.run.execute import collect_signals, execute
from zoo.run.launch import launch_command
from zoo.run.progress import INTERRUPTED, Event, ProgressWriter
from zoo.terminal import note

PRELOADED = (
    "zoo.run.work",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "scipy.stats",
    "torchmetrics.functional.image",
)
"""Modules that most runs import."""
POLL = 0.05
"""Seconds between two checks for children that ended."""
SCAN_EVERY = 2.0
"""Seconds between two scans for runs while other workers hold the rest."""
ATTEMPTS = 3
"""How often a worker starts one run that ends without a record or failure."""


class Worker:
    """Executes planned runs until none is left.

    Args:
        results: folder of the runs.
        jobs: number of parallel runs.
        only: names of the runs' folders; None: all that are planned.
        wait: wait while other workers hold the rest, and take over when they die.
    """

    def __init__(self, results: Path, *, jobs: int = 1, only: Collection[str] | None = None, wait: bool = True) -> None:
        self._results, self._jobs, self._only, self._wait = results, jobs, only, wait
        self._report = note if only is None else lambda text: None  # a bench shows the progress of its own workers
        self._children: dict[int, tuple[Path, Job]] = {}
        self._starts: dict[Path, int] = {}
        self._closed: dict[Path, int] = {}
        self._stopping = 0
        # A worker that a bench started ends with it.
        self._parent = os.getppid() if only is not None else 0

    def has_open_runs(self) -> bool:
        """Whether a run is left that neither finished nor failed."""
        return any(self._open_runs())

    def run(self) -> int:
        """Execute runs; return 0, or 130 after Ctrl-C or SIGTERM, upon which the runs save their state."""
        with contextlib.suppress(Exception):  # a child fails in the same way, and writes the reason to its folder
            preload()
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return self._loop()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            gc.unfreeze()  # what is still frozen at exit counts as leaked

    def _loop(self) -> int:
        runs: Iterator[tuple[Path, Job]] = iter(())
        scanned = -SCAN_EVERY
        while True:
            while not self._stopping and len(self._children) < self._jobs:
                found = next(runs, None)
                if found:
                    self._start(*found)
                elif time.monotonic() - scanned >= SCAN_EVERY:
                    runs, scanned = self._startable_runs(), time.monotonic()
                else:
                    break
            if not self._children and (self._stopping or not any(self._awaited_runs())):
                return EXIT_CODES["interrupted"] if self._stopping else 0
            time.sleep(POLL)
            self._collect()
            if self._parent and os.getppid() != self._parent and not self._stopping:
                self._stop()  # the bench that started this worker is gone

    def _awaited_runs(self) -> Iterator[tuple[Path, Job]]:
        return self._open_runs() if self._wait else self._startable_runs()

    def _startable_runs(self) -> Iterator[tuple[Path, Job]]:
        for folder, job in self._open_runs():
            if not self._is_busy(folder) and not self._awaits_training(folder, job):
                yield folder, job

    def _is_busy(self, folder: Path) -> bool:
        return folder in [running for running, _ in self._children.values()] or holder(folder) is not None

    def _awaits_training(self, folder: Path, job: Job) -> bool:
        """Whether a run that differs only in options of translation is in progress, whose weights this one will take."""
        return bool(inference_options(job.recipe)) and any(map(self._is_busy, siblings(folder, job.train_key)))

    def _open_runs(self) -> Iterator[tuple[Path, Job]]:
        """Yield runs that are neither done nor failed, in the order in which they were planned."""
        if self._only is None:
            folders = [path.parent for path in sorted(self._results.glob(f"*/{RUN_FILE}"), key=changed)]
        else:
            folders = [self._results / name for name in self._only]
        for folder in folders:
            planned = changed(folder / RUN_FILE)
            if self._closed.get(folder) == planned or self._starts.get(folder, 0) >= ATTEMPTS:
                continue
            with contextlib.suppress(ZooError, OSError):  # the bench that planned a damaged run reports it
                job = read_job(folder)
                if find_ended(folder, job) is None:
                    yield folder, job
                    continue
            self._closed[folder] = planned

    def _start(self, folder: Path, job: Job) -> None:
        self._starts[folder] = self._starts.get(folder, 0) + 1
        worker = os.getpid()
        child = os.fork()
        if child:
            self._children[child] = folder, job
            self._report(f"{label_of(folder)}: started")
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
        """Wait for children that ended; write the reason of one that could not do so itself."""
        while self._children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            folder, job = self._children.pop(child)
            _remove_if_empty(folder / LOG_FILE)
            code = os.waitstatus_to_exitcode(status)
            if code == EXIT_CODES["interrupted"]:
                self._starts[folder] = ATTEMPTS  # this run alone was stopped
            elif code and not self._stopping:
                give_up(folder, job, code)
            interrupted = code == EXIT_CODES["interrupted"]
            if ended := Ended(status="interrupted") if interrupted else find_ended(folder, job):
                ended = replace(ended, status="done") if ended.status == "skipped" else ended
                self._report(ended_text(folder, ended, job.recipe.budget.steps))

    def _stop(self, *_: object) -> None:
        """Stop the children, which save their state; kill them the second time."""
        self._stopping += 1
        for child, (folder, job) in self._children.items():
            # torchrun would kill its processes after 30 s; the main process stops them all at the same step.
            main = holder(folder) if job.processes > 1 and self._stopping == 1 else None
            target = main.pid if main and main.host == socket.gethostname() else child
            with contextlib.suppress(ProcessLookupError):
                os.kill(target, signal.SIGTERM if self._stopping == 1 else signal.SIGKILL)


def _run_child(folder: Path, job: Job, worker: int) -> int:
    """Execute a run in this forked process, or replace it by the program that does; return the exit code."""
    os.setsid()
    log = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for descriptor, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(file, descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if job.processes > 1 or sys.platform != "linux":  # torch does not compute in a fork on other systems
        command, environment = launch_command(folder, job)
        os.execvpe(command[0], command, environment)
    import torch

    if job.threads:
        torch.set_num_threads(job.threads)
    progress = ProgressWriter(folder)
    with collect_signals(signal.SIGTERM) as stopping:
        try:
            ended = execute(folder, job, progress, lambda: bool(stopping) or os.getppid() != worker)
        except ZooError as error:
            print(error, file=sys.stderr)
            return 1
        if ended.status == "interrupted" and stopping:
            progress(Event(stage=INTERRUPTED))
    if ended.reason:
        print(ended.reason, file=sys.stderr)
    return EXIT_CODES[ended.status]


def _remove_if_empty(path: Path) -> None:
    with contextlib.suppress(OSError):
        if not path.stat().st_size:
            path.unlink()


def preload() -> None:
    """Import what runs need, without starting threads or opening a GPU, so that forking stays safe."""
    # Otherwise torch would open the GPU to look for it, which breaks it in every child.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    for name in PRELOADED:
        import_module(name)
    import_module("zoo.registry").get_registry()
    gc.collect()
    gc.freeze()  # a collection in a child would copy all pages of these objects
