"""`zoo export`: trained weights as an ONNX or `torch.export` file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from zoo.cli.completion import weights
from zoo.cli.output import Json, note, print_json
from zoo.cli.weights import MODEL_HELP, MODEL_METAVAR, Offline
from zoo.errors import UsageError
from zoo.sizes import read_size

FormatName = Literal["onnx", "pt2"]
RUNTIMES = {"onnx": "onnxruntime", "pt2": "torch"}
"""The program that runs a file of each format for the comparison with the original."""


def export(
    name: Annotated[str, typer.Argument(metavar=MODEL_METAVAR, autocompletion=weights, help=MODEL_HELP)],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Output file. [default: NAME.onnx or NAME.pt2]")
    ] = None,
    kind: Annotated[
        FormatName | None, typer.Option("--format", help="File format. [default: the ending of -o, else onnx]")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="PX", help="Image size, 256 or 512x640, for networks with a fixed size.")
    ] = None,
    offline: Offline = False,
    as_json: Json = False,
) -> None:
    """Write weights as one file that runs without zoo.

    The file is first compared with the original on random images.

    Examples: zoo export results/RUN -o model.onnx · zoo export org/name --format pt2
    """
    from zoo.hub.addresses import title_of

    title = title_of(name).rpartition("/")[2]
    chosen, target = choose(title, out, kind)
    wanted = None if size is None else read_size(size)
    from zoo.files import write_atomically
    from zoo.translation.export import export as run
    from zoo.translation.export import require

    require(chosen)
    from zoo.translation.loading import load

    exported = run(load(name, device="cpu", offline=offline or None), kind=chosen, name=title, size=wanted)
    write_atomically(target, exported.content)
    for line in exported.notes:
        note(f"zoo: {line}")
    worst = max(exported.differences.values())
    if as_json:
        return print_json(
            {
                "file": str(target),
                "format": chosen,
                "bytes": len(exported.content),
                "inputs": exported.inputs,
                "sizes": exported.sizes,
                "free": exported.free,
                "max_difference": worst,
                "differences": exported.differences,
                "notes": exported.notes,
            }
        )
    typer.echo(f"{target}: {len(exported.content) / 1e6:.1f} MB")
    for entry, what in exported.inputs.items():
        typer.echo(f"  {entry}: {what}")
    if exported.sizes:
        typer.echo(f"  {exported.sizes}")
    shapes = ", ".join(exported.differences)
    typer.echo(f"max difference in {RUNTIMES[chosen]}: {worst:.2g} of a range of 2, over images of {shapes}")
    return None


def choose(title: str, out: Path | None, kind: FormatName | None) -> tuple[FormatName, Path]:
    """Return the format and the file; what is not given follows from the other.

    Raises:
        UsageError: the file has another ending.
    """
    endings: dict[str, FormatName] = {".onnx": "onnx", ".pt2": "pt2"}
    if out is None:
        chosen = kind or "onnx"
        return chosen, Path(f"{title}.{chosen}")
    if out.is_dir():
        return choose(title, out / f"{title}.{kind or 'onnx'}", kind)
    named = endings.get(out.suffix.lower())
    if named is None or kind not in (None, named):
        wanted = f".{kind or 'onnx'}"
        raise UsageError(
            f"an exported model of format {kind or 'onnx'} ends in {wanted}, not in {out.suffix or 'nothing'}",
            f"Use -o {out.with_suffix(wanted)}",
        )
    return named, out
