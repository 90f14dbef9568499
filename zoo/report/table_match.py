"""Which finished runs of a results folder are rows of a table: those of its plan, and others by their parts. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple, get_args

from zoo.composition import choose, parts_text, resolve_parts
from zoo.errors import ZooError
from zoo.presets import PresetName
from zoo.recipe import Recipe
from zoo.records.record import Record, View, is_of, read_failure, read_record, views
from zoo.registry import get_registry
from zoo.report.finished_runs import FinishedRun, read_results
from zoo.report.table_plan import TablePlan, TableRun
from zoo.report.table_schema import Table, TableRow
from zoo.report.tables import dataset_title


class RunFiles(NamedTuple):
    """A planned run with its record, or with the reason why it failed."""

    run: TableRun
    record: Record | None
    failure: str
    folder: Path


def read_run(run: TableRun, results: Path) -> RunFiles:
    """Return a planned run of a results folder with its scores on the table's dataset, or with the reason why it failed."""
    folder = results / run.folder
    try:
        record = read_record(folder)
    except ZooError as error:
        return RunFiles(run, None, str(error), folder)
    if record and run.tested:
        record = next((view for view in views(record) if _is_tested(view, run)), replace(record, scores=[]))
    failure = None if record else read_failure(folder)
    return RunFiles(run, record, failure.reason if failure else "", folder)


def _is_tested(view: Record, run: TableRun) -> bool:
    """Return whether a view has the scores of a planned run: on its test set, at the size of its training."""
    if not isinstance(view, View) or view.data.name != run.tested:
        return False
    data = replace(view.data, fingerprint=run.fingerprint or view.data.fingerprint)
    return is_of(view.tested, data, view.recipe.size)


def match_runs(table: Table, plan: TablePlan, results: Path) -> list[tuple[TableRun, FinishedRun]]:
    """Return the runs of rows that a plan does not assign: images of other programs by their name, others by their parts.

    Only scores of the test split count. Of several runs of a row with one seed it is the one that was trained longest, of these
    one that was scored at the size of its training, of these the one that finished last; of a null baseline all, this one last.
    """
    try:
        runs = read_results(results)
    except ZooError:
        return []
    planned = {(run.row, run.dataset) for run in plan.cells}
    found: dict[tuple[str, str, int, str], FinishedRun] = {}
    for run in sorted((run for run in runs if run.split == "test"), key=_order):
        key = _dataset_key(table, plan, run)
        for row in _rows_of(table, run.record.shown_recipe) if key else ():
            if (row, key) not in planned:
                baseline = row in table.baselines  # its metrics may be in several runs
                found[(row, key, 0, run.folder.name) if baseline else (row, key, run.record.recipe.seed, "")] = run
    return [
        (TableRun(row=row, dataset=key, seed=seed, folder=run.folder.name), run)
        for (row, key, seed, _), run in found.items()
    ]


def _order(run: FinishedRun) -> tuple[int, bool, str]:
    recipe = run.record.recipe
    steps = 0 if recipe.method.name in get_registry().null_baselines() else recipe.budget.steps
    return steps, run.record.shown_recipe.size == recipe.size, run.record.finished


def _dataset_key(table: Table, plan: TablePlan, run: FinishedRun) -> str:
    """Return the key of the table's dataset that a run was scored on; empty for none."""
    name = run.record.data.name
    for key, dataset in table.datasets.items():
        if key in plan.data:
            if plan.data[key] == name:
                return key
        elif dataset_title(name) == (dataset.title or dataset_title(key)) or name in (key, dataset.data):
            return key
    return ""


def _rows_of(table: Table, recipe: Recipe) -> Iterator[str]:
    """Yield the rows and null baselines that a recipe is a run of."""
    own = recipe.method.name.rpartition("/")[2]
    if recipe.program:
        scored_as = _plain(recipe.program)
        yield from (
            row.name for row in table.rows if row.score_only and scored_as in map(_plain, (row.name, row.title))
        )
    elif recipe.method.name in get_registry().null_baselines():
        yield from (name for name in table.baselines if name.rpartition("/")[2] == own)
    else:
        yield from (row.name for row in table.rows if not row.score_only and _is_of(row, recipe))


def _plain(name: str) -> str:
    """Return a name without case, spaces and signs."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _is_of(row: TableRow, recipe: Recipe) -> bool:
    """Whether a recipe has the parts of a row, in any preset."""
    for preset in get_args(PresetName):
        parts = choose(**asdict(row.system), preset=preset).parts
        if parts_text(resolve_parts(parts, recipe.size)) == parts_text(recipe.parts):
            return True
    return False
