"""`zoo data import`, `zoo data check` and `zoo data sample`."""

from __future__ import annotations

import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.output import Json, note, print_json

if TYPE_CHECKING:
    from zoo.contracts import Dataset
    from zoo.data.check import Problem
    from zoo.data.layout import DatasetInfo, Health

app = typer.Typer(help="Import, check and sample datasets.", no_args_is_help=True)

HealthOption = Annotated[
    bool, typer.Option("--health/--no-health", help="Check registration, repeated and flat images; takes longer.")
]

_SHOWN = 10


@app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Layout of the source; zoo list dataset shows all.")],
    src: Annotated[Path, typer.Argument(metavar="SRC", help="Folder to import; it is only read.")],
    dst: Annotated[Path, typer.Argument(metavar="DST", help="New folder.")],
    health: HealthOption = True,
    as_json: Json = False,
) -> None:
    """Import a public dataset into zoo's layout.

    Unusable images are left out and listed.
    """
    from rich.console import Console

    from zoo.data.names import plain
    from zoo.data.writer import materialize

    dataset = _importer(kind)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # about damaged files, which zoo reports itself
    with Console(stderr=True).status("importing") as status:
        info = materialize(
            dataset, dst, src, progress=lambda done, out: status.update(f"importing: {done} written, {out} left out")
        )
    for item in info.left_out[:_SHOWN]:
        note(f"left out {item.name}: {item.reason}")
    if len(info.left_out) > _SHOWN:
        note(f"left out {len(info.left_out) - _SHOWN} more; {plain(str(dst))}/dataset.json lists all of them")
    for line in info.notes:
        note(f"note: {line}")
    info = _with_health(dst, info) if health else info
    if as_json:
        return print_json(info)
    return print(f"{plain(str(dst))}: {info.name}, {_counts(info)}, {len(info.left_out)} left out")


@app.command("check")
def check(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Dataset folder.")],
    health: HealthOption = True,
    write: Annotated[
        bool, typer.Option("--write", help="Store the result in dataset.json, from which tables read it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decode every file of a dataset and list its faults.

    The exit code is 1 if training would stop at one of them.
    """
    from zoo.data.check import check as find_problems
    from zoo.data.health import write_health
    from zoo.data.names import plain
    from zoo.errors import DataError, UsageError

    if write and not health:
        raise UsageError(
            "--write stores the result of the quality checks, and --no-health skips them", "Use one of them"
        )
    warnings.filterwarnings("ignore", module=r"PIL\.")  # about damaged files, which zoo reports itself
    problems = find_problems(directory)
    found = None
    if health:
        with suppress(DataError):  # the problems say why the folder cannot be read
            found, more = _examine(directory)
            problems += more
    if write and found:
        write_health(directory, found)
    count = Counter(problem.severity for problem in problems)
    if as_json:
        rows = [{"path": plain(str(p.path)), "what": plain(p.what), "severity": p.severity} for p in problems]
        print_json({"ok": not count["error"], "problems": rows, "health": found})
    else:
        for problem in problems:
            print(f"{problem.severity}: {problem}")
        numbers = [f"{count[s]} {s}{'s' * (count[s] != 1)}" for s in ("error", "warning") if count[s]]
        print(f"{plain(str(directory))}: {', '.join(numbers) or 'ok'}")
        if found:
            print(f"health: {found.summary}")
            if not write:
                note("this result is not stored; use --write to store it in dataset.json, from which tables read it")
    if count["error"]:
        raise typer.Exit(1)


@app.command("sample")
def sample(
    src: Annotated[Path, typer.Argument(metavar="SRC", help="Dataset folder; it is only read.")],
    dst: Annotated[Path, typer.Argument(metavar="DST", help="New folder.")],
    train: Annotated[int, typer.Option(help="Number of training images; the papers use 500.")] = 500,
    test: Annotated[int, typer.Option(help="Number of test images; the papers use 20.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the sample.")] = 0,
    health: HealthOption = True,
    as_json: Json = False,
) -> None:
    """Sample a smaller dataset from each split of a larger one.

    A seed gives the same images on every machine.
    """
    from zoo.data.draw import draw

    info = draw(src, dst, train=train, test=test, seed=seed)
    info = _with_health(dst, info) if health else info
    if as_json:
        return print_json(info)
    return print(f"{dst}: {info.name}, {_counts(info)}, sampled with seed {seed}")


def _with_health(directory: Path, info: DatasetInfo) -> DatasetInfo:
    """Check the quality of a new dataset, store the result, and print a line about faults on stderr."""
    from dataclasses import replace

    from zoo.data.health import write_health

    health, problems = _examine(directory)
    write_health(directory, health)
    if problems:
        note(f"health: {health.summary}; to list them, run: zoo data check {directory}")
    return replace(info, health=health)


def _examine(directory: Path) -> tuple[Health, list[Problem]]:
    from rich.console import Console

    from zoo.data.health import examine

    with Console(stderr=True).status("checking quality") as status:
        return examine(directory, lambda done, of: status.update(f"checking quality: {done} of {of}"))


def _counts(info: DatasetInfo) -> str:
    counts = ", ".join(f"{count} {split}" for split, count in info.splits.items())
    return f"{counts} {'pairs' if info.pairs else 'visible images, unpaired'}"


def _importer(kind: str) -> Dataset:
    from zoo.build import build
    from zoo.errors import UsageError
    from zoo.registry import get_registry

    choice = get_registry().find("dataset", kind)
    if "source" not in choice.contract.needs:
        raise UsageError(f"dataset {choice.name} is generated and imports no folder", f"Use it directly: `data={kind}`")
    dataset: Dataset = build(choice)
    return dataset
