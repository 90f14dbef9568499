"""`zoo doctor`: whether this machine can do the work, and what to type where it cannot."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from zoo.cli.output import print_json, print_table
from zoo.errors import ZooError


def doctor(
    network: Annotated[bool, typer.Option("--network/--no-network", help="Ask whether the Hub answers.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at versions, devices, disk, plugins and the Hub; exit 1 where something is broken.

    Example: zoo doctor
    """
    from zoo.doctor import examine

    findings = list(examine(network=network))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(("", "found", "verdict"), [(one.what, one.found, one.verdict) for one in findings])
        for one in findings:
            if one.fix:
                typer.echo(f"\n{one.what}: {one.fix}")
    faults = [one.what for one in findings if one.verdict == "fault"]
    if faults:
        raise ZooError(f"{', '.join(faults)} cannot be used as it is")
