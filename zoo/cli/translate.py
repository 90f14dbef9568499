"""`zoo translate`: visible images and videos to thermal ones with a trained model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zoo.cli.completion import weights
from zoo.cli.options import OldCompute
from zoo.cli.output import Json, note, print_json
from zoo.cli.targets import Level, plan, plan_video, spare_originals
from zoo.cli.weights import DEFAULT_MODEL, MODEL_HELP, MODEL_METAVAR, Device, Offline
from zoo.errors import DataError, UsageError, ZooError
from zoo.terminal import periodic_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.translation.streaming import BatchTranslator
    from zoo.translation.translator import Translator

WRITERS = 2
"""Threads that encode and write images."""
DepthName = Literal["8", "16", "float"]
PrecisionName = Literal["fp32", "tf32", "bf16"]
ColormapName = Literal["white-hot", "black-hot", "inferno", "magma", "plasma", "viridis", "turbo"]
"""Those of `zoo.translation.colors`, which imports numpy."""


def translate(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE|DIR|VIDEO", help="A visible image, a folder of them, or a video.")
    ],
    model: Annotated[str, typer.Option(metavar=MODEL_METAVAR, autocompletion=weights, help=MODEL_HELP)] = DEFAULT_MODEL,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="Output file or folder. [default: IMAGE_thermal.png, DIR_thermal or VIDEO_thermal.mp4]",
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE|DIR", help="Class indices, for models that need them.")
    ] = None,
    temperature: Annotated[
        list[str], typer.Option(metavar="CLASS=C", help="Temperature of a class in degrees Celsius; repeatable.")
    ] = [],
    tile: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Translate in overlapping tiles of N pixels, for images that exceed the memory."
        ),
    ] = None,
    depth: Annotated[
        DepthName | None,
        typer.Option(help="8 or 16 bits (PNG, TIFF, NPY), or float from -1 to 1 (TIFF, NPY). [default: 8]"),
    ] = None,
    celsius: Annotated[bool, typer.Option("--celsius", help="Write degrees Celsius as float (TIFF, NPY).")] = False,
    colormap: Annotated[
        ColormapName | None,
        typer.Option(help="Write 8-bit colors (PNG, TIFF, video), with a bar in degrees where these are known."),
    ] = None,
    bar: Annotated[bool, typer.Option(help="Bar of --colormap; without it images keep their size.")] = True,
    batch: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Batch size, of images of one size. [default: 1 or 2 in each process on a CPU, up to 32 on a GPU]",
        ),
    ] = None,
    option: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUE", help="Option used in translation only, e.g. steps=10 of a sampler; repeatable."
        ),
    ] = [],
    compute: Annotated[str, typer.Option(help="auto, plain, or any of channels-last,compile.")] = "auto",
    speed: OldCompute = "auto",
    precision: Annotated[
        PrecisionName, typer.Option(help="fp32, or tf32 or bf16 if the hardware supports it.")
    ] = "fp32",
    device: Device = "auto",
    offline: Offline = False,
    as_json: Json = False,
) -> None:
    """Translate visible images to thermal images of the same size; --colormap adds a bar beside them.

    Examples:
    zoo translate street.jpg ·
    zoo translate photos --model results/RUN -o thermal ·
    zoo translate drive.mp4 --model results/RUN ·
    zoo translate street.jpg --colormap inferno ·
    zoo translate street.jpg --model results/RUN --celsius -o degrees.tif ·
    zoo translate street.png --labels street_labels.png --temperature car=35 --model results/RUN
    """
    if celsius and depth not in (None, "float"):
        raise UsageError(f"--celsius writes floats, and --depth {depth} whole levels", "Leave out --depth")
    if colormap and (celsius or depth not in (None, "8")):
        other = "--celsius" if celsius else f"--depth {depth}"
        raise UsageError(f"--colormap writes 8-bit colors, and {other} was given too", f"Leave out {other}")
    level: Level = "color" if colormap else "float" if celsius or depth == "float" else 16 if depth == "16" else 8
    degrees, chosen = parse_temperatures(temperature), parse_options(option)
    if labels is not None and not labels.exists():
        raise DataError(f"there is no label file or folder `{labels}`", "Check --labels")
    film = plan_video(image, out, level)
    jobs = [] if film else _plan(image, out, level)
    spare_originals([film] if film else jobs)
    from zoo.compute.options import parse_compute
    from zoo.translation.loading import load

    options = parse_compute(compute if compute != "auto" else speed)
    translator = load(model, device=device, offline=offline or None, options=chosen)
    if celsius:
        translator.require_degrees()
    if film and translator.reads_labels:
        name = translator.config.recipe.method.name
        raise UsageError(f"this model ({name}) reads class labels, and a video has none", "Translate single images")
    translator.require_inputs(labels=labels is not None, temperatures=degrees)
    from zoo.translation.streaming import BatchTranslator, optimized

    draw = BatchTranslator(
        translator,
        temperatures=degrees,
        tile=tile,
        depth=8 if level == "color" else level,
        batch=batch,
        processes=1 if options and options.compile else None,  # each process would compile its own
    )
    finish = _finish(translator, colormap, bar=bar, celsius=celsius)
    with optimized(translator, options, precision):
        if film:
            return _video(draw, *film, finish, as_json)
        return _images(draw, jobs, labels, finish, as_json)


def _finish(
    translator: Translator, colormap: ColormapName | None, *, bar: bool, celsius: bool
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what turns the levels of a translation into what is written: colors, degrees or the levels themselves."""
    if colormap:
        from zoo.translation.colors import colored

        return partial(colored, name=colormap, thermal_range=translator.thermal_range if bar else None)
    return translator.to_celsius if celsius else lambda pixels: pixels


def parse_temperatures(words: list[str]) -> dict[str, float]:
    """Return degrees by class name from words such as `car=35`.

    Raises:
        UsageError: a word does not have that form.
    """
    degrees = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            degrees[name] = float(value)
        except ValueError:
            degrees[name] = math.nan
        if not math.isfinite(degrees[name]):
            raise UsageError(f"--temperature {word!r} is not a class with its degrees", "Use e.g. --temperature car=35")
    return degrees


def parse_options(words: list[str]) -> dict[str, str]:
    """Return values by name from words such as `steps=10`.

    Raises:
        UsageError: a word does not have that form, or a name occurs twice.
    """
    options: dict[str, str] = {}
    for word in words:
        name, equals, value = (part.strip() for part in word.partition("="))
        if not name or not equals:
            raise UsageError(f"--option {word!r} is not a name with its value", "Use e.g. --option steps=10")
        if name in options:
            raise UsageError(f"--option {name} was given twice", "Give it once")
        options[name] = value
    return options


def _plan(image: Path, out: Path | None, level: Level) -> list[tuple[Path, Path]]:
    """Return the images with their output files; print a line first, since listing a large folder takes a while."""
    if not image.is_dir():
        return plan(image, out, level)
    note(f"zoo: listing the images of `{image}`")
    jobs = plan(image, out, level)
    note(f"zoo: translating {len(jobs):,} image{'s' * (len(jobs) > 1)} to `{jobs[0][1].parent}`")
    return jobs


def _video(
    draw: BatchTranslator, source: Path, target: Path, finish: Callable[[NDArray[Any]], NDArray[Any]], as_json: bool
) -> None:
    from zoo.translation.video import translate_video

    log = periodic_note()
    count = translate_video(
        draw,
        source,
        target,
        lambda done, frames: log(f"{source}: frame {done}" + (f" of {frames}" if frames else "")),
        finish,
    )
    if as_json:
        return print_json([{"visible": str(source), "thermal": str(target), "frames": count}])
    return typer.echo(str(target))


def _images(
    draw: BatchTranslator,
    jobs: Sequence[tuple[Path, Path]],
    labels: Path | None,
    finish: Callable[[NDArray[Any]], NDArray[Any]],
    as_json: bool,
) -> None:
    """Translate images to files, print each when it is written, and fail at the end if one failed."""
    from zoo.translation.outputs import write_pixels
    from zoo.translation.streaming import WriteQueue, read_input, translate_stream

    translator, faults, done, log = draw.translator, 0, set[int](), periodic_note()
    label_folder = labels if labels and labels.is_dir() else None

    def write(number: int, pixels: Any) -> int:
        write_pixels(finish(pixels), jobs[number][1])
        return number

    def show(written: Iterator[int]) -> None:
        for number in written:
            done.add(number)
            if not as_json:
                typer.echo(str(jobs[number][1]))
        log(f"zoo: {len(done):,} of {len(jobs):,} images")

    translator.on_tile = lambda finished, tiles: log(
        f"zoo: {len(done):,} of {len(jobs):,} images; tile {finished} of {tiles} of the next"
    )
    label_files = (label_folder / f"{source.stem}.png" if label_folder else labels for source, _ in jobs)
    readers = (
        partial(read_input, source, label_file, translator, any_size=draw.tile is not None)
        for (source, _), label_file in zip(jobs, label_files, strict=True)
    )
    try:
        with WriteQueue[int](WRITERS) as writing:
            for number, result in translate_stream(readers, draw):
                if isinstance(result, DataError):  # the other images are still translated
                    faults += 1
                    note(f"zoo: {result}")
                else:
                    show(writing.put(partial(write, number, result)))
            show(writing.join())
    finally:  # after an error too, print what is written
        show(writing.completed())
        if as_json:
            pairs = [job for number, job in enumerate(jobs) if number in done]
            print_json([{"visible": str(source), "thermal": str(target)} for source, target in pairs])
    if faults:
        rest = "; the others are written" if done else ""
        raise ZooError(f"{faults} of {len(jobs)} images could not be translated{rest}")
