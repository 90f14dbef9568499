"""`zoo records`: check, import and explain the records of finished runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.output import Json, note, print_json

if TYPE_CHECKING:
    from zoo.report.records_check import Fault

app = typer.Typer(help="Check, import and explain records of runs.", no_args_is_help=True)


@app.command("check")
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Results folder, or any folder of records.")],
    as_json: Json = False,
) -> None:
    """Check every record under a folder.

    The schema, keys, means, intervals and counts are checked; the exit code is 1 if there is a fault.

    Example: zoo records check results
    """
    from zoo.report.records_check import check_folder

    records, faults = check_folder(folder)
    if as_json:
        print_json({"records": records, "faults": _rows(faults)})
    else:
        for fault in faults:
            typer.echo(str(fault))
    count = f"{records} record{'s' * (records != 1)}"
    note(f"{count}, {len(faults)} fault{'s' * (len(faults) != 1)}" if faults else f"{count}, no fault")
    if faults:
        raise typer.Exit(1)


@app.command("import")
def import_(
    src: Annotated[Path, typer.Argument(metavar="SRC", help="Somebody else's results folder; it is only read.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results"),
    name: Annotated[str, typer.Option(help="Name of the source in the notes. [default: the name of SRC]")] = "",
    as_json: Json = False,
) -> None:
    """Copy checked records into a results folder.

    Weights, pictures and plans of tables are copied too; nothing is overwritten. zoo table, zoo compare, zoo report and zoo bench
    then use these runs like your own.

    Example: zoo records import lab/results --name "the lab's H100"
    """
    from zoo.files import require_writable
    from zoo.report.records_import import import_records

    require_writable(out)
    done = import_records(src, out, name)
    if as_json:
        rows = {"copied": done.copied, "left": done.left, "faults": _rows(done.faults), "tables": done.tables}
        print_json(rows)
    else:
        for what, lines in {"imported": done.copied, "left": done.left, "table": done.tables}.items():
            for line in lines:
                typer.echo(f"{what} {line}")
    for fault in done.faults:
        note(f"not imported: {fault}")
    for remark in done.remarks:
        note(remark)
    note(f"{len(done.copied)} imported into {out}, {len(done.left)} left as they were, {len(done.faults)} faults")
    if done.faults:
        raise typer.Exit(1)


@app.command("schema")
def schema(as_json: Json = False) -> None:
    """Print every field of record.json, failure.json and a table's plan, as Markdown or as JSON Schema."""
    from zoo.report.records_schema import json_schema, markdown

    if as_json:
        return print_json(json_schema())
    sys.stdout.write(markdown())
    return None


def _rows(faults: Iterable[Fault]) -> list[dict[str, str]]:
    return [{"path": str(fault.path), "what": fault.what} for fault in faults]
