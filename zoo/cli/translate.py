"""`zoo translate`: visible images to thermal ones with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zoo.cli.completion import weights
from zoo.cli.output import note, print_json
from zoo.errors import DataError, UsageError, ZooError

if TYPE_CHECKING:
    from zoo.weights.translator import Translator

DEFAULT_MODEL = "pix2pix-scenes"
"""Weights that come with zoo."""
DepthName = Literal["8", "16", "float"]
INTEGERS, FLOATS = (".png", ".tif", ".tiff", ".npy"), (".tif", ".tiff", ".npy")
"""Endings of files that hold whole levels, and of those that hold floats."""


def translate(
    image: Annotated[Path, typer.Argument(metavar="IMAGE|DIR", help="A visible image, or a folder of them.")],
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|RUN|ORG/REPO",
            autocompletion=weights,
            help="Trained weights (zoo list weights), a run folder, or org/repo[@revision].",
        ),
    ] = DEFAULT_MODEL,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="Output file (for one image) or folder. [default: IMAGE_thermal.png or DIR_thermal]"
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE|DIR", help="Class indices, for models that read them.")
    ] = None,
    temperature: Annotated[
        list[str], typer.Option(metavar="CLASS=C", help="Degrees Celsius of a class; may be repeated.")
    ] = [],  # noqa: B006
    tile: Annotated[
        int | None,
        typer.Option(metavar="N", help="Translate in overlapping tiles of N pixels, for images that fill the memory."),
    ] = None,
    depth: Annotated[
        DepthName | None,
        typer.Option(help="8 or 16 bits (PNG, TIFF, NPY), or float from -1 to 1 (TIFF, NPY). [default: 8]"),
    ] = None,
    celsius: Annotated[bool, typer.Option("--celsius", help="Write degrees Celsius as float (TIFF, NPY).")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Take weights from the cache only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the pairs of files as JSON.")] = False,
) -> None:
    """Translate visible images to one-channel thermal images of the same size.

    Examples:
    zoo translate street.jpg ·
    zoo translate photos --model results/RUN -o thermal ·
    zoo translate street.jpg --model results/RUN --celsius -o degrees.tif ·
    zoo translate street.png --labels street_labels.png --temperature car=35 --model results/RUN
    """
    if celsius and depth not in (None, "float"):
        raise UsageError(f"degrees are floats, and --depth {depth} asks for whole levels", "Leave out --depth")
    jobs = plan(image, out, FLOATS if celsius or depth == "float" else INTEGERS)
    degrees = parse_temperatures(temperature)
    originals = {source.resolve() for source, _ in jobs}
    for _, target in jobs:
        if target.resolve() in originals:
            raise UsageError(f"the translation would overwrite the visible image `{target}`", "Choose another -o")
    from zoo.weights.loading import load

    translator = load(model, device=device, offline=offline or None)
    if celsius:
        translator.require_degrees()
    done, faults = [], 0
    for source, target in jobs:
        try:
            classes = labels / f"{source.stem}.png" if labels and labels.is_dir() else labels
            _write(_translated(translator, source, classes, degrees, tile, depth, celsius), target)
        except DataError as error:  # the other images of the folder are still wanted
            faults += 1
            note(f"zoo: {error}")
            continue
        done.append({"visible": str(source), "thermal": str(target)})
        if not as_json:
            typer.echo(str(target))
    if as_json:
        print_json(done)
    if faults:
        rest = "; the others are written" if done else ""
        raise ZooError(f"{faults} of {len(jobs)} images could not be translated{rest}")


def plan(image: Path, out: Path | None, endings: tuple[str, ...]) -> list[tuple[Path, Path]]:
    """Return each input with its output file.

    Args:
        image: a file or a folder of them.
        out: a file for a file, or a folder; None for a name beside the input.
        endings: of files that hold what is asked for; those in a folder get the first.

    Raises:
        DataError: there is no such file or folder, the folder holds no image, or two inputs would get one output.
        UsageError: the output file has an ending of another kind.
    """
    from zoo.data.layout import IMAGE_SUFFIXES

    if image.is_file():
        out = out or image.with_name(f"{image.stem}_thermal{endings[0]}")
        to_folder = out.is_dir() or not out.suffix
        if not to_folder and out.suffix.lower() not in endings:
            known = f"{', '.join(endings[:-1])} or {endings[-1]}"
            raise UsageError(
                f"thermal images of this depth are written as {known}, not as {out.suffix}",
                f"Type: -o {out.with_suffix(endings[0])}",
            )
        return [(image, out / f"{image.stem}{endings[0]}" if to_folder else out)]
    if not image.is_dir():
        raise DataError(f"there is no image or folder `{image}`")
    out = out or image.resolve().with_name(f"{image.resolve().name}_thermal")
    sources = sorted(
        path
        for path in image.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
    if not sources:
        raise DataError(f"folder `{image}` holds no image", f"Known endings: {' '.join(IMAGE_SUFFIXES)}")
    jobs = [(source, out / f"{source.stem}{endings[0]}") for source in sources]
    stems = [source.stem for source in sources]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice:
        fault = f"folder `{image}` holds two images named {twice}; both would become {twice}{endings[0]}"
        raise DataError(fault, "Rename one")
    return jobs


def parse_temperatures(words: list[str]) -> dict[str, float]:
    """Return degrees by class name from words such as `car=35`.

    Raises:
        UsageError: a word is not of that form.
    """
    degrees = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            degrees[name] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise UsageError(
                f"--temperature {word!r} is not a class with its degrees", "Write e.g. --temperature car=35"
            )
    return degrees


def _translated(
    translator: Translator,
    source: Path,
    labels: Path | None,
    degrees: dict[str, float],
    tile: int | None,
    depth: DepthName | None,
    celsius: bool,
) -> Any:
    """Return a thermal image as an array of the depth that was asked for."""
    import numpy as np

    wanted: Literal[8, 16, "float"] = "float" if celsius or depth == "float" else 16 if depth == "16" else 8
    thermal = translator.translate(source, labels, degrees, tile=tile, depth=wanted)
    return translator.to_celsius(thermal) if celsius else np.asarray(thermal)


def _write(pixels: Any, target: Path) -> None:
    """Write an array [H, W] as PNG, TIFF or NPY, whole or not at all."""
    import io

    import numpy as np
    from PIL import Image

    from zoo.files import write_atomically

    buffer = io.BytesIO()
    if target.suffix.lower() == ".npy":
        np.save(buffer, pixels)
    else:
        Image.fromarray(pixels).save(buffer, "PNG" if target.suffix.lower() == ".png" else "TIFF")
    write_atomically(target, buffer.getvalue())
