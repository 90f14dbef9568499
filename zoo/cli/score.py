"""`zoo score`: images of any program, or a trained model, against the real images of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import options
from zoo.cli.config import spelled_out
from zoo.cli.output import note
from zoo.errors import UsageError


def score(
    context: typer.Context,
    predictions: Annotated[
        str, typer.Argument(metavar="FOLDER|RUN|MODEL", help="Images of a program, a run folder, or trained weights.")
    ],
    data: Annotated[
        str, typer.Option(help="Dataset with the real images, by name or folder. [default: of a run its own]")
    ] = "",
    real: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Plain folder of real thermal images, in place of --data.")
    ] = None,
    visible: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Plain folder of visible images, for samples and baselines.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the program in tables. [default: the folder's]")] = "",
    split: Annotated[str, typer.Option(help="Split of the dataset.")] = "test",
    pattern: Annotated[
        str, typer.Option(metavar="TEXT", help="How files are named, e.g. '{stem}_fake_B'; usual suffixes are found.")
    ] = "",
    size: Annotated[
        str | None,
        typer.Option(metavar="PX", help="Size, 256 or 512x640. [default: of the predictions, or of the training]"),
    ] = None,
    value_range: Annotated[
        str,
        typer.Option("--range", metavar="LOW,HIGH", help="Darkest and brightest value of 16-bit and float files."),
    ] = "",
    source: Annotated[str, typer.Option(metavar="TEXT", help="Where the images come from, for the record.")] = "",
    metrics: options.Metrics = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Score the images that exist where some are missing.")
    ] = False,
    baselines: Annotated[bool, typer.Option(help="Score the grey copies of the visible images too.")] = True,
    out: options.Out = Path("results"),
    device: options.Device = "auto",
    retry: Annotated[bool, typer.Option("--retry", help="Measure the metrics again; other scores are kept.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False,
) -> None:
    """Score images of any program, or a trained model on any split of a dataset.

    The images become a run of the results folder, which zoo table, zoo compare and zoo report show like any other.
    Scores of a run go into its own record. --real, --visible, --name, --pattern, --range, --source and --allow-missing apply
    to images only.

    Examples:
    zoo score outputs/PID --data rs --name PID ·
    zoo score pix2pix/results/rs/test_latest --data rs ·
    zoo score outputs --real thermal --visible visible ·
    zoo score results/RUN --data rs ·
    zoo score results/RUN --metrics fid
    """
    from zoo.api.score import score as score_images
    from zoo.cli.bench import show

    records = score_images(
        predictions,
        data=data,
        real=real,
        visible=visible,
        name=name,
        split=split,
        pattern=pattern,
        size=size,
        value_range=_read_range(value_range),
        source=source,
        metrics=metrics,
        allow_missing=allow_missing,
        baselines=baselines,
        out=out,
        device=device,
        retry=retry,
        command=spelled_out(context),
    )
    show(records.outcomes, "", out, as_json=as_json)
    if all(outcome.status == "skipped" for outcome in records.outcomes):
        note(f"Skipped: scored before; the record is in {records.folders[0]}.")
    elif not as_json:
        note(f"Record and pictures are in {records.folders[0]}.")


def eval_(context: typer.Context) -> None:
    """Refuse a command of other programs, and name zoo's."""
    raise UsageError(
        f"zoo has no command {context.info_name}", "To score images or a model, run: zoo score FOLDER --data DATASET"
    )


def _read_range(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"`value_range` is {text!r}", "Give two numbers, e.g. --range 0,4095") from None
    return low, high
