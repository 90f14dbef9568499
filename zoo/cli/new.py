"""`zoo new`: a package for a part of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.output import note, print_json


def new(
    name: Annotated[str, typer.Argument(help="Of the package and of its part, e.g. mynet.")],
    kind: Annotated[
        str, typer.Option(help="generator, discriminator, normalizer, method, metric or dataset.")
    ] = "generator",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder to make; by default NAME.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a package for a part of your own, with tests and CI.

    Examples: zoo new mynet · zoo new mynorm --kind normalizer -o work/mynorm
    """
    # Here, not above: every start of zoo would pay for it.
    from zoo.scaffold import new_plugin, use_of

    folder = out or Path(name)
    made = new_plugin(name, kind, folder)
    if as_json:
        return print_json({"folder": str(folder), "files": [str(path) for path in made]})
    for path in made:
        typer.echo(str(path))
    note(f"\nzoo: now type\n  pip install -e {folder}\n  zoo check {name}\n  {use_of(kind, name)}")
    return None
