"""The runs of a paper's table: which recipe each row requires, on which data, and what it substitutes. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from zoo.composition import choose_system
from zoo.errors import DamagedError, RefusedError, UsageError
from zoo.presets import PRESETS
from zoo.records.integrity import set_aside
from zoo.records.job import PlannedRun, score_name
from zoo.records.record import read_json, write_json
from zoo.registry import get_registry, parse
from zoo.report.table_schema import Table, TableRow
from zoo.run.grid import Axes, System, join_tests, plan_runs, score_on
from zoo.sizes import Size, size_text
from zoo.sources import Progress, open_source

FOLDER = "tables"
"""Folder of the plans in a results folder."""


@dataclass(frozen=True, kw_only=True)
class TableRun:
    """One run of a row on a dataset."""

    row: str
    """Name of the table's row, or of a null baseline."""
    dataset: str
    """Key of the table's dataset."""
    seed: int
    """Seed of the run."""
    folder: str
    """Name of the run's folder in the results folder."""
    instead: tuple[str, ...] = ()
    """Substitutes for the paper's parts, e.g. `unet_auto instead of unet_256`."""
    tested: str = ""
    """Name of the dataset that it was tested on, where it was trained on another."""
    fingerprint: str = ""
    """Fingerprint of that dataset; empty in plans of zoo before it was noted."""


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
class ColumnMetric:
    """The metric of a column of the table."""

    column: str
    """Bare name of the column's metric."""
    spec: str
    """The metric with its options."""
    score: str
    """Name of its score in records."""
    instead: str = ""
    """How it differs from the table's own metric, e.g. in the network of the features; empty if it does not."""


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """The plan that `zoo bench --table` writes, by which `zoo table` assigns runs to rows."""

    schema: Literal[1] = 1
    """Version of this form."""
    table: str
    """Name of the table."""
    measures: tuple[ColumnMetric, ...]
    """Metrics of the columns, in order."""
    data: dict[str, str]
    """Name of the dataset that is used for each of the table's."""
    cells: tuple[TableRun, ...]
    """Runs of the table."""
    refused: tuple[RefusedRow, ...]
    """Rows that cannot be trained."""


def parse_data(text: str, table: Table, option: str = "data") -> dict[str, str]:
    """Return the dataset's name or folder for each key in `osu=DIR,flir=DIR`; a table of one dataset requires no key.

    Without a text it is what the table's file names, or else `scenes`.

    Raises:
        UsageError: the table lacks a dataset, or a key is missing.
    """
    keys = list(table.datasets)
    own = {key: dataset.data for key, dataset in table.datasets.items() if dataset.data}
    if own and not text:
        return own
    text = text or "scenes"
    named = re.split(rf"(?:^|,)\s*({'|'.join(map(re.escape, keys))})=", text.strip())
    found = dict(zip(named[1::2], (spec.strip() for spec in named[2::2]), strict=True))
    if len(keys) == 1 and named[0]:
        return {keys[0]: named[0]}
    if named[0] or not found:
        example = ",".join(f"{key}=DIR" for key in keys)
        raise UsageError(
            f"table {table.name} has the datasets {', '.join(keys)}, and `{option}` is {text!r}",
            f"Use `{option}`={example}",
        )
    return found


def choose_column_metrics(table: Table, metrics: Sequence[str] = ()) -> tuple[ColumnMetric, ...]:
    """Return the metrics of the table's columns: the requested ones with a column's name, or else the table's own.

    Two variants of a metric are two columns.

    Raises:
        UsageError: no metric has that name or option.
    """
    chosen = []
    for column in table.columns:
        own = _score_name(column.metric)
        for spec in [spec for spec in metrics if parse(spec)[1] == column.name] or [column.metric]:
            score = _score_name(spec)
            instead = f"{score} instead of {own}" if score != own else ""
            chosen.append(ColumnMetric(column=column.name, spec=spec, score=score, instead=instead))
    return tuple(chosen)


def plan_table(
    table: Table,
    data: Mapping[str, str],
    axes: Axes,
    out: Path,
    *,
    metrics: Sequence[str] = (),
    progress: Progress | None = None,
    tests: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[PlannedRun], TablePlan]:
    """Return the runs of a table's rows and baselines, and the plan that assigns them.

    Args:
        table: the table.
        data: dataset's name or folder by key; the table's other datasets are not trained on.
        axes: preset, size, budget, seeds and channels; preset `paper` is the table's. Its systems and data are ignored.
        out: results folder; an existing plan's runs on other datasets are kept.
        metrics: replacements of the table's own metrics (`choose_column_metrics`).
        progress: called while datasets are read.
        tests: dataset to test on by key, in place of the test split of the training data.

    Raises:
        UsageError: a name, option or number is wrong.
        DataError: a dataset cannot be used.
    """
    if stray := [key for key in tests if key not in data]:
        raise UsageError(f"`test_data` names {', '.join(stray)}, which `data` does not", "Name the training data too")
    if axes.preset not in PRESETS:
        raise UsageError(f"no preset is named {axes.preset!r}", f"Use one of: {', '.join(PRESETS)}")
    if axes.preset == "paper" and table.budget:
        epochs = axes.epochs if axes.epochs or axes.steps else table.budget.epochs
        axes = replace(axes, size=axes.size or table.budget.size, epochs=epochs, batch=axes.batch or table.budget.batch)
    size = axes.size or PRESETS[axes.preset].size
    sources = {key: open_source(spec, size=size, progress=progress) for key, spec in data.items()}
    tested = {key: open_source(spec, size=size, progress=progress) for key, spec in tests.items()}
    runs: dict[str, PlannedRun] = {}
    planned: list[TableRun] = []
    refused: list[RefusedRow] = []
    for key, source in sources.items():
        for row, system, instead, seeds in _systems(table, axes, size):
            try:
                made = plan_runs(axes.choose(system), source, axes, range(seeds), out)
                if key in tested:
                    made = [score_on(run, [(tests[key], tested[key])]) for run in made]
            except RefusedError as error:
                refused.append(RefusedRow(row=row, dataset=key, reason=error.message))
                continue
            test = tested.get(key, source)
            elsewhere = test.name if test.fingerprint != source.fingerprint else ""
            substitutes = (*instead, f"trained on {source.name}") if elsewhere else instead
            for seed, run in enumerate(made):
                name = run.folder.name
                runs[name] = join_tests(runs.get(name, run), run)
                planned.append(
                    TableRun(
                        row=row,
                        dataset=key,
                        seed=seed,
                        folder=name,
                        instead=substitutes,
                        tested=elsewhere,
                        fingerprint=test.fingerprint if elsewhere else "",
                    )
                )
    try:
        previous = read_plan(out, table.name)
    except DamagedError:  # it will be overwritten; the commands of the other datasets restore their part of it
        previous = None
    plan = TablePlan(
        table=table.name,
        measures=choose_column_metrics(table, metrics),
        data={
            **(previous.data if previous else {}),
            **{key: tested.get(key, source).name for key, source in sources.items()},
        },
        cells=(*planned, *(run for run in (previous.cells if previous else ()) if run.dataset not in sources)),
        refused=(*refused, *(row for row in (previous.refused if previous else ()) if row.dataset not in sources)),
    )
    return list(runs.values()), plan


def write_plan(out: Path, plan: TablePlan) -> None:
    """Write the plan into the results folder.

    Raises:
        ZooError: it cannot be written.
    """
    path = out / FOLDER / f"{plan.table}.json"
    if path.is_dir():
        set_aside(path)
    write_json(path, plan)


def read_plan(out: Path, table: str) -> TablePlan | None:
    """Return a table's plan in a results folder, or None.

    Raises:
        ZooError: the plan is damaged or of a newer schema.
    """
    return read_plan_file(out / FOLDER / f"{table}.json")


def read_plan_file(path: Path) -> TablePlan | None:
    """Return the plan in a file, or None if there is no file.

    Raises:
        ZooError: the plan is damaged or of a newer schema.
    """
    fix = f"Run the zoo bench --table {path.stem} command again, which skips finished runs and writes the plan"
    return read_json(path, TablePlan, fix)


def _score_name(spec: str) -> str:
    return score_name(get_registry().find("metric", spec))


def _systems(table: Table, axes: Axes, size: Size) -> list[tuple[str, System, tuple[str, ...], int]]:
    """Return name, system, substitutes and number of seeds of each row and baseline; baselines are deterministic."""
    rows = [(row.name, *_fitted(row, axes, size), axes.seeds) for row in table.rows if not row.score_only]
    return rows + [(name, System(method=name), (), 1) for name in table.baselines]


def _fitted(row: TableRow, axes: Axes, size: Size) -> tuple[System, tuple[str, ...]]:
    """Return a row's system as it can be trained at this size and preset, and its substitutes."""
    registry = get_registry()
    system, instead = row.system, []
    if row.generator and row.smaller and not registry.find("generator", row.generator).takes(size):
        system = replace(system, generator=row.smaller)
        instead.append(f"{row.smaller} at {size_text(size)} px instead of {row.generator}")
    ours, paper = (choose_system(registry, **asdict(system), preset=name).method for name in (axes.preset, "paper"))
    if ours != paper:
        instead.append(f"{ours} instead of {paper}")
    return system, tuple(instead)
