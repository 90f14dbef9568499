"""`zoo inspect`: the content and the format of a file of weights. Imports no torch and executes nothing of the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.output import print_json, print_table
from zoo.plugins import installed

if TYPE_CHECKING:
    from zoo.checkpoints.entries import TensorEntry, WeightsFile
    from zoo.checkpoints.formats import Match, Network

LIMIT = 12
"""Tensors that are shown without `--all`."""


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .safetensors, .pth, .pt or .ckpt file.")],
    every: Annotated[bool, typer.Option("--all", help=f"Show all tensors, not the first {LIMIT}.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all tensors.")] = False,
) -> None:
    """Show the format of a file of weights, its keys, shapes and types; nothing of the file is executed.

    Examples: zoo inspect latest_net_G_A.pth · zoo inspect model.safetensors --all · zoo inspect old.ckpt --json
    """
    from zoo.checkpoints.formats import networks
    from zoo.checkpoints.peek import peek

    weights = peek(file)
    own = "zoo_version" in weights.metadata
    found = networks(weights, [row for plugin in installed() for row in plugin.rows.checkpoints if not own])
    if as_json:
        return print_json(_report(weights, found))
    _print_summary(weights, found)
    rows = [_row(name, entry) for name, entry in weights.tensors.items()]
    print_table(("tensor", "shape", "type", "values"), rows if every else rows[:LIMIT], right=("values",))
    if len(rows) > LIMIT and not every:
        typer.echo(f"... and {len(rows) - LIMIT} more; --all shows them")
    return None


def _print_summary(weights: WeightsFile, found: list[Network]) -> None:
    from zoo.checkpoints.entries import shown
    from zoo.checkpoints.formats import listed

    known = [network.match.title for network in found if network.match]
    what = known[0] if len(known) == 1 else f"{len(known)} networks" if known else _unknown(weights)
    typer.echo(f"{weights.path.name}: {what}")
    dtypes = ", ".join(
        f"{dtype} ({count})" if count < len(weights.tensors) else dtype for dtype, count in weights.dtypes.items()
    )
    typer.echo(f"  {weights.container}, {_size(weights.size)}")
    typer.echo(f"  {len(weights.tensors):,} tensors of {dtypes}; {weights.parameters:,} parameters")
    for label, text in weights.metadata.items():
        typer.echo(f"  {shown(label)}: {shown(text)}")
    for network in found:
        _print_network(network, alone=len(known) == 1)
    others = len(weights.tensors) - sum(len(network.tensors) for network in found)
    if known and others:
        typer.echo(f"  {others:,} other tensors")
    if weights.objects:
        typer.echo(f"  objects of {listed(weights.objects)}: not read; zoo convert leaves them out")
    typer.echo()


def _print_network(network: Network, *, alone: bool) -> None:
    from zoo.checkpoints.entries import shown
    from zoo.checkpoints.formats import listed

    match = network.match
    if match is None:
        for near in network.nearest:
            typer.echo(f"  nearest: {near.format.name}, {near.title}; the file")
            for difference in near.describe_differences():
                typer.echo(f"    {difference}")
        return
    where = f"{shown(network.part)}: " if network.part else ""
    if where or not alone:
        typer.echo(f"  {where}{match.title}")
    if match.component:
        typer.echo(f"  zoo builds it as {match.component}")
    if match.dropped:
        typer.echo(f"  zoo convert leaves out: {listed(match.dropped)}")
    if match.format.undetermined:
        typer.echo(f"  not determined by the file: {', '.join(match.format.undetermined)}; set with zoo convert --set")


def _report(weights: WeightsFile, found: list[Network]) -> dict[str, Any]:
    return {
        "file": weights.path.name,
        "container": weights.container,
        "size": weights.size,
        "metadata": weights.metadata,
        "objects": weights.objects,
        "parameters": weights.parameters,
        "networks": [
            {"part": network.part, "prefix": network.prefix, "tensors": len(network.tensors)} | _match(network.match)
            for network in found
            if network.match
        ],
        "nearest": [_match(near) for network in found if not network.match for near in network.nearest],
        "tensors": [
            {"name": name, "shape": entry.shape, "dtype": entry.dtype} for name, entry in weights.tensors.items()
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


def _unknown(weights: WeightsFile) -> str:
    if "zoo_version" in weights.metadata:
        return "a model of zoo; zoo.load loads its folder"
    return "unknown format"


def _row(name: str, entry: TensorEntry) -> tuple[str, str, str, str]:
    from zoo.checkpoints.entries import shown

    return shown(name), " x ".join(map(str, entry.shape)) or "one value", entry.dtype, f"{entry.count:,}"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count:,} bytes"
