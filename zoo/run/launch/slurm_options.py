"""Options of sbatch as users write them, and submitit's parameters for them. Imports neither torch nor submitit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from zoo.errors import UsageError

GRACE = 120
"""Seconds before the end of a job's time at which its run is asked to save its state."""


def parse_options(text: str) -> dict[str, str]:
    """Return the options of sbatch by name.

    >>> parse_options("partition=gpu,time=12:00:00")
    {'partition': 'gpu', 'time': '12:00:00'}

    Raises:
        UsageError: one has no value.
    """
    options = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, _, value = word.partition("=")
        if not name or not value:
            raise UsageError(
                f"--slurm has {word!r}", "Type --slurm KEY=VALUE,KEY=VALUE, e.g. partition=gpu,time=12:00:00"
            )
        options[name.strip().lstrip("-").replace("-", "_")] = value.strip()
    return options


def minutes(text: str) -> int:
    """Return Slurm's way to write a time in whole minutes, rounded up: `90`, `90:00`, `12:00:00`, `1-0`, `1-12:30`.

    >>> minutes("90"), minutes("12:00:00"), minutes("1-12:30")
    (90, 720, 2190)

    Raises:
        UsageError: it is none of these.
    """
    if not re.fullmatch(r"\d+(:\d+){0,2}|\d+-\d+(:\d+){0,2}", text):
        raise UsageError(f"--slurm has time={text}", "Type minutes, hours:minutes:seconds or days-hours")
    days, dash, rest = text.rpartition("-")
    numbers = [int(number) for number in rest.split(":")]
    if dash:
        hours, minute, second = (*numbers, 0, 0)[:3]
    else:
        hours, minute, second = {1: (0, *numbers, 0), 2: (0, *numbers), 3: tuple(numbers)}[len(numbers)]
    return int(days or 0) * 1440 + hours * 60 + minute + (second > 0)


def parameters(options: Mapping[str, str], device: str, per_run: int, jobs: int | None) -> dict[str, Any]:
    """Return submitit's parameters for options of sbatch; those that it does not know are handed on as they are.

    Raises:
        UsageError: the machines cannot share the processes of a run equally, or the time is none.
    """
    rest = dict(options)
    try:
        nodes = int(rest.pop("nodes", "1"))
    except ValueError:
        raise UsageError("--slurm has nodes that are no number", "Type nodes=2") from None
    if nodes < 1 or per_run % nodes:
        raise UsageError(f"{per_run} processes cannot be divided equally among {nodes} nodes", "Change --gpus-per-run")
    found: dict[str, Any] = {"name": "zoo", "nodes": nodes, "tasks_per_node": 1}
    found["timeout_min"] = minutes(rest.pop("time", "1-0"))
    if device != "cpu" and not any(name in rest for name in ("gres", "gpus", "gpus_per_node", "gpus_per_task")):
        found["gpus_per_node"] = per_run // nodes
    if "cpus_per_task" in rest:
        found["cpus_per_task"] = int(rest.pop("cpus_per_task"))
    found["slurm_signal_delay_s"] = GRACE
    if jobs is not None:
        found["slurm_array_parallelism"] = jobs
    if rest:
        found["slurm_additional_parameters"] = {name.replace("_", "-"): value for name, value in rest.items()}
    return found
