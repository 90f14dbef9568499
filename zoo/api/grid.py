"""What `zoo.bench` and `zoo bench` share: arguments are checked, a grid or a paper's table is planned and executed. No torch."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.errors import RefusedError, UsageError
from zoo.files import require_writable
from zoo.option_types import require_whole
from zoo.recipe import Precision
from zoo.records.code_changes import retrained
from zoo.records.job import METRICS, Job, PlannedRun, plan_job
from zoo.records.lease import folder_time
from zoo.registry import split_specs
from zoo.report.bench_records import Records
from zoo.run.devices import lacks_gpu, require_gpu
from zoo.run.display import make_display, show_reading
from zoo.run.grid import Axes, Refusal, choose_metrics, expand
from zoo.run.runner import run
from zoo.sizes import read_size, size_text
from zoo.terminal import note
from zoo.training.trackers import read_trackers
from zoo.training_options import TrainingOptions

if TYPE_CHECKING:
    from zoo.run.launch import Launcher

FLAGS = {"generator": "gen", "discriminator": "disc", "normalizer": "norm", "value_range": "range"}
"""Options of the command line that are not named as the parameter."""
PARAMETERS = {flag: name for name, flag in FLAGS.items()}
NAMED = {
    "recipe": "recipes",
    "generator": "generators",
    "discriminator": "discriminators",
    "method": "methods",
    "test_data": "tests",
}
"""Axes of a grid by the parameters that name their components."""

Specs = str | Sequence[str]
"""Names of components with options: a sequence, or one text with commas."""


def read_axes(given: Mapping[str, Any], *, precision: Precision = "fp32", processes: int = 1) -> Axes:
    """Return the axes of a grid by the arguments of `bench` or `train`, or the options of the commands of these names.

    Args:
        given: values by the names of the parameters or of the options; what is missing has its default.
        precision: of every run.
        processes: that train one run together.

    Raises:
        UsageError: there is no dataset, or a number is wrong.
    """
    values = {PARAMETERS.get(name, name): value for name, value in given.items()}
    names: dict[str, Any] = {axis: split_names(name, values.get(name)) for name, axis in NAMED.items()}
    data = split_names("data", values.get("data", "scenes"))
    split_names("normalizer", values.get("normalizer"))
    require_whole(1, seeds=values.get("seeds"), gpus_per_run=processes)
    require_whole(0, seed=values.get("seed"))
    plain = ("preset", "steps", "epochs", "batch", "seeds", "thermal_channels", "baselines")
    size = values.get("size")
    return Axes(
        **names,
        **{name: values[name] for name in plain if name in values},
        data=data,
        norm=values.get("normalizer"),
        size=None if size is None else read_size(size),
        seed=values.get("seed", 0),
        training=TrainingOptions.of(values),
        precision=precision,
        processes=processes,
    )


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


def split_names(parameter: str, given: Specs | None) -> tuple[str, ...]:
    """Return names that are given as a sequence or in one text with commas; none where nothing is given.

    >>> split_names("generator", "resnet9,unet:width=32,depth=5")
    ('resnet9', 'unet:width=32,depth=5')

    Raises:
        UsageError: they are neither, or one is empty, such as a variable of the shell that is not set.
    """
    if given is None:
        return ()
    if not isinstance(given, Iterable):
        raise UsageError(
            f"names of components are text or a list; this is {type(given).__name__}", "Use e.g. 'resnet9'"
        )
    names = tuple(split_specs(given) if isinstance(given, str) else given)
    if not names or "" in names:
        found = "names no dataset" if parameter == "data" else "has an empty name" if names else "is empty"
        fix = "Name a dataset or its folder, e.g. scenes" if parameter == "data" else "Give a name, or leave it out"
        raise UsageError(f"`{parameter}` {found}", fix)
    return names


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


def parse_jobs(jobs: str | None) -> int | None:
    """Return a number of parallel runs; None for `auto`.

    Raises:
        UsageError: it is neither.
    """
    if jobs in (None, "auto"):
        return None
    if not re.fullmatch(r"[1-9]\d*", jobs):
        raise UsageError(f"`jobs` is {jobs!r}; it must be auto, or 1 or more")
    return int(jobs)


def require_device(device: str) -> None:
    """Refuse what is not a device's name.

    Raises:
        UsageError: it is none.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        from zoo.compute.options import device_fix

        raise UsageError(f"{device!r} is not a device", device_fix(device))


def choose_precision(precision: str, device: str, compute: str, *, here: bool = True) -> Precision:
    """Return the precision of trainings on a device, of this machine unless `here` is false, after checking it and `compute`.

    Raises:
        UsageError: one of them is wrong.
    """
    from zoo.compute.options import choose_precision as choose
    from zoo.compute.options import parse_compute

    parse_compute(compute)
    if device == "auto" and precision == "tf32" and here and lacks_gpu():
        device = "cpu"
    return choose(precision, device)


def spell_command(verb: str, given: Mapping[str, Any], function: Callable[..., object]) -> str:
    """Return the command line that does the same as the call of a function; defaults are left out.

    >>> from zoo.api.runs import bench
    >>> spell_command("bench", {"generator": ["resnet6", "unet"], "size": 64, "batch": None, "retry": True}, bench)
    'zoo bench --gen resnet6,unet --size 64 --retry'
    """
    words = ["zoo", verb]
    defaults = {name: parameter.default for name, parameter in signature(function).parameters.items()}
    if given.get("size") is not None:
        given = {**given, "size": size_text(read_size(given["size"]))}
    for name, value in given.items():
        if value == defaults[name]:
            continue
        word = FLAGS.get(name, name).replace("_", "-")
        flag = f"--{'no-' * (value is False)}{word}"
        text = value if isinstance(value, str) or not isinstance(value, Sequence) else ",".join(map(str, value))
        words += [flag] if isinstance(value, bool) else [flag, str(text)]
    return shlex.join(words)


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
