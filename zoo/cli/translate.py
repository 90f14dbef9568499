"""`zoo translate`: visible images to thermal ones with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.output import note, print_json
from zoo.errors import DataError, UsageError, ZooError


def translate(
    image: Annotated[Path, typer.Argument(metavar="IMAGE|DIR", help="A visible image, or a folder of them.")],
    model: Annotated[Path, typer.Option(metavar="RUN", help="Run folder with model.safetensors.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Output file (for one image) or folder.")],
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE|DIR", help="Class indices, for models that read them.")
    ] = None,
    temperature: Annotated[
        list[str], typer.Option(metavar="CLASS=C", help="Degrees Celsius of a class; may be repeated.")
    ] = [],  # noqa: B006
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the pairs of files as JSON.")] = False,
) -> None:
    """Translate visible images to 8-bit one-channel thermal PNGs of the same size.

    Examples:
    zoo translate street.jpg --model results/RUN -o thermal.png ·
    zoo translate photos --model results/RUN -o thermal ·
    zoo translate street.png --labels street_labels.png --temperature car=35 --model results/RUN -o thermal.png
    """
    jobs, degrees = plan(image, out), parse_temperatures(temperature)
    originals = {source.resolve() for source, _ in jobs}
    for _, target in jobs:
        if target.resolve() in originals:
            raise UsageError(f"the translation would overwrite the visible image `{target}`", "Choose another -o")
    from zoo.weights.translator import load

    translator = load(model, device=device)
    done, faults = [], 0
    for source, target in jobs:
        try:
            classes = labels / f"{source.stem}.png" if labels and labels.is_dir() else labels
            _write(translator.translate(source, labels=classes, temperatures=degrees), target)
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


def plan(image: Path, out: Path) -> list[tuple[Path, Path]]:
    """Return each input with its output file.

    Raises:
        DataError: there is no such file or folder, the folder holds no image, or two inputs would get one output.
    """
    from zoo.data.layout import IMAGE_SUFFIXES

    if image.is_file():
        to_folder = out.is_dir() or not out.suffix
        if not to_folder and out.suffix.lower() != ".png":
            raise UsageError(
                f"thermal images are written as PNG, not as {out.suffix}", f"Type: -o {out.with_suffix('.png')}"
            )
        return [(image, out / f"{image.stem}.png" if to_folder else out)]
    if not image.is_dir():
        raise DataError(f"there is no image or folder `{image}`")
    sources = sorted(
        path
        for path in image.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
    if not sources:
        raise DataError(f"folder `{image}` holds no image", f"Known endings: {' '.join(IMAGE_SUFFIXES)}")
    jobs = [(source, out / f"{source.stem}.png") for source in sources]
    stems = [source.stem for source in sources]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice:
        raise DataError(f"folder `{image}` holds two images named {twice}; both would become {twice}.png", "Rename one")
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


def _write(picture: object, target: Path) -> None:
    import io

    from PIL import Image

    from zoo.files import write_atomically

    assert isinstance(picture, Image.Image)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_atomically(target, buffer.getvalue())
