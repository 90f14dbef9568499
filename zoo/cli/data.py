"""`zoo data import`, `zoo data check`, `zoo data sample` and `zoo data split`."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.output import Json, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zoo.contracts import Dataset
    from zoo.data.check import Problem
    from zoo.data.layout import DataQuality, DatasetInfo

app = typer.Typer(
    help="Import datasets into zoo's layout, check them, and sample smaller ones or other splits.", no_args_is_help=True
)

QualityOption = Annotated[
    bool,
    typer.Option(
        "--quality/--no-quality",
        help="Check data quality: registration, repeated, clipped and flat images; takes longer.",
    ),
]
OldQualityOption = Annotated[
    bool, typer.Option("--health/--no-health", hidden=True, help="Former name of --quality/--no-quality.")
]

_SHOWN = 10


@app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Layout of the source; `zoo list dataset` shows all.")],
    places: Annotated[
        list[Path],
        typer.Argument(metavar="[SRC] DST", help="Folder to import, which is only read, and folder to make."),
    ],
    visible: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Visible images, in place of SRC; for pairs.")
    ] = None,
    thermal: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Thermal images, in place of SRC; for pairs.")
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="0.1|N|all|FILE", help="Test set: a share, a number, all, or a list of stems.")
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(metavar="0.1|N|FILE|val", help="Validation set, or `val` to keep the source's; default: none."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampled test and validation sets.")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="DIR", help="Label images (class indices).")] = None,
    boxes: Annotated[
        Path | None, typer.Option(metavar="DIR|FILE", help="Boxes: YOLO, VOC, COCO, or lists by stem in JSON.")
    ] = None,
    classes: Annotated[str | None, typer.Option(metavar="A+B+C", help="Class names of labels and boxes.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the dataset, as tables show it.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the images come from.")] = None,
    license: Annotated[str | None, typer.Option(help="License of the images.")] = None,
    citation: Annotated[str | None, typer.Option(help="How to cite the dataset.")] = None,
    quality: QualityOption = True,
    health: OldQualityOption = True,
    as_json: Json = False,
) -> None:
    """Import a dataset into zoo's layout; files that cannot be used are skipped and named."""
    from rich.console import Console

    from zoo.data.layout import printable
    from zoo.data.writer import materialize

    paths = {"visible": visible, "thermal": thermal, "labels": labels, "boxes": boxes}
    options = {"test": test, "validation": validation, "seed": seed, "classes": classes}
    options |= {key: None if path is None else str(path) for key, path in paths.items()}
    dataset = _importer(kind, _given(options))
    src, dst = _source_and_target(kind, places, [path for path in (visible, thermal) if path])
    stated = _given({"name": name, "source": source, "license": license, "citation": citation})
    _silence_pillow()
    with Console(stderr=True).status("importing") as status:
        info = materialize(
            dataset,
            dst,
            src,
            progress=lambda done, out: status.update(f"importing: {done} written, {out} left out"),
            stated=stated,
        )
    for item in info.left_out[:_SHOWN]:
        print(f"left out {item.name}: {item.reason}", file=sys.stderr)
    if len(info.left_out) > _SHOWN:
        where = f"{printable(str(dst))}/dataset.json"
        print(f"left out {len(info.left_out) - _SHOWN} more; {where} names them all", file=sys.stderr)
    for note in info.notes:
        print(f"note: {note}", file=sys.stderr)
    ending = f", {len(info.left_out)} left out"
    _report_new(dst, info, ending, quality=quality and health, as_json=as_json)


@app.command("check")
def check(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Dataset folder.")],
    quality: QualityOption = True,
    health: OldQualityOption = True,
    write: Annotated[
        bool,
        typer.Option("--write", help="Store the data quality results in dataset.json, from which tables read them."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Decode every file of a dataset and name the problems; exits 1 if a training would stop."""
    from zoo.data.check import check as find_problems
    from zoo.data.layout import printable
    from zoo.data.quality import write_quality
    from zoo.errors import DataError, UsageError

    quality = quality and health
    if write and not quality:
        raise UsageError(
            "--write stores the data quality, and --no-quality does not measure it", "Leave one of them out"
        )
    _silence_pillow()
    problems = find_problems(directory)
    found = None
    if quality:
        with suppress(DataError):  # the check has named the reason
            found, warnings = _measure(directory)
            problems += warnings
    if write and found:
        write_quality(directory, found)
    count = Counter(problem.severity for problem in problems)
    if as_json:
        rows = [{"path": printable(str(p.path)), "what": printable(p.what), "severity": p.severity} for p in problems]
        print_json({"ok": not count["error"], "problems": rows, "health": found})
    else:
        for problem in problems:
            print(f"{problem.severity}: {problem}")
        numbers = [f"{count[s]} {s}{'s' * (count[s] != 1)}" for s in ("error", "warning") if count[s]]
        print(f"{printable(str(directory))}: {', '.join(numbers) or 'ok'}")
        if found:
            print(f"data quality: {found.summary}")
            if not write:
                print("not stored; use --write to store it in dataset.json, from which tables read it", file=sys.stderr)
    if count["error"]:
        raise typer.Exit(1)


@app.command("sample")
def sample(
    src: Annotated[Path, typer.Argument(metavar="SRC", help="Dataset folder; it is only read.")],
    dst: Annotated[Path, typer.Argument(metavar="DST", help="Folder to make.")],
    train: Annotated[int, typer.Option(help="Number of training images; the papers use 500.")] = 500,
    test: Annotated[int, typer.Option(help="Number of test images; the papers use 20.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the random sample.")] = 0,
    quality: QualityOption = True,
    health: OldQualityOption = True,
    as_json: Json = False,
) -> None:
    """Sample a smaller dataset from each split of a larger one; a seed gives the same images on every machine."""
    from zoo.data.subset import sample_subset

    info = sample_subset(src, dst, train=train, test=test, seed=seed)
    _report_new(dst, info, f", sampled with seed {seed}", quality=quality and health, as_json=as_json)


@app.command("split")
def split(
    src: Annotated[Path, typer.Argument(metavar="SRC", help="Dataset folder; it is only read.")],
    dst: Annotated[Path, typer.Argument(metavar="DST", help="Folder to make.")],
    test: Annotated[
        str, typer.Option(metavar="0.1|N|all|FILE", help="Test set: a share, a number, all, or a list of stems.")
    ] = "0.1",
    validation: Annotated[
        str | None, typer.Option(metavar="0.1|N|FILE", help="Validation set, on which nothing trains; default: none.")
    ] = None,
    train: Annotated[int | None, typer.Option(help="Number of training images to keep; default: all others.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random split.")] = 0,
    quality: QualityOption = True,
    as_json: Json = False,
) -> None:
    """Redraw the split of a dataset: copy it, with test and validation sets from the images of all its splits."""
    from zoo.data.subset import redraw_split

    chosen = _given({"test": test, "validation": validation})
    info = redraw_split(src, dst, **chosen, train=train, seed=seed)
    _report_new(dst, info, f", redrawn with seed {seed}", quality=quality, as_json=as_json)


def _report_new(directory: Path, info: DatasetInfo, ending: str, *, quality: bool, as_json: bool) -> None:
    """Measure and store the quality of a new dataset, and print the dataset's name and counts, or its info as JSON."""
    from zoo.data.layout import printable
    from zoo.data.quality import write_quality

    if quality:
        found, problems = _measure(directory)
        write_quality(directory, found)
        info = replace(info, health=found)
        if problems:
            print(f"data quality: {found.summary}; to list them, run: zoo data check {directory}", file=sys.stderr)
    if as_json:
        print_json(info)
        return
    counts = ", ".join(f"{count} {split}" for split, count in info.splits.items())
    kind = "pairs" if info.pairs else "visible images, unpaired"
    print(f"{printable(str(directory))}: {info.name}, {counts} {kind}{ending}")


def _measure(directory: Path) -> tuple[DataQuality, list[Problem]]:
    from rich.console import Console

    from zoo.data.quality import measure_quality

    with Console(stderr=True).status("checking data quality") as status:
        return measure_quality(directory, lambda done, of: status.update(f"checking data quality: {done} of {of}"))


def _silence_pillow() -> None:
    """Hide Pillow's warnings of damaged files, which zoo reports itself."""
    import warnings

    warnings.filterwarnings("ignore", module=r"PIL\.")


def _importer(kind: str, options: Mapping[str, Any]) -> Dataset:
    from zoo.build import build
    from zoo.errors import UsageError
    from zoo.registry import get_registry

    choice = get_registry().find("dataset", kind)
    if "source" not in choice.contract.needs:
        raise UsageError(f"dataset {choice.name} is generated and needs no import", f"Use it directly: --data {kind}")
    dataset: Dataset = build(choice.with_options(options, named=True))
    return dataset


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given.

    Raises:
        UsageError: one is empty, such as a variable of the shell that is not set.
    """
    from zoo.errors import UsageError

    given = {key: value for key, value in options.items() if value is not None}
    for key, value in given.items():
        if value == "":
            raise UsageError(f"--{key} is empty", "Give a value, or leave the option out")
    return given


def _source_and_target(kind: str, places: Sequence[Path], sides: Sequence[Path]) -> tuple[Path | None, Path]:
    """Return SRC, None where two folders are given by options instead, and DST."""
    from zoo.data.atomic_folder import require_apart
    from zoo.errors import UsageError

    if len(places) != (1 if sides else 2):
        form = "--visible DIR --thermal DIR DST" if sides else "SRC DST"
        found = (
            f"{len(places)} folder{'s were' if len(places) > 1 else ' was'} given{' besides the options' * bool(sides)}"
        )
        fix = f"Run: zoo data import {kind} {form}"
        if kind == "pairs" and len(places) == 3:
            visible, thermal, dst = (shlex.quote(str(place)) for place in places)
            fix = f"For two folders, run: zoo data import {kind} --visible {visible} --thermal {thermal} {dst}"
        raise UsageError(f"this import takes {form}, and {found}", fix)
    for side in sides:
        require_apart(side, places[-1])
    return (None if sides else places[0]), places[-1]
