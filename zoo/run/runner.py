"""Plans the runs of a grid, starts workers, shows their progress and returns how each run ended. Imports no torch.

The results folder is the queue: each unfinished run gets its `run.json`, workers execute it, and progress is read from
files. So the workers may be this bench's, another's, or on other machines.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from zoo.errors import ZooError
from zoo.files import cannot_write
from zoo.records.integrity import clear_way, sweep_results
from zoo.records.job import METRICS, RUN_FILE, Job, PlannedRun, join_plans, plan_job, read_job
from zoo.records.lease import folder_time, holder
from zoo.records.outcome import NOT_YET, Outcome, changed, failed, known
from zoo.records.record import FAILURE_FILE, RECORD_FILE, write_json
from zoo.registry import get_registry
from zoo.run.display import PlainDisplay
from zoo.run.execute import collect_signals
from zoo.run.grid import choose_metrics
from zoo.run.launch import Launcher
from zoo.run.progress import INTERRUPTED, PROGRESS_FILE, read_progress

POLL = 0.2
"""Seconds between two reads of the runs' files."""
UNLEASED_AFTER = 10.0
"""Seconds without a worker and without a lease after which runs are given up: a worker takes less between two runs."""
STARTS = 3
"""How often workers are started for runs that stay open, as when another bench planned them with fewer metrics."""


class InterruptedBenchError(Exception):
    """The bench was interrupted; the running runs have saved their state.

    Args:
        outcomes: of the runs so far.
    """

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__("interrupted")
        self.outcomes = outcomes


def run(
    runs: Sequence[PlannedRun],
    display: PlainDisplay,
    launcher: Launcher,
    *,
    command: str,
    metrics: Sequence[str] = METRICS,
    speed: str = "auto",
    retry: bool = False,
    tracker: str = "",
) -> list[Outcome]:
    """Execute every unfinished run through workers, and return how each run ended, in their order.

    Args:
        runs: of one grid.
        display: shows what happens.
        launcher: starts the workers.
        command: the command line, for the records.
        metrics: what to score the runs with, by name with options; a run that lacks only scores is not trained again.
        speed: how to compute the steps, as `zoo.compute.options.parse_compute` reads it.
        retry: repeat failed runs, and restore lost or damaged files, by training if needed.
        tracker: what receives the course of each training, see `zoo.training.trackers`.

    Raises:
        UsageError: a metric's name or an option is wrong, or it does not apply to a run's data or image size.
        ZooError: a run's folder cannot be written (`zoo.files.require_writable` finds this before any training).
        InterruptedBenchError: on Ctrl-C, after the running runs saved their state.
    """
    choices = choose_metrics(metrics, runs)

    def plan(run: PlannedRun, requested_at: int) -> Job:
        return msgspec.structs.replace(
            plan_job(run, choices),
            device=launcher.device,
            command=command,
            speed=speed,
            threads=launcher.threads,
            requested_at=requested_at,
            retry=retry,
            tracker=tracker,
        )

    outcomes = _Bench(runs, display, launcher, plan).run()
    if len(outcomes) < len(runs) or any(outcome.status == "interrupted" for outcome in outcomes):
        raise InterruptedBenchError(outcomes)
    return outcomes


class _Bench:
    """The state of one `run`."""

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        display: PlainDisplay,
        launcher: Launcher,
        plan: Callable[[PlannedRun, int], Job],
    ) -> None:
        self.runs, self.display, self.launcher, self.plan = runs, display, launcher, plan
        self.outcomes: dict[int, Outcome] = {}
        self.open: dict[int, _Seen] = {}
        self.since = 0
        self.starts = 0
        nulls = get_registry().null_baselines()
        networks = [number for number, run in enumerate(runs) if run.recipe.method.name not in nulls]
        # Null baselines take seconds: beside networks they get no worker and no cores of their own.
        self.trained = networks or list(range(len(runs)))
        self.unleased_since: float | None = None
        self.waiting_shown = False

    def run(self) -> list[Outcome]:
        """Have all runs executed, or those until Ctrl-C; return the outcomes in the order of the runs."""
        self._find_ended()
        if self.open:
            stage = "waiting for the cluster" if self.launcher.lasting else "importing torch"
            self.display.planned([self.runs[number] for number in self.open], stage)
            self.launcher.expect([self.runs[number].recipe for number in self.trained])
            self._start_workers()
            with collect_signals(signal.SIGINT, signal.SIGTERM) as interrupts:
                while self.open and not (interrupts and self._stop(len(interrupts))):
                    time.sleep(POLL)
                    alive = self.launcher.alive()  # before the look: what a worker wrote last is then surely seen
                    for number in list(self.open):
                        self._update(number)
                    if self.open and not alive and not interrupts:
                        self._without_workers()
        return [self.outcomes[number] for number in sorted(self.outcomes)]

    def _find_ended(self) -> None:
        """Find the runs that ended before."""
        for number, run in enumerate(self.runs):
            outcome = known(run, self.plan(run, NOT_YET))
            if outcome:
                self.outcomes[number] = outcome
            else:
                self.open[number] = _Seen()
        self.display.skipped(list(self.outcomes.values()))
        if self.open:
            results = self.runs[0].folder.parent
            results.mkdir(parents=True, exist_ok=True)
            sweep_results(results)
            self.since = folder_time(results)

    def _start_workers(self) -> None:
        """Write the plans of open runs, and start workers for them."""
        self.starts += 1
        for number in list(self.open):
            run = self.runs[number]
            try:
                self._plan(run)
            except (OSError, ZooError) as error:
                reason = str(cannot_write(run.folder, error) if isinstance(error, OSError) else error)
                self._finish(number, Outcome(run=run, status="failed", reason=reason))
        if self.open:
            workers = max(1, len(self.open.keys() & set(self.trained)))
            self.launcher.start([self.runs[number].folder for number in self.open], workers)

    def _plan(self, run: PlannedRun) -> None:
        run.folder.mkdir(parents=True, exist_ok=True)
        busy = holder(run.folder)
        if not busy:
            clear_way(run.folder)
        job = self.plan(run, self.since)
        if busy:  # what another bench planned stays planned
            with contextlib.suppress(ZooError):
                job = join_plans(read_job(run.folder), job)
        write_json(run.folder / RUN_FILE, job)

    def _update(self, number: int) -> None:
        """Show how far a run is, and settle it when it has ended."""
        run, seen = self.runs[number], self.open[number]
        ended = max(changed(run.folder / name) for name in (RECORD_FILE, FAILURE_FILE))
        self._show(number, run, seen)  # after the look at what ended, so that the last step is shown
        if ended > self.since and ended != seen.ended:
            seen.ended = ended
            outcome = known(run, self.plan(run, self.since))
            if outcome and outcome.status == "skipped":
                outcome = replace(outcome, status="done")
            if outcome:
                self._finish(number, outcome)

    def _show(self, number: int, run: PlannedRun, seen: _Seen) -> None:
        written = changed(run.folder / PROGRESS_FILE)
        if written <= max(self.since, seen.written) or not (progress := read_progress(run.folder)):
            return
        if not seen.written:
            self.display.started(run, number + 1, len(self.runs))
        self.display.update(run, progress)
        seen.written = written

    def _without_workers(self) -> None:
        """Handle open runs without a worker: interrupted ones end, leased ones are waited for, others get new workers or fail."""
        for number in list(self.open):
            folder = self.runs[number].folder
            progress = read_progress(folder)
            stopped = progress and progress.stage == INTERRUPTED and changed(folder / PROGRESS_FILE) > self.since
            if stopped and holder(folder) is None:
                self._finish(number, Outcome(run=self.runs[number], status="interrupted"))
        held = [busy for number in self.open if (busy := holder(self.runs[number].folder))]
        if held:
            self.unleased_since = None
            if not self.waiting_shown:
                self.waiting_shown = True
                self.display.waiting(len(self.open), str(held[0]))
            return
        if not self.open:
            return
        now = time.monotonic()
        self.unleased_since = self.unleased_since or now
        if self.starts < STARTS and not self.launcher.lasting:
            self.unleased_since = None
            self._start_workers()
        elif now - self.unleased_since >= UNLEASED_AFTER:
            for number in list(self.open):
                self._finish(number, failed(self.runs[number], self.launcher.reason()))

    def _finish(self, number: int, outcome: Outcome) -> None:
        del self.open[number]
        self.outcomes[number] = outcome
        self.display.finished(outcome)

    def _stop(self, times: int) -> bool:
        """Let the workers end; return whether they have."""
        if self.launcher.lasting:
            return True
        self.launcher.stop(times)
        for number, seen in self.open.items():
            if seen.written and not seen.stopping:
                seen.stopping = True
                self.display.stopping(self.runs[number])
        if self.launcher.alive():
            return False
        for number in list(self.open):
            self._update(number)
        for number in [number for number, seen in self.open.items() if seen.written]:
            self._finish(number, Outcome(run=self.runs[number], status="interrupted"))
        return True


class _Seen:
    """What was last seen of an open run."""

    def __init__(self) -> None:
        self.ended = self.written = 0
        self.stopping = False
