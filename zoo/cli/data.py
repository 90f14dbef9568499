"""`zoo data import`, `zoo data check` and `zoo data sample`."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from zoo.contracts import Dataset
    from zoo.data.check import Problem
    from zoo.data.layout import DatasetInfo, Health

app = typer.Typer(help="Import datasets into zoo's layout, check them, and draw smaller ones.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
HealthOption = Annotated[
    bool, typer.Option("--health/--no-health", help="Measure registration, repeated and flat images; takes longer.")
]

_SHOWN = 10


@app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Layout of the source; `zoo list dataset` shows all.")],
    src: Annotated[Path, typer.Argument(metavar="SRC", help="Folder to import; it is only read.")],
    dst: Annotated[Path, typer.Argument(metavar="DST", help="Folder to make.")],
    health: HealthOption = True,
    as_json: JsonOption = False,
) -> None:
    """Bring a public dataset into zoo's layout; what cannot be used is left out and named."""
    from rich.console import Console

    from zoo.data.names import plain
    from zoo.data.writer import materialize

    dataset = _importer(kind)
    _quiet()
    with Console(stderr=True).status("importing") as status:
        info = materialize(
            dataset, dst, src, progress=lambda done, out: status.update(f"importing: {done} written, {out} left out")
        )
    for item in info.left_out[:_SHOWN]:
        print(f"left out {item.name}: {item.reason}", file=sys.stderr)
    if len(info.left_out) > _SHOWN:
        print(
            f"left out {len(info.left_out) - _SHOWN} more; {plain(f'{dst}')}/dataset.json names them all",
            file=sys.stderr,
        )
    for note in info.notes:
        print(f"note: {note}", file=sys.stderr)
    info = _with_health(dst, info) if health else info
    if as_json:
        _print_json(info)
        return
    print(f"{plain(str(dst))}: {info.name}, {_counts(info)}, {len(info.left_out)} left out")


@app.command("check")
def check(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Dataset folder.")],
    health: HealthOption = True,
    write: Annotated[
        bool, typer.Option("--write", help="Put the health into dataset.json, from where tables take it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Decode every file of a dataset and name what is wrong; exits 1 if a training would be stopped."""
    from zoo.data.check import check as find_problems
    from zoo.data.health import write_health
    from zoo.data.names import plain
    from zoo.errors import DataError, UsageError

    if write and not health:
        raise UsageError("--write stores the health, and --no-health does not measure it", "Leave one of them out")
    _quiet()
    problems = find_problems(directory)
    found = None
    if health:
        with suppress(DataError):  # the check has named why the folder cannot be read
            found, warnings = _examine(directory)
            problems += warnings
    if write and found:
        write_health(directory, found)
    count = Counter(problem.severity for problem in problems)
    if as_json:
        rows = [{"path": plain(str(p.path)), "what": plain(p.what), "severity": p.severity} for p in problems]
        _print_json({"ok": not count["error"], "problems": rows, "health": found})
    else:
        for problem in problems:
            print(f"{problem.severity}: {problem}")
        numbers = [f"{count[s]} {s}{'s' * (count[s] != 1)}" for s in ("error", "warning") if count[s]]
        print(f"{plain(str(directory))}: {', '.join(numbers) or 'ok'}")
        if found:
            print(f"health: {found.summary}")
            if not write:
                print(
                    "the health is not stored; --write puts it into dataset.json, from where tables take it",
                    file=sys.stderr,
                )
    if count["error"]:
        raise typer.Exit(1)


@app.command("sample")
def sample(
    src: Annotated[Path, typer.Argument(metavar="SRC", help="Dataset folder; it is only read.")],
    dst: Annotated[Path, typer.Argument(metavar="DST", help="Folder to make.")],
    train: Annotated[int, typer.Option(help="Training images to draw; the papers' 500.")] = 500,
    test: Annotated[int, typer.Option(help="Test images to draw; the papers' 20.")] = 20,
    seed: Annotated[int, typer.Option(help="Another seed draws other images.")] = 0,
    health: HealthOption = True,
    as_json: JsonOption = False,
) -> None:
    """Draw a smaller dataset from each split of a larger one; the same seed draws the same images everywhere."""
    from zoo.data.draw import draw

    info = draw(src, dst, train=train, test=test, seed=seed)
    info = _with_health(dst, info) if health else info
    if as_json:
        _print_json(info)
        return
    print(f"{dst}: {info.name}, {_counts(info)}, drawn with seed {seed}")


def _with_health(directory: Path, info: DatasetInfo) -> DatasetInfo:
    """Measure a new dataset's health, write it down, and say on stderr what was found."""
    from dataclasses import replace

    from zoo.data.health import write_health

    health, problems = _examine(directory)
    write_health(directory, health)
    if problems:
        print(f"health: {health.summary}; to see each, run: zoo data check {directory}", file=sys.stderr)
    return replace(info, health=health)


def _examine(directory: Path) -> tuple[Health, list[Problem]]:
    from rich.console import Console

    from zoo.data.health import examine

    with Console(stderr=True).status("measuring health") as status:
        return examine(directory, lambda done, of: status.update(f"measuring health: {done} of {of}"))


def _counts(info: DatasetInfo) -> str:
    counts = ", ".join(f"{count} {split}" for split, count in info.splits.items())
    return f"{counts} {'pairs' if info.pairs else 'visible images, unpaired'}"


def _quiet() -> None:
    """Keep Pillow's own warnings of damaged files off the terminal: what matters of them is reported."""
    import warnings

    warnings.filterwarnings("ignore", module=r"PIL\.")


def _importer(kind: str) -> Dataset:
    from zoo.build import build
    from zoo.errors import UsageError
    from zoo.registry import get_registry

    choice = get_registry().find("dataset", kind)
    if "source" not in choice.contract.needs:
        raise UsageError(
            f"dataset {choice.name} is made on the spot and imports nothing", f"Use it as it is: --data {kind}"
        )
    dataset: Dataset = build(choice)
    return dataset


def _print_json(data: Any) -> None:
    from zoo.cli.output import print_json

    print_json(data)
