"""`zoo data import` and `zoo data check`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from zoo.contracts import Dataset

app = typer.Typer(help="Import datasets into zoo's layout and check them.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

_SHOWN = 10


@app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Layout of the source; `zoo list dataset` shows all.")],
    src: Annotated[Path, typer.Argument(metavar="SRC", help="Folder to import; it is only read.")],
    dst: Annotated[Path, typer.Argument(metavar="DST", help="Folder to make.")],
    as_json: JsonOption = False,
) -> None:
    """Bring a public dataset into zoo's layout; what cannot be used is left out and named."""
    from rich.console import Console

    from zoo.data.writer import materialize

    dataset = _importer(kind)
    with Console(stderr=True).status("importing") as status:
        info = materialize(
            dataset, dst, src, progress=lambda done, out: status.update(f"importing: {done} written, {out} left out")
        )
    for item in info.left_out[:_SHOWN]:
        print(f"left out {item.name}: {item.reason}", file=sys.stderr)
    if len(info.left_out) > _SHOWN:
        print(f"left out {len(info.left_out) - _SHOWN} more; {dst}/dataset.json names them all", file=sys.stderr)
    if as_json:
        _print_json(info)
        return
    counts = ", ".join(f"{count} {split}" for split, count in info.splits.items())
    what = "pairs" if info.pairs else "visible images, unpaired"
    print(f"{dst}: {info.name}, {counts} {what}, {len(info.left_out)} left out")


@app.command("check")
def check(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Dataset folder.")],
    as_json: JsonOption = False,
) -> None:
    """Decode every file of a dataset and name what is wrong; exits 1 if a training would be stopped."""
    from zoo.data.check import check as find_problems

    problems = find_problems(directory)
    count = Counter(problem.severity for problem in problems)
    if as_json:
        rows = [{"path": str(p.path), "what": p.what, "severity": p.severity} for p in problems]
        _print_json({"ok": not count["error"], "problems": rows})
    else:
        for problem in problems:
            print(f"{problem.severity}: {problem}")
        numbers = [f"{count[s]} {s}{'s' * (count[s] != 1)}" for s in ("error", "warning") if count[s]]
        print(f"{directory}: {', '.join(numbers) or 'ok'}")
    if count["error"]:
        raise typer.Exit(1)


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
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())
