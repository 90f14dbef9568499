"""The rows and groups of columns of the finished runs in a results folder. Imports no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from zoo.records.record import Record
from zoo.report.finished_runs import FinishedRun, split_suffix
from zoo.report.naming import add_training_data, is_baseline, name_systems
from zoo.report.tables import dataset_title
from zoo.sizes import Size, pixels_text


@dataclass(frozen=True, kw_only=True)
class AssignedRun:
    """A finished run with its row and group of columns."""

    row: str
    group: str
    baseline: bool
    run: FinishedRun


def assign_rows(runs: Sequence[FinishedRun]) -> list[AssignedRun]:
    """Return the runs with the names of their rows and groups."""
    names = _row_names(runs)
    shown = [run.record.shown_recipe for run in runs]
    sizes: dict[str, set[Size]] = defaultdict(set)
    contents: dict[str, list[str]] = defaultdict(list)
    for recipe in shown:
        title = dataset_title(recipe.data.name)
        sizes[title].add(recipe.size)
        if recipe.data.fingerprint not in contents[title]:
            contents[title].append(recipe.data.fingerprint)
    found = []
    for run, recipe, name in zip(runs, shown, names, strict=True):
        group = title = dataset_title(recipe.data.name)
        if len(contents[title]) > 1:  # other contents of the same name
            group += f" ({contents[title].index(recipe.data.fingerprint) + 1})"
        if len(sizes[title]) > 1:
            group += f", {pixels_text(recipe.size)}"
        group += split_suffix(run.split)
        found.append(AssignedRun(row=name, group=group, baseline=is_baseline(recipe), run=run))
    return found


def _row_names(runs: Sequence[FinishedRun]) -> list[str]:
    """Return the names of the runs' rows."""
    shown = []
    for run in runs:  # what was trained on other data, or scored on another split, is no twin
        recipe = run.record.shown_recipe
        content = recipe.data.fingerprint + run.record.recipe.data.fingerprint + run.split
        shown.append(replace(recipe, data=replace(recipe.data, fingerprint=content)))
    return add_training_data(
        name_systems(shown), [run.record.recipe.data for run in runs], [run.record.data for run in runs]
    )


def validation_lines(assigned: Sequence[AssignedRun]) -> list[str]:
    """Return what the validation of each training found, e.g. which step's weights were kept; one line for each run."""
    seeds: dict[str, set[int]] = defaultdict(set)
    for one in assigned:
        seeds[one.row].add(one.run.record.recipe.seed)
    lines = []
    for one in assigned:
        found = "" if one.baseline else validation_text(one.run.record)
        name = f"{one.row}, seed {one.run.record.recipe.seed}" if len(seeds[one.row]) > 1 else one.row
        lines += [f"{name}: {found}"] if found else []
    return list(dict.fromkeys(lines))


def validation_text(record: Record) -> str:
    """Return what a training's validation found; empty without one."""
    plan, best = record.recipe.validation, record.best
    if plan is None or best is None:
        return ""
    kept = "the weights are those of" if plan.keep == "best" else "best"
    metric = plan.metric.name.rpartition("/")[2]
    early = (
        f"; ended early after {best.steps} of {record.recipe.budget.steps} steps"
        if best.steps < record.recipe.budget.steps
        else ""
    )
    return f"validated by {metric} on {plan.images}: {kept} step {best.step}, {metric} {best.value:.4g}{early}"
