"""Options that several verbs share, each described once: what is trained, for how long, and how it is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.completion import components, discriminators
from zoo.cli.verbs import COMPUTE, DATA, MODEL, OUTPUT, TRAINING

RecipeNames = Annotated[
    str,
    typer.Option(
        "--recipe",
        autocompletion=components("recipe"),
        help="Complete systems by name; zoo list recipe.",
        rich_help_panel=MODEL,
    ),
]
Generators = Annotated[
    str,
    typer.Option(
        "--gen", autocompletion=components("generator"), help="Generators. [default: resnet9]", rich_help_panel=MODEL
    ),
]
Discriminators = Annotated[
    str,
    typer.Option(
        "--disc",
        autocompletion=discriminators,
        help="Discriminators; a suffix names the normalizer. [default: patchgan]",
        rich_help_panel=MODEL,
    ),
]
Normalizer = Annotated[
    str | None,
    typer.Option(
        "--norm",
        autocompletion=components("normalizer"),
        help="Normalizer of every discriminator.",
        rich_help_panel=MODEL,
    ),
]
Methods = Annotated[
    str,
    typer.Option(
        "--method", autocompletion=components("method"), help="Methods. [default: cyclegan]", rich_help_panel=MODEL
    ),
]
TestData = Annotated[
    str,
    typer.Option(
        "--test-data",
        autocompletion=components("dataset"),
        metavar="DATA,...",
        help="Datasets to score each training on, in place of its own test split.",
        rich_help_panel=DATA,
    ),
]
Preset = Annotated[
    str,
    typer.Option(
        "--preset",
        help="quick (64 px, minutes on a CPU) or paper (256 px, the epochs of the method's source).",
        rich_help_panel=TRAINING,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option("--steps", help="Optimizer steps; overrides the preset's budget.", rich_help_panel=TRAINING),
]
Epochs = Annotated[
    int | None, typer.Option("--epochs", help="Epochs; overrides the preset's budget.", rich_help_panel=TRAINING)
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="PX",
        help="Image size, 256 or 512x640 (height x width); overrides the preset's.",
        rich_help_panel=DATA,
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch", help="Batch size, over all processes. [default: 1, or the recipe's]", rich_help_panel=TRAINING
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--lr", help="Learning rate of every method. [default: that of the method's source]", rich_help_panel=TRAINING
    ),
]
Accumulate = Annotated[
    int,
    typer.Option(
        "--accumulate", metavar="N", help="Compute each batch in N parts, for less memory.", rich_help_panel=TRAINING
    ),
]
Validate = Annotated[
    str,
    typer.Option(
        "--validate",
        metavar="PART|SPLIT",
        help="Score during training on a split, or on a part of the training images that is held out: 0.1.",
        rich_help_panel=TRAINING,
    ),
]
ValidateEvery = Annotated[
    int | None,
    typer.Option(
        "--validate-every",
        metavar="STEPS",
        help="Steps between validations. [default: a twentieth of the training]",
        rich_help_panel=TRAINING,
    ),
]
Keep = Annotated[
    str,
    typer.Option(
        "--keep", metavar="last|best:METRIC", help="Weights that remain after training.", rich_help_panel=TRAINING
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience", metavar="N", help="End after N validations without a better score.", rich_help_panel=TRAINING
    ),
]
Rescues = Annotated[
    int,
    typer.Option(
        "--rescues",
        metavar="N",
        help="After a loss that is not finite, go back to the last validation at half the learning rate, N times at most.",
        rich_help_panel=TRAINING,
    ),
]
ThermalChannels = Annotated[
    int,
    typer.Option("--thermal-channels", help="1, or 3 for RGB copies as the papers' code makes.", rich_help_panel=MODEL),
]
Metrics = Annotated[
    str,
    typer.Option(
        "--metrics",
        autocompletion=components("metric"),
        help="Metrics with options; finished runs are only scored. [default: psnr,ssim, or the table's]",
        rich_help_panel=OUTPUT,
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.", rich_help_panel=COMPUTE)]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        help="Training in fp32, tf32 or bf16; auto: bf16 on GPUs that support it, else fp32.",
        rich_help_panel=COMPUTE,
    ),
]
Compute = Annotated[
    str,
    typer.Option(
        "--compute",
        help="How steps are computed: auto, plain, or any of channels-last,fused,compile,graph,recompute.",
        rich_help_panel=COMPUTE,
    ),
]
OldCompute = Annotated[str, typer.Option("--speed", hidden=True, help="Former name of --compute.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Results folder.", rich_help_panel=OUTPUT)]
Tracker = Annotated[
    str,
    typer.Option(
        "--tracker",
        metavar="NAME,...",
        help="Send losses, rates, scores and samples to tensorboard, wandb or another of accelerate's trackers.",
        rich_help_panel=OUTPUT,
    ),
]
Open = Annotated[
    bool,
    typer.Option(
        "--open",
        help="Open samples.png, which is refreshed during the training, of the first run with networks.",
        rich_help_panel=OUTPUT,
    ),
]
Retry = Annotated[
    bool,
    typer.Option(
        "--retry",
        help="Repeat runs that failed, and repair lost or damaged files of finished ones.",
        rich_help_panel=OUTPUT,
    ),
]
