"""Options that several verbs share, each described once: what is trained, for how long, and how it is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo.cli.completion import Names, components, discriminators
from zoo.cli.verbs import COMPUTE, DATA, MODEL, OUTPUT, TRAINING


def option(
    panel: str, flag: str, help: str, *, metavar: str | None = None, complete: Callable[[str], Names] | None = None
) -> Any:
    """Return an option of several verbs.

    Args:
        panel: heading below which the help shows it.
        flag: `--NAME`.
        help: what it means, in a sentence.
        metavar: its value in the help; by default the type.
        complete: returns the names that complete a word.
    """
    return typer.Option(flag, help=help, rich_help_panel=panel, metavar=metavar, autocompletion=complete)


RecipeNames = Annotated[
    str | None,
    option(MODEL, "--recipe", "Complete systems, comma-separated; zoo list recipe.", complete=components("recipe")),
]
Generators = Annotated[
    str | None,
    option(
        MODEL,
        "--gen",
        "Generators, comma-separated; zoo list generator. [default: resnet9]",
        complete=components("generator"),
    ),
]
Discriminators = Annotated[
    str | None,
    option(
        MODEL,
        "--disc",
        "Discriminators; a suffix names the normalizer: patchgan_gn. [default: patchgan]",
        complete=discriminators,
    ),
]
Normalizer = Annotated[
    str | None, option(MODEL, "--norm", "Normalizer of every discriminator.", complete=components("normalizer"))
]
Methods = Annotated[
    str | None,
    option(MODEL, "--method", "Methods; zoo list method. [default: cyclegan]", complete=components("method")),
]
TestData = Annotated[
    str | None,
    option(
        DATA,
        "--test-data",
        "Datasets to score each training on, in place of its own test split.",
        metavar="DATA,...",
        complete=components("dataset"),
    ),
]
Preset = Annotated[
    str,
    option(
        TRAINING, "--preset", "quick (64 px, minutes on a CPU) or paper (256 px, the epochs of the method's source)."
    ),
]
Steps = Annotated[int | None, option(TRAINING, "--steps", "Optimizer steps; overrides the preset's budget.")]
Epochs = Annotated[int | None, option(TRAINING, "--epochs", "Epochs; overrides the preset's budget.")]
Size = Annotated[
    str | None,
    option(DATA, "--size", "Image size, 256 or 512x640 (height x width); overrides the preset's.", metavar="PX"),
]
Batch = Annotated[
    int | None, option(TRAINING, "--batch", "Batch size, over all processes. [default: 1, or the recipe's]")
]
Rate = Annotated[
    float | None, option(TRAINING, "--lr", "Learning rate of every method. [default: that of the method's source]")
]
Accumulate = Annotated[
    int, option(TRAINING, "--accumulate", "Compute each batch in N parts, for less memory.", metavar="N")
]
Validate = Annotated[
    str,
    option(
        TRAINING,
        "--validate",
        "Score during training on a split, or on a part of the training images that is held out: 0.1.",
        metavar="PART|SPLIT",
    ),
]
ValidateEvery = Annotated[
    int | None,
    option(
        TRAINING,
        "--validate-every",
        "Steps between validations. [default: a twentieth of the training]",
        metavar="STEPS",
    ),
]
Keep = Annotated[str, option(TRAINING, "--keep", "Weights that remain after training.", metavar="last|best:METRIC")]
Patience = Annotated[
    int | None, option(TRAINING, "--patience", "End after N validations without a better score.", metavar="N")
]
Rescues = Annotated[
    int,
    option(
        TRAINING,
        "--rescues",
        "After a loss that is not finite, go back to the last validation at half the learning rate, N times at most.",
        metavar="N",
    ),
]
ThermalChannels = Annotated[
    int, option(MODEL, "--thermal-channels", "1, or 3 for RGB copies as the papers' code makes.")
]
Metrics = Annotated[
    str | None,
    option(
        OUTPUT,
        "--metrics",
        "Metrics, comma-separated; zoo list metric. Finished runs are scored, not trained again. [default: psnr,ssim]",
        complete=components("metric"),
    ),
]
Device = Annotated[str, option(COMPUTE, "--device", "auto, cpu, cuda or cuda:N.")]
Precision = Annotated[
    str,
    option(COMPUTE, "--precision", "Training in fp32, tf32 or bf16; auto: bf16 on GPUs that support it, else fp32."),
]
Compute = Annotated[
    str,
    option(
        COMPUTE,
        "--compute",
        "How steps are computed: auto, plain, or any of channels-last,fused,compile,graph,recompute.",
    ),
]
OldCompute = Annotated[str, typer.Option("--speed", hidden=True, help="Former name of --compute.")]
Out = Annotated[Path, option(OUTPUT, "--out", "Results folder.", metavar="DIR")]
Tracker = Annotated[
    str,
    option(
        OUTPUT,
        "--tracker",
        "Send losses, rates, scores and samples to tensorboard, wandb or another of accelerate's trackers.",
        metavar="NAME,...",
    ),
]
Open = Annotated[
    bool,
    option(
        OUTPUT, "--open", "Open samples.png, which is refreshed during the training; of several runs, the first one's."
    ),
]
Retry = Annotated[
    bool, option(OUTPUT, "--retry", "Repeat runs that failed, and repair lost or damaged files of finished ones.")
]
