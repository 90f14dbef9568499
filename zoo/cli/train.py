"""`zoo train`: train and score one run in this process, also under `accelerate launch` and torchrun."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import options
from zoo.cli.config import is_typed, spelled_out
from zoo.cli.output import note
from zoo.cli.verbs import DATA, TRAINING
from zoo.errors import UsageError


def train(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="Folder of a run that was planned before; else describe one.")
    ] = None,
    recipe: options.RecipeNames = None,
    gen: options.Generators = None,
    disc: options.Discriminators = None,
    norm: options.Normalizer = None,
    method: options.Methods = None,
    data: Annotated[str, typer.Option(help="Dataset name or folder; a+b is a union.", rich_help_panel=DATA)] = "scenes",
    test_data: options.TestData = None,
    preset: options.Preset = "quick",
    steps: options.Steps = None,
    epochs: options.Epochs = None,
    size: options.Size = None,
    batch: options.Batch = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and augmentation.", rich_help_panel=TRAINING)] = 0,
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
    out: options.Out = Path("results"),
    tracker: options.Tracker = "",
    open_samples: options.Open = False,
    retry: options.Retry = False,
) -> None:
    """Train and score one run in this process, also under accelerate launch.

    Examples:
    zoo train --gen resnet9_cbam --disc patchgan_gn --data rs --size 128 --steps 2000 ·
    accelerate launch --num_processes 8 -m zoo train --recipe layergan --data DIR --preset paper --batch 8 ·
    accelerate launch --num_processes 8 -m zoo train results/RUN
    """
    from zoo.api.grid import plan_one
    from zoo.records.job import find_run
    from zoo.records.outcome import EXIT_CODES
    from zoo.run.execute import read_planned, run_one

    if folder is not None:
        _require_alone(context)
        run, job = read_planned(find_run(folder), retry=retry)
    else:
        given = {**context.params, "compute": compute if compute != "auto" else speed}
        run, job = plan_one(given, spelled_out(context))
    ended = run_one(run, job, open_samples=open_samples)
    if ended.reason:
        note(f"zoo: {ended.reason}")
    raise typer.Exit(1 if ended.status == "leased" else EXIT_CODES[ended.status])


def _require_alone(context: typer.Context) -> None:
    """Refuse options beside the folder of a run, which has its own.

    Raises:
        UsageError: it names them.
    """
    given = [
        max(one.opts, key=len)
        for one in context.command.params
        if one.name not in ("folder", "retry", "open_samples") and is_typed(context, one.name)
    ]
    if given:
        folder = context.params["folder"]
        raise UsageError(
            f"`{folder}` is a planned run with options of its own, and {', '.join(given)} came beside it",
            "Leave them out, or leave the folder out to train another run",
        )
