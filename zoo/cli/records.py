"""`zoo records`: check, import and explain the records of finished runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.output import note, print_json

app = typer.Typer(help="Check records, import somebody else's, and explain their fields.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.command("check")
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Results folder, or any folder of records.")],
    as_json: JsonOption = False,
) -> None:
    """Check every record under a folder: schema, keys, means, intervals, counts. One line a fault; exit 1 if there is one.

    Example: zoo records check results
    """
    from zoo.report.records.check import check_folder

    records, faults = check_folder(folder)
    if as_json:
        print_json({"records": records, "faults": [{"path": str(one.path), "what": one.what} for one in faults]})
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
    name: Annotated[str, typer.Option(help="Where the notes say that it came from. [default: SRC's name]")] = "",
    as_json: JsonOption = False,
) -> None:
    """Bring checked records into a results folder, with weights, pictures and plans of tables; nothing is overwritten.

    What is there already is left. zoo table, zoo compare, zoo report and zoo bench then know the runs as their own.

    Example: zoo records import lab/results --name "the lab's H100"
    """
    from zoo.files import require_writable
    from zoo.report.records.importing import import_records

    require_writable(out)
    done = import_records(src, out, name)
    if as_json:
        faults = [{"path": str(one.path), "what": one.what} for one in done.faults]
        print_json({"copied": done.copied, "left": done.left, "faults": faults, "tables": done.tables})
    else:
        for line in done.copied:
            typer.echo(f"imported {line}")
        for line in done.left:
            typer.echo(f"left {line}")
        for line in done.tables:
            typer.echo(f"table {line}")
    for fault in done.faults:
        note(f"not imported: {fault}")
    for remark in done.remarks:
        note(remark)
    note(f"{len(done.copied)} imported into {out}, {len(done.left)} left as they were, {len(done.faults)} faults")
    if done.faults:
        raise typer.Exit(1)


@app.command("schema")
def schema(as_json: Annotated[bool, typer.Option("--json", help="Print the JSON Schema.")] = False) -> None:
    """Print every field of record.json, failure.json and a table's plan, as Markdown or as JSON Schema."""
    from zoo.report.records.schema import json_schema, markdown

    if as_json:
        return print_json(json_schema())
    sys.stdout.write(markdown())
    return None
