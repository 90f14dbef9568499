"""`zoo translate`: visible images and videos to thermal ones with a trained model."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zoo.cli.completion import weights
from zoo.cli.output import note, print_json
from zoo.cli.targets import plan, plan_video, spare_originals
from zoo.errors import DataError, UsageError, ZooError

if TYPE_CHECKING:
    from zoo.translation.streaming import Draw

DEFAULT_MODEL = "pix2pix-scenes"
"""Weights that come with zoo."""
WRITERS = 2
"""Threads that encode and write images."""
TELL_EVERY = 10.0
"""Seconds between two lines on how far a folder or a video is."""
DepthName = Literal["8", "16", "float"]
PrecisionName = Literal["fp32", "tf32", "bf16"]


def translate(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE|DIR|VIDEO", help="A visible image, a folder of them, or a video.")
    ],
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
            "-o",
            "--out",
            help="Output file or folder. [default: IMAGE_thermal.png, DIR_thermal or VIDEO_thermal.mp4]",
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE|DIR", help="Class indices, for models that read them.")
    ] = None,
    temperature: Annotated[
        list[str], typer.Option(metavar="CLASS=C", help="Degrees Celsius of a class; may be repeated.")
    ] = [],
    tile: Annotated[
        int | None,
        typer.Option(metavar="N", help="Translate in overlapping tiles of N pixels, for images that fill the memory."),
    ] = None,
    depth: Annotated[
        DepthName | None,
        typer.Option(help="8 or 16 bits (PNG, TIFF, NPY), or float from -1 to 1 (TIFF, NPY). [default: 8]"),
    ] = None,
    celsius: Annotated[bool, typer.Option("--celsius", help="Write degrees Celsius as float (TIFF, NPY).")] = False,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Images of one size at once. [default: up to 4 on a CPU, 32 on a GPU]")
    ] = None,
    speed: Annotated[str, typer.Option(help="auto, plain, or any of channels-last,compile.")] = "auto",
    precision: Annotated[PrecisionName, typer.Option(help="fp32, or tf32 or bf16 where there are units.")] = "fp32",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Take weights from the cache only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the pairs of files as JSON.")] = False,
) -> None:
    """Translate visible images to one-channel thermal images of the same size.

    Examples:
    zoo translate street.jpg ·
    zoo translate photos --model results/RUN -o thermal ·
    zoo translate drive.mp4 --model results/RUN ·
    zoo translate street.jpg --model results/RUN --celsius -o degrees.tif ·
    zoo translate street.png --labels street_labels.png --temperature car=35 --model results/RUN
    """
    if celsius and depth not in (None, "float"):
        raise UsageError(f"degrees are floats, and --depth {depth} asks for whole levels", "Leave out --depth")
    level: Literal[8, 16, "float"] = "float" if celsius or depth == "float" else 16 if depth == "16" else 8
    degrees = parse_temperatures(temperature)
    if labels is not None and not labels.exists():
        raise DataError(f"there is no label file or folder `{labels}`", "Check --labels")
    film = plan_video(image, out, level)
    jobs = [] if film else _plan(image, out, level)
    spare_originals([film] if film else jobs)
    from zoo.compute.options import parse_compute
    from zoo.translation.loading import load

    wanted = parse_compute(speed)
    translator = load(model, device=device, offline=offline or None)
    if celsius:
        translator.require_degrees()
    if film and translator.reads_labels:
        name = translator.config.recipe.method.name
        raise UsageError(f"this model ({name}) reads class labels, and a video has none", "Translate single images")
    translator.require_inputs(labels=labels is not None, temperatures=degrees)
    from zoo.translation.streaming import Draw, fast

    draw = Draw(translator, temperatures=degrees, tile=tile, depth=level, batch=batch)
    with fast(translator, wanted, precision):
        if film:
            return _video(draw, *film, as_json)
        return _images(draw, jobs, labels, celsius, as_json)


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
        if not equals or not math.isfinite(degrees[name]):
            raise UsageError(
                f"--temperature {word!r} is not a class with its degrees", "Write e.g. --temperature car=35"
            )
    return degrees


def _plan(image: Path, out: Path | None, level: Literal[8, 16, "float"]) -> list[tuple[Path, Path]]:
    """Return the images with their output files, and say at once what is done: a large folder takes a while to list."""
    if not image.is_dir():
        return plan(image, out, level)
    note(f"zoo: listing the images of `{image}`")
    jobs = plan(image, out, level)
    note(f"zoo: translating {len(jobs):,} image{'s' * (len(jobs) > 1)} to `{jobs[0][1].parent}`")
    return jobs


def _video(draw: Draw, source: Path, target: Path, as_json: bool) -> None:
    from zoo.translation.video import translate_video

    told = time.monotonic()

    def tell(done: int, frames: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            note(f"{source}: frame {done}" + (f" of {frames}" if frames else ""))

    count = translate_video(draw, source, target, tell)
    if as_json:
        print_json([{"visible": str(source), "thermal": str(target), "frames": count}])
    else:
        typer.echo(str(target))


def _images(draw: Draw, jobs: Sequence[tuple[Path, Path]], labels: Path | None, celsius: bool, as_json: bool) -> None:
    """Translate images to files, name each when it is written, and fail at the end if one could not be."""
    from zoo.translation.outputs import write_pixels
    from zoo.translation.prefetch import Behind
    from zoo.translation.streaming import read, stream

    translator, faults, done, told = draw.translator, 0, set[int](), time.monotonic()
    label_folder = labels if labels and labels.is_dir() else None

    def write(number: int, pixels: Any) -> int:
        write_pixels(translator.to_celsius(pixels) if celsius else pixels, jobs[number][1])
        return number

    def tell(numbers: Iterator[int]) -> None:
        nonlocal told
        for number in numbers:
            done.add(number)
            if not as_json:
                typer.echo(str(jobs[number][1]))
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            note(f"zoo: {len(done):,} of {len(jobs):,} images")

    readers = (
        partial(
            read,
            source,
            label_folder / f"{source.stem}.png" if label_folder else labels,
            translator,
            any_size=draw.tile is not None,
        )
        for source, _ in jobs
    )
    try:
        with Behind[int](WRITERS) as writing:
            for number, result in stream(readers, draw):
                if isinstance(result, DataError):  # the other images of the folder are still wanted
                    faults += 1
                    note(f"zoo: {result}")
                else:
                    tell(writing.put(partial(write, number, result)))
            tell(writing.rest())
    finally:  # what is written is told, whatever comes
        tell(writing.finished())
        if as_json:
            pairs = [(source, target) for number, (source, target) in enumerate(jobs) if number in done]
            print_json([{"visible": str(source), "thermal": str(target)} for source, target in pairs])
    if faults:
        rest = "; the others are written" if done else ""
        raise ZooError(f"{faults} of {len(jobs)} images could not be translated{rest}")
