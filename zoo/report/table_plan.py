"""A paper's table as cells: which trainings its rows need, on which data, in place of what. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from zoo.composition import PRESETS, choose_system
from zoo.errors import DamagedError, RefusedError, UsageError
from zoo.registry import get_registry, parse
from zoo.report.tables import Table, TableRow
from zoo.run.grid import Axes, Cell, System, make_cells
from zoo.run.integrity import set_aside
from zoo.run.job import score_name
from zoo.run.record import read_json, write_json
from zoo.sources import Progress, open_source

FOLDER = "tables"
"""Folder, inside the results folder, of the plans."""


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """One training of a row on a dataset."""

    row: str
    """Name of the table's row, or of a null baseline."""
    dataset: str
    """Key of the table's dataset."""
    seed: int
    """Seed of the training."""
    folder: str
    """Name of the run's folder in the results folder."""
    instead: tuple[str, ...] = ()
    """What is trained in place of what the paper names, e.g. `unet_auto instead of unet_256`."""


@dataclass(frozen=True, kw_only=True)
class RefusedRow:
    """A row that cannot be trained on a dataset, and why."""

    row: str
    """Name of the table's row, or of a null baseline."""
    dataset: str
    """Key of the table's dataset."""
    reason: str
    """Why, in one line."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What fills a column of the table."""

    column: str
    """Bare name of the column's metric."""
    spec: str
    """The metric with its options."""
    score: str
    """What records call its score."""
    instead: str = ""
    """What it stands in for, where it is not the table's own; e.g. another network's features."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `zoo bench --table` leaves beside its runs, so that `zoo table` can assign them to rows."""

    schema: Literal[1] = 1
    """Version of this form."""
    table: str
    """Name of the table."""
    measures: tuple[Measure, ...]
    """What the columns are measured with, in order."""
    data: dict[str, str]
    """Name of the dataset that stands in each of the table's."""
    cells: tuple[PlannedCell, ...]
    """The trainings that fill the table."""
    refused: tuple[RefusedRow, ...]
    """What can fill none of it."""


def parse_data(text: str, table: Table) -> dict[str, str]:
    """Return the dataset's name or folder for each key in `osu=DIR,flir=DIR`; a lone one needs no key in a table of one dataset.

    Raises:
        UsageError: a dataset that the table lacks, or one without a key.
    """
    keys = list(table.datasets)
    named = re.split(rf"(?:^|,)\s*({'|'.join(map(re.escape, keys))})=", text.strip())
    found = dict(zip(named[1::2], (spec.strip() for spec in named[2::2]), strict=True))
    if len(keys) == 1 and named[0]:
        return {keys[0]: named[0]}
    if named[0] or not found:
        example = ",".join(f"{key}=DIR" for key in keys)
        raise UsageError(
            f"table {table.name} has the datasets {', '.join(keys)}, and --data is {text!r}", f"Type --data {example}"
        )
    return found


def choose_measures(table: Table, metrics: Sequence[str] = ()) -> tuple[Measure, ...]:
    """Return what fills the table's columns: its own metrics, or those of the same names that are asked for.

    Two ways of measuring one metric are two columns.

    Raises:
        UsageError: no metric has that name, or not that option.
    """
    measures = []
    for column in table.columns:
        own = _score_name(column.metric)
        for spec in [spec for spec in metrics if parse(spec)[1] == column.name] or [column.metric]:
            score = _score_name(spec)
            instead = f"{score} instead of {own}" if score != own else ""
            measures.append(Measure(column=column.name, spec=spec, score=score, instead=instead))
    return tuple(measures)


def plan_table(
    table: Table,
    data: Mapping[str, str],
    axes: Axes,
    out: Path,
    *,
    metrics: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[list[Cell], Plan]:
    """Return the cells of a table's rows and baselines, and the plan that says which is which.

    Args:
        table: the table.
        data: dataset's name or folder by key; the table's other datasets are left out.
        axes: preset, size, budget, seeds and channels; preset `paper` is the table's. Its systems and data are not read.
        out: results folder; what was planned there for other datasets stays in the plan.
        metrics: what to measure in place of the table's own metrics (`choose_measures`).
        progress: told of long looks at data.

    Raises:
        UsageError: a name, option or number is wrong.
        DataError: a dataset cannot be used.
    """
    if axes.preset not in PRESETS:
        raise UsageError(f"no preset is named {axes.preset!r}", f"Type one of: {', '.join(PRESETS)}")
    if axes.preset == "paper":
        epochs = axes.epochs if axes.epochs or axes.steps else table.budget.epochs
        axes = replace(axes, size=axes.size or table.budget.size, epochs=epochs, batch=axes.batch or table.budget.batch)
    size = axes.size or PRESETS[axes.preset].size
    sources = {key: open_source(spec, size=size, progress=progress) for key, spec in data.items()}
    cells: dict[str, Cell] = {}
    planned: list[PlannedCell] = []
    refused: list[RefusedRow] = []
    for key, source in sources.items():
        for row, system, instead, seeds in _systems(table, axes, size):
            try:
                made = make_cells(axes.choose(system), source, axes, range(seeds), out)
            except RefusedError as error:
                refused.append(RefusedRow(row=row, dataset=key, reason=error.message))
                continue
            for seed, cell in enumerate(made):
                cells[cell.train_key] = cell
                planned.append(PlannedCell(row=row, dataset=key, seed=seed, folder=cell.folder.name, instead=instead))
    try:
        before = read_plan(out, table.name)
    except DamagedError:  # it is about to be written, and what it said of other datasets comes back with their command
        before = None
    names = {key: source.name for key, source in sources.items()}
    if before:
        names = {**before.data, **names}
        planned += [cell for cell in before.cells if cell.dataset not in sources]
        refused += [refusal for refusal in before.refused if refusal.dataset not in sources]
    plan = Plan(
        table=table.name,
        measures=choose_measures(table, metrics),
        data=names,
        cells=tuple(planned),
        refused=tuple(refused),
    )
    return list(cells.values()), plan


def write_plan(out: Path, plan: Plan) -> None:
    """Write the plan into the results folder.

    Raises:
        ZooError: it cannot be written.
    """
    path = out / FOLDER / f"{plan.table}.json"
    if path.is_dir():
        set_aside(path)
    write_json(path, plan)


def read_plan(out: Path, table: str) -> Plan | None:
    """Return what was planned of a table in a results folder, or None.

    Raises:
        ZooError: the plan is damaged or of a newer schema.
    """
    path = out / FOLDER / f"{table}.json"
    return read_json(
        path, Plan, f"Run the zoo bench --table {table} command again, which skips finished runs and writes it"
    )


def _score_name(spec: str) -> str:
    return score_name(get_registry().find("metric", spec))


def _systems(table: Table, axes: Axes, size: int) -> list[tuple[str, System, tuple[str, ...], int]]:
    """Return name, system, what it stands in for, and number of seeds of each row and baseline."""
    rows = [(row.name, *_fitted(row, axes, size), axes.seeds) for row in table.rows]
    return rows + [(name, System(method=name), (), 1) for name in table.baselines]  # nothing in them is random


def _fitted(row: TableRow, axes: Axes, size: int) -> tuple[System, tuple[str, ...]]:
    """Return a row's system as it can be trained at this size and preset, and what it stands in for."""
    registry = get_registry()
    system, instead = row.system, []
    if row.generator and row.smaller:
        contract = registry.find("generator", row.generator).for_size(size).contract
        if size % contract.size_multiple or size < contract.min_size:
            system = replace(system, generator=row.smaller)
            instead.append(f"{row.smaller} at {size} px instead of {row.generator}")
    method, papers = (choose_system(registry, **asdict(system), preset=name).method for name in (axes.preset, "paper"))
    if method != papers:
        instead.append(f"{method} instead of {papers}")
    return system, tuple(instead)
