"""`zoo convert`: another program's weights as a folder for `zoo.load` and `zoo translate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.output import print_json
from zoo.errors import UsageError


def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .pth, .pt, .ckpt or .safetensors file.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="By default FILE without its ending.")
    ] = None,
    part: Annotated[str | None, typer.Option(metavar="NAME", help="Which network, in a file of several.")] = None,
    setting: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="An option that the file does not determine; may be repeated."),
    ] = [],
    classes: Annotated[
        str, typer.Option(metavar="A,B,...", help="Classes of the label images, for networks that read temperatures.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Convert a network of CycleGAN, pix2pix, CUT or ThermalGAN, and check on an image that it computes the same.

    Examples: zoo convert latest_net_G_A.pth · zoo convert latest_net_G.pth -o thermal --set evaluation=eval ·
    zoo convert all.ckpt --part netG_A
    """
    settings = dict(_pair(word) for word in setting)
    from zoo.checkpoints.convert import convert as run
    from zoo.checkpoints.formats import listed

    folder = out or (file.with_suffix("") if file.suffix else file.with_name(f"{file.name}_converted"))
    done = run(file, folder, part=part, settings=settings, classes=[name for name in classes.split(",") if name])
    if as_json:
        return print_json(done)
    typer.echo(f"{done.source.file}: {done.source.title}")
    typer.echo(f"{done.folder}: {done.tensors} tensors, {done.component or 'no component'}")
    if done.dropped:
        typer.echo(f"left out: {len(done.dropped)} tensors that the network does not use")
    if done.objects:
        typer.echo(f"left out: objects of {listed(done.objects)}")
    typer.echo(f"checked: {done.checked}")
    if done.translates:
        labels = " --labels FILE --temperature CLASS=C" if done.reads_labels else ""
        typer.echo(f"Run: zoo translate IMAGE{labels} --model {done.folder} -o thermal.png")
    return None


def _pair(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {word!r} is not of the form KEY=VALUE", "Use e.g. --set evaluation=eval")
    return key, value
