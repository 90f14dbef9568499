"""`zoo inspect`: what a file of weights holds and what it is. Imports no torch and executes nothing of the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.output import print_json, print_table
from zoo.plugins import installed

if TYPE_CHECKING:
    from zoo.checkpoints.entries import Checkpoint, Entry
    from zoo.checkpoints.formats import Match, Network

LIMIT = 12
"""Tensors that are shown unless all are asked for."""
_KEYS = 3
"""Keys that are named of those in which a file and a format differ."""


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .safetensors, .pth, .pt or .ckpt file.")],
    every: Annotated[bool, typer.Option("--all", help=f"Show all tensors, not the first {LIMIT}.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all tensors.")] = False,
) -> None:
    """Tell what a file of weights is, its keys, shapes and types; nothing of the file is executed.

    Examples: zoo inspect latest_net_G_A.pth · zoo inspect model.safetensors --all · zoo inspect old.ckpt --json
    """
    from zoo.checkpoints.formats import networks
    from zoo.checkpoints.peek import peek

    checkpoint = peek(file)
    own = "zoo_version" in checkpoint.metadata
    found = networks(checkpoint, [row for plugin in installed() for row in plugin.rows.checkpoints if not own])
    if as_json:
        return print_json(_report(checkpoint, found))
    _print_summary(checkpoint, found)
    rows = [_row(name, entry) for name, entry in checkpoint.tensors.items()]
    print_table(("tensor", "shape", "type", "values"), rows if every else rows[:LIMIT], right=("values",))
    if len(rows) > LIMIT and not every:
        typer.echo(f"... and {len(rows) - LIMIT} more; --all shows them")
    return None


def _print_summary(checkpoint: Checkpoint, found: list[Network]) -> None:
    from zoo.checkpoints.entries import shown
    from zoo.checkpoints.words import listed

    known = [network.match.title for network in found if network.match]
    what = known[0] if len(known) == 1 else f"{len(known)} networks" if known else _unknown(checkpoint)
    typer.echo(f"{checkpoint.path.name}: {what}")
    dtypes = ", ".join(
        f"{dtype} ({count})" if count < len(checkpoint.tensors) else dtype for dtype, count in checkpoint.dtypes.items()
    )
    typer.echo(f"  {checkpoint.container}, {_size(checkpoint.size)}")
    typer.echo(f"  {len(checkpoint.tensors):,} tensors of {dtypes}; {checkpoint.parameters:,} parameters")
    for label, text in checkpoint.metadata.items():
        typer.echo(f"  {shown(label)}: {shown(text)}")
    for network in found:
        _print_network(network, alone=len(known) == 1)
    besides = len(checkpoint.tensors) - sum(len(network.tensors) for network in found)
    if known and besides:
        typer.echo(f"  {besides:,} tensors besides")
    if checkpoint.objects:
        typer.echo(f"  objects of {listed(checkpoint.objects, _KEYS)}: not read, and left out by zoo convert")
    typer.echo()


def _print_network(network: Network, *, alone: bool) -> None:
    from zoo.checkpoints.entries import shown
    from zoo.checkpoints.words import differences, listed

    match = network.match
    if match is None:
        for near in network.nearest:
            typer.echo(f"  near {near.format.name}, {near.title}; the file")
            for difference in differences(near, _KEYS):
                typer.echo(f"    {difference}")
        return
    where = f"{shown(network.part)}: " if network.part else ""
    if where or not alone:
        typer.echo(f"  {where}{match.title}")
    if match.component:
        typer.echo(f"  zoo builds it as {match.component}")
    if match.dropped:
        typer.echo(f"  left out by zoo convert: {listed(match.dropped, _KEYS)}")
    if match.format.undetermined:
        typer.echo(f"  not told by the file: {', '.join(match.format.undetermined)}; zoo convert --set changes it")


def _report(checkpoint: Checkpoint, found: list[Network]) -> dict[str, Any]:
    return {
        "file": checkpoint.path.name,
        "container": checkpoint.container,
        "size": checkpoint.size,
        "metadata": checkpoint.metadata,
        "objects": checkpoint.objects,
        "parameters": checkpoint.parameters,
        "networks": [
            {"part": network.part, "prefix": network.prefix, "tensors": len(network.tensors)} | _match(network.match)
            for network in found
            if network.match
        ],
        "nearest": [_match(near) for network in found if not network.match for near in network.nearest],
        "tensors": [
            {"name": name, "shape": entry.shape, "dtype": entry.dtype} for name, entry in checkpoint.tensors.items()
        ],
    }


def _match(match: Match) -> dict[str, Any]:
    return {
        "format": match.format.name,
        "title": match.title,
        "origin": match.format.origin,
        "component": match.component,
        "sizes": match.sizes,
        "untold": match.format.undetermined,
        "dropped": match.dropped,
        "missing": match.missing,
        "extra": match.extra,
        "misshapen": match.misshapen,
    }


def _unknown(checkpoint: Checkpoint) -> str:
    if "zoo_version" in checkpoint.metadata:
        return "a model of zoo; zoo.load takes its folder as it is"
    return "no format that zoo knows"


def _row(name: str, entry: Entry) -> tuple[str, str, str, str]:
    from zoo.checkpoints.entries import shown

    return shown(name), " x ".join(map(str, entry.shape)) or "one value", entry.dtype, f"{entry.count:,}"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count:,} bytes"
