"""`zoo bench`: train and score every combination of the parts named, and print one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import options
from zoo.cli.completion import components, tables
from zoo.cli.config import spelled_out
from zoo.cli.flags import with_flags
from zoo.cli.grid import read_grid
from zoo.cli.output import note, print_json, print_lines, print_table
from zoo.cli.table import show_table
from zoo.cli.verbs import COMPUTE, DATA, MODEL, OUTPUT, TRAINING
from zoo.errors import UsageError
from zoo.text_layout import fold

if TYPE_CHECKING:
    from zoo.records.outcome import Outcome
    from zoo.records.record import Record
    from zoo.run.launch import Launcher


QUICK = (
    "Preset quick is 600 steps at 64 px with narrow networks, a first look and no paper's result; methods without pairs need "
    "far more steps. --preset paper: 256 px, the papers' networks and epochs."
)
"""What `zoo bench` says of preset `quick` as it stands."""


def bench(
    context: typer.Context,
    grid: Annotated[
        str | None,
        typer.Argument(
            metavar="[GRID.toml]",
            is_eager=True,
            callback=read_grid,
            show_default=False,
            help="File with options: gen = [...], steps = 2000. The command line overrides it.",
        ),
    ] = None,
    recipe: options.RecipeNames = None,
    gen: options.Generators = None,
    disc: options.Discriminators = None,
    norm: options.Normalizer = None,
    method: options.Methods = None,
    table: Annotated[
        str | None,
        options.option(
            MODEL,
            "--table",
            "A paper's table or a table file of your own: train what its rows and null baselines need; zoo table.",
            metavar="NAME|FILE.toml",
            complete=tables,
        ),
    ] = None,
    data: Annotated[
        str,
        options.option(
            DATA,
            "--data",
            "Dataset names or folders, comma-separated; a+b is their union; with --table as osu=DIR,flir=DIR.",
            complete=components("dataset"),
        ),
    ] = "scenes",
    test_data: options.TestData = None,
    preset: options.Preset = "quick",
    steps: options.Steps = None,
    epochs: options.Epochs = None,
    size: options.Size = None,
    batch: options.Batch = None,
    seeds: Annotated[
        int, options.option(TRAINING, "--seeds", "Trainings of each combination, with seeds 0, 1, ...")
    ] = 1,
    lr: options.Rate = None,
    accumulate: options.Accumulate = 1,
    validate: options.Validate = "",
    validate_every: options.ValidateEvery = None,
    keep: options.Keep = "last",
    patience: options.Patience = None,
    rescues: options.Rescues = 0,
    thermal_channels: options.ThermalChannels = 1,
    metrics: options.Metrics = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    compute: options.Compute = "auto",
    speed: options.OldCompute = "auto",
    jobs: Annotated[
        str,
        options.option(
            COMPUTE,
            "--jobs",
            "Parallel runs, per GPU or on all cores; auto: one per GPU, or as many as cores and memory allow.",
            metavar="N|auto",
        ),
    ] = "auto",
    gpus_per_run: Annotated[
        int,
        options.option(
            COMPUTE,
            "--gpus-per-run",
            "Train each run on N GPUs (processes on a CPU), which divide --batch.",
            metavar="N",
        ),
    ] = 1,
    gpus_per_cell: Annotated[int, typer.Option(hidden=True, help="Former name of --gpus-per-run.")] = 1,
    launcher: Annotated[
        str, options.option(COMPUTE, "--launcher", "local, or slurm: workers become jobs of the cluster.")
    ] = "local",
    slurm: Annotated[
        str,
        options.option(
            COMPUTE,
            "--slurm",
            "Options of sbatch with --launcher slurm: partition=gpu,time=12:00:00.",
            metavar="KEY=VALUE,...",
        ),
    ] = "",
    baselines: Annotated[
        bool,
        typer.Option(help="Run the null baselines that the data suits beside networks.", rich_help_panel=MODEL),
    ] = True,
    out: options.Out = Path("results"),
    tracker: options.Tracker = "",
    open_samples: options.Open = False,
    retry: options.Retry = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Train and score every combination of the parts named, and print one table.

    Recipes run beside the combinations of the parts named. Null baselines run too, and stand under the table.

    Examples:
    zoo bench --gen resnet9_cbam --disc patchgan_gn ·
    zoo bench --gen unet_128,resnet9_cbam --disc patchgan,patchgan_gn --data rs --size 128 ·
    zoo bench --recipe pix2pix,layergan --data scenes ·
    zoo bench --recipe pix2pix --data rs+scenes --test-data rs,scenes ·
    zoo bench grid.toml --seeds 3 ·
    zoo bench --table gn_cyclegan_table2 --data osu=DIR,flir=DIR --preset paper
    """
    from zoo.api.arguments import read_axes, split_names
    from zoo.api.grid import run_grid
    from zoo.run.runner import InterruptedBenchError

    processes = gpus_per_run if gpus_per_run != 1 else gpus_per_cell
    axes = read_axes(context.params, processes=processes)
    split_names("table", table)
    command = spelled_out(context)
    try:
        records = run_grid(
            axes,
            out,
            _choose_launcher(launcher, device, jobs, processes, slurm, out),
            metrics=split_names("metrics", metrics),
            precision=precision,
            compute=compute if compute != "auto" else speed,
            command=command,
            retry=retry,
            tracker=tracker,
            open_samples=open_samples,
            table=table or "",
            table_data=data if _is_given(context, "data") else "",
        )
    except InterruptedBenchError as interrupted:
        show(interrupted.outcomes, table, out, as_json=as_json)
        note(f"zoo: interrupted; finished runs are kept. To resume, run:\n{command}")
        raise typer.Exit(130) from None
    outcomes = records.outcomes
    show(outcomes, table, out, as_json=as_json)
    if all(outcome.status == "skipped" for outcome in outcomes):
        note(fold(f"Skipped {len(outcomes)} finished run{'s' * (len(outcomes) > 1)}; their records are in {out}."))
    elif not as_json and records:
        if axes.is_quick and not table:
            note(fold(QUICK))
        note(fold(f"Records, pictures and weights are in {out}."))
    if records.failures:
        raise typer.Exit(1)


def _is_given(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


def _choose_launcher(name: str, device: str, jobs: str, processes: int, slurm: str, out: Path) -> Launcher:
    """Return what starts the workers.

    Raises:
        UsageError: an option is wrong, or what it asks for is not there.
    """
    from zoo.api.arguments import parse_jobs, require_device
    from zoo.api.grid import local_launcher

    if name == "slurm":
        from zoo.run.launch.slurm import SlurmLauncher
        from zoo.run.launch.slurm_commands import parse_options

        require_device(device)
        return SlurmLauncher(out, parse_options(slurm), device=device, processes=processes, jobs=parse_jobs(jobs))
    if name != "local":
        raise UsageError(f"no launcher is named {name!r}", "Use local or slurm")
    if slurm:
        raise UsageError("--slurm was given without --launcher slurm", "Use --launcher slurm --slurm ...")
    return local_launcher(out, device, jobs, processes)


def show(outcomes: Sequence[Outcome], table: str | None, out: Path, *, as_json: bool) -> None:
    """Print the records as JSON, the paper's table that was asked for, or one table of all runs."""
    if as_json:
        return print_json([_as_json(outcome) for outcome in outcomes])
    if not outcomes:
        return None
    if table:
        from zoo.report.table_results import read_table_results
        from zoo.report.tables import load_table

        return show_table(read_table_results(load_table(table), out))
    from zoo.report.results import footnotes, results_table

    columns, rows, title, numbers = results_table(outcomes)
    print_table(columns, rows, title=title, right=numbers)
    typer.echo()
    return print_lines(footnotes(outcomes))


def _as_json(outcome: Outcome) -> Record | dict[str, object]:
    """Return a run's record, or what became of it instead."""
    if outcome.record:
        return outcome.record
    return {"recipe": outcome.run.recipe, "status": outcome.status, "reason": with_flags(outcome.reason)}
