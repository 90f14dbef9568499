"""`python -m zoo.train FOLDER` goes on with a cell that a bench began; with a bench's options it trains a cell of its own.

Started by `accelerate launch`, on one machine or many, its processes train the cell together. This program stands above the
packages that it uses, and is no part of `zoo.train`.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast

import typer

from zoo.cli.output import note
from zoo.cli.running import run
from zoo.composition import PresetName
from zoo.data.layout import read_info
from zoo.errors import UsageError
from zoo.registry import split_specs
from zoo.run.cell import run_cell, stop_signals
from zoo.run.grid import Axes, Cell, expand
from zoo.run.job import METRICS, Ending, Job, read_job, scorings
from zoo.run.lease import DEAD_AFTER, expired, folder_time, holder, is_ahead
from zoo.sources import DataSource

CODES: Mapping[Ending, int] = {"done": 0, "kept": 0, "taken": 1, "interrupted": 130, "crowded": 1, "failed": 1}
"""Exit codes."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def train(
    folder: Annotated[Path | None, typer.Argument(help="Folder of a cell that zoo bench began.")] = None,
    recipe: Annotated[str, typer.Option(help="A complete system by name; zoo list recipe.")] = "",
    gen: Annotated[str, typer.Option(help="Generator. [default: resnet9]")] = "",
    disc: Annotated[str, typer.Option(help="Discriminator. [default: patchgan]")] = "",
    norm: Annotated[str | None, typer.Option(help="Normalizer of the discriminator.")] = None,
    method: Annotated[str, typer.Option(help="Method. [default: cyclegan]")] = "",
    data: Annotated[str, typer.Option(help="Dataset name or folder.")] = "scenes",
    preset: Annotated[str, typer.Option(help="quick or paper.")] = "quick",
    steps: Annotated[int | None, typer.Option(help="Optimizer steps in place of the preset's budget.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs in place of the preset's budget.")] = None,
    size: Annotated[int | None, typer.Option(metavar="PX", help="Image size in place of the preset's.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step, over all processes.")] = None,
    metrics: Annotated[str, typer.Option(help="Metrics with options, comma-separated.")] = ",".join(METRICS),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results"),
    retry: Annotated[
        bool,
        typer.Option("--retry", help="Repeat a run that failed, and repair lost or damaged files of a finished one."),
    ] = False,
) -> None:
    """Train and score one cell, alone or under accelerate launch.

    Examples:
    accelerate launch --num_processes 8 -m zoo.train --recipe layergan --data DIR --preset paper --batch 8 ·
    accelerate launch --num_processes 8 -m zoo.train results/CELL
    """
    if folder is None:
        parts = Axes(
            recipes=split_specs(recipe),
            generators=split_specs(gen),
            discriminators=split_specs(disc),
            methods=split_specs(method),
            data=split_specs(data),
            norm=norm,
            preset=cast(PresetName, preset),
            size=size,
            steps=steps,
            epochs=epochs,
            batch=batch,
            processes=int(os.environ.get("WORLD_SIZE", "1")),
        )
        cell, job = _composed(parts, split_specs(metrics), device, out)
    else:
        job = replace(read_job(folder), asked=_now(folder))
        cell = _cell_of(folder, job)
    raise typer.Exit(_run(cell, replace(job, retry=retry)))


def _composed(axes: Axes, metrics: list[str], device: str, out: Path) -> tuple[Cell, Job]:
    from zoo.run.runner import choose_metrics

    cells, refusals = expand(axes, out)
    if refusals:
        raise UsageError(refusals[0].reason)
    if len(cells) != 1:
        raise UsageError(f"{len(cells)} cells were named; here one is trained", "Type zoo bench to train several")
    (cell,) = cells
    cell.folder.mkdir(parents=True, exist_ok=True)
    job = Job(
        recipe=cell.recipe,
        train_key=cell.train_key,
        metrics=scorings(choose_metrics(metrics, cells), cell.train_key),
        root=str(cell.source.root),
        device=device,
        command=shlex.join(["accelerate", "launch", "-m", "zoo.train", *sys.argv[1:]]),
        processes=cell.processes,
        asked=_now(cell.folder),
    )
    return cell, job


def _cell_of(folder: Path, job: Job) -> Cell:
    """Return the cell of a job, for the display."""
    root, data = Path(job.root), job.recipe.data
    source = DataSource(root=root, name=data.name, info=read_info(root), fingerprint=data.fingerprint)
    return Cell(recipe=job.recipe, source=source, folder=folder.resolve(), train_key=job.train_key)


def _run(cell: Cell, job: Job) -> int:
    """Run this process's share of the cell and return the exit code; the first process shows how it goes."""
    from zoo.run.display import make_display
    from zoo.run.outcome import Outcome
    from zoo.run.record import read_record

    stopping = stop_signals(signal.SIGTERM, signal.SIGINT)
    if os.environ.get("RANK", "0") != "0":
        return CODES[run_cell(cell.folder, job, lambda event: None, stopping.is_set).how]
    job = replace(job, expired=_wait_for_lease(cell.folder))
    with make_display() as display:
        display.started(cell, 1, 1)
        ending = run_cell(cell.folder, job, lambda event: display.heard(cell, event), stopping.is_set)
        if ending.how in ("done", "kept"):
            display.finished(Outcome(cell=cell, status=ending.how, record=read_record(cell.folder)))
        elif ending.how == "interrupted":
            display.finished(Outcome(cell=cell, status="interrupted"))
    if ending.how == "taken":
        note(f"zoo: {holder(cell.folder) or 'another process'} works on this cell")
    elif ending.text:
        note(f"zoo: {ending.text}")
    return CODES[ending.how]


def _wait_for_lease(folder: Path) -> str:
    """Wait until a lease whose time lies in the future shows that it is alive or nobody's; return the mark of the latter."""
    told, deadline = False, time.monotonic() + DEAD_AFTER + 10
    while time.monotonic() < deadline and (busy := holder(folder)) and is_ahead(folder):
        if not told:
            note(f"zoo: waiting up to {DEAD_AFTER:.0f} s to see whether {busy}, which holds the lease, is alive")
        told = True
        time.sleep(1.0)
    return expired(folder)


def _now(folder: Path) -> int:
    """Return the time by the folder's clock, where this process sees the folder."""
    return folder_time(folder) if folder.is_dir() else 0


if __name__ == "__main__":
    sys.exit(run(app))
