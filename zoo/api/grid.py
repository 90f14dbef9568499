"""What `zoo.bench` and `zoo bench` share: a grid or a paper's table is planned and executed. No torch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.api.arguments import choose_precision, parse_jobs, read_axes, require_device, split_names
from zoo.errors import RefusedError, UsageError
from zoo.files import require_writable
from zoo.records.code_changes import retrained
from zoo.records.job import METRICS, Job, PlannedRun, plan_job
from zoo.records.lease import folder_time
from zoo.report.bench_records import Records
from zoo.run.devices import bf16_note, lacks_gpu, require_gpu
from zoo.run.display import make_display, show_reading
from zoo.run.grid import Axes, Refusal, choose_metrics, expand
from zoo.run.runner import run
from zoo.terminal import note
from zoo.training.trackers import read_trackers

if TYPE_CHECKING:
    from zoo.run.launch import Launcher


def plan_one(given: Mapping[str, Any], command: str) -> tuple[PlannedRun, Job]:
    """Return the only run that the arguments of `train` or the options of its command describe, and how to execute it.

    Args:
        given: values by the names of the parameters or of the options.
        command: the command line, for the record.

    Raises:
        UsageError: a name, option or number is wrong, or several runs are described.
        RefusedError: the components cannot work together.
    """
    device, compute, out = given["device"], given["compute"], Path(given["out"])
    require_device(device)
    if device.startswith("cuda"):
        require_gpu()
    precision = choose_precision(given["precision"], device, compute)
    axes = read_axes(given, precision=precision, processes=int(os.environ.get("WORLD_SIZE", "1")))
    require_writable(out)
    tracker = ",".join(read_trackers(given["tracker"]))
    runs, refusals = expand(axes, out)
    if refusals:
        raise UsageError(refusals[0].reason)
    if len(runs) != 1:
        raise UsageError(
            f"{len(runs)} runs were described, and one is trained here", "Use `zoo.bench(...)` to train several"
        )
    (run,) = runs
    metrics = choose_metrics(split_names("metrics", given["metrics"]) or METRICS, runs)
    run.folder.mkdir(parents=True, exist_ok=True)
    job = msgspec.structs.replace(
        plan_job(run, metrics),
        device=device,
        command=command,
        speed=compute,
        requested_at=folder_time(run.folder),
        retry=given["retry"],
        tracker=tracker,
    )
    return run, job


def run_grid(
    axes: Axes,
    out: Path,
    launcher: Launcher,
    *,
    metrics: Sequence[str],
    precision: str,
    compute: str,
    command: str,
    retry: bool,
    tracker: str = "",
    open_samples: bool = False,
    table: str = "",
    table_data: str = "",
) -> Records:
    """Plan a grid or the runs of a paper's table, have them executed, and return the records.

    Args:
        axes: the grid; of a table's, its systems and data are not read.
        out: results folder.
        launcher: starts the workers.
        metrics: names with options; without any, PSNR and SSIM, or the table's.
        precision, compute, retry: as of `bench`.
        command: the command line that does the same, for the records.
        tracker: trackers with commas between them; empty: none.
        open_samples: open the first picture of samples.
        table: name of a paper's table, or a user's table file.
        table_data: its datasets, as `osu=DIR,flir=DIR`.

    Raises:
        UsageError: a name, option or number is wrong.
        RefusedError: nothing of it can work.
        InterruptedBenchError: on Ctrl-C, after the running runs saved their state.
    """
    axes = replace(axes, precision=choose_precision(precision, launcher.device, compute, here=not launcher.lasting))
    tracker = ",".join(read_trackers(tracker))
    require_writable(out)
    if table:
        runs, refusals, metrics = _plan_table(table, table_data, axes, out, metrics)
    else:
        metrics = metrics or METRICS
        with show_reading() as progress:
            runs, refusals = expand(axes, out, progress=progress, metrics=metrics)
    _show_refusals(runs, refusals)
    for line in retrained(runs):
        note(line)
    here = not launcher.lasting and (launcher.device == "cpu" or lacks_gpu())
    if here and (line := bf16_note([one.recipe for one in runs])):
        note(line)
    with make_display(open_samples=open_samples) as display:
        outcomes = run(
            runs, display, launcher, command=command, metrics=metrics, speed=compute, retry=retry, tracker=tracker
        )
    return Records(outcomes)


def local_launcher(out: Path, device: str, jobs: str | None, processes: int) -> Launcher:
    """Return what starts workers on this machine.

    Raises:
        UsageError: an argument is wrong, or the device is not there.
    """
    from zoo.run.launch.local import LocalLauncher

    require_device(device)
    return LocalLauncher(out, device, jobs=parse_jobs(jobs), processes=processes)


def _plan_table(
    name: str, data: str, axes: Axes, out: Path, metrics: Sequence[str]
) -> tuple[list[PlannedRun], list[Refusal], Sequence[str]]:
    """Return the runs of a paper's table with the metrics of its columns, and write the plan by which `zoo table` finds them."""
    from zoo.report.table_plan import parse_data, plan_table, write_plan
    from zoo.report.tables import load_table

    if axes.recipes or axes.generators or axes.discriminators or axes.methods or axes.norm:
        raise UsageError("`table` and parts of a recipe were both given", "Leave the parts out: the table names them")
    paper = load_table(name)
    if not axes.baselines:
        paper = replace(paper, baselines=())
    if not paper.baselines and all(row.score_only for row in paper.rows):
        raise UsageError(
            f"table {paper.name} has no row that is trained", "Fill its rows with: zoo score IMAGES --name ROW"
        )
    chosen = parse_data(data, paper)
    tests = parse_data(",".join(axes.tests), paper, "test_data") if axes.tests else {}
    with show_reading() as progress:
        runs, plan = plan_table(paper, chosen, axes, out, metrics=metrics, progress=progress, tests=tests)
    if runs:
        write_plan(out, plan)
    refused = [one for one in plan.refused if one.dataset in chosen]
    refusals = [Refusal(label=f"{one.row} on {plan.data[one.dataset]}", reason=one.reason) for one in refused]
    return runs, refusals, list(dict.fromkeys([*(measure.spec for measure in plan.measures), *metrics]))


def _show_refusals(runs: Sequence[PlannedRun], refusals: Sequence[Refusal]) -> None:
    if not runs and len(refusals) == 1:
        raise RefusedError(refusals[0].reason)
    for refusal in refusals:
        note(f"refused: {refusal.label}: {refusal.reason}")
    if not runs:
        raise RefusedError("no combination of these parts can work")
