"""A results folder as one table: systems by their first metric, datasets as groups of columns, the best marked. No torch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from zoo.evaluate.compare import Verdict
from zoo.evaluate.results import Cost, Score
from zoo.recipe import Budget, Recipe
from zoo.registry import get_registry
from zoo.report.aggregate import (
    Difference,
    SeedAggregate,
    aggregate_seeds,
    best_of,
    compare_aggregates,
    differing_protocols,
)
from zoo.report.finished_runs import FinishedRun
from zoo.report.naming import name_systems
from zoo.report.tables import dataset_title
from zoo.sizes import Size, pixels_text

Mark = Literal["best", "not distinguishable", ""]


@dataclass(frozen=True, kw_only=True)
class RankedCell:
    """A system's metric on a dataset."""

    measured: SeedAggregate
    mark: Mark = ""
    """Whether it is the best of its column, null baselines included, or not distinguishable from the best."""
    apart: str = ""
    """Why it cannot be compared with the rest of its column; empty if it can."""
    baseline: str = ""
    """The best null baseline among those that read no more than this network."""
    against: Difference | None = None
    """Difference to that baseline; None without values per image."""


@dataclass(frozen=True, kw_only=True)
class RankedColumn:
    """A metric on a dataset."""

    dataset: str
    """Title of the dataset, with the image size where the folder has several."""
    metric: str
    unit: str
    higher_is_better: bool
    n: int
    """Number of test images."""
    level: float
    """Confidence of the intervals."""
    resize: str
    """How test images were resized."""


@dataclass(frozen=True, kw_only=True)
class RankedRow:
    """A system, over its seeds."""

    name: str
    baseline: bool
    cells: tuple[RankedCell | None, ...]
    """One per column; None where it was not measured."""
    cost: Cost | None = None
    """Of one translation by its first run that measured it."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """A results folder as one table."""

    columns: tuple[RankedColumn, ...]
    """Dataset by dataset, metrics in the order of the records."""
    rows: tuple[RankedRow, ...]
    """Networks by their value in the first column that has one, then null baselines likewise."""


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A finished run with its row and group of columns."""

    row: str
    group: str
    baseline: bool
    run: FinishedRun


_Values = dict[str, SeedAggregate]
"""A column's aggregates by row."""


def rank(runs: Sequence[FinishedRun]) -> Ranking:
    """Return the finished runs of a results folder as one table.

    A system is the runs that differ only in seed, data and image size. A null baseline, which has no budget, is one system. Each
    column is one family of paired tests against its best row (Holm), and another against its best null baseline.
    """
    found = _assigned(runs)
    columns: list[RankedColumn] = []
    cells: dict[str, list[RankedCell | None]] = {one.row: [] for one in found}
    nulls = {one.row for one in found if one.baseline}
    for group in dict.fromkeys(one.group for one in found):
        members = [one for one in found if one.group == group]
        for metric in dict.fromkeys(score.metric for one in members for score in one.run.record.scores):
            column, values = _column(group, metric, members, nulls)
            columns.append(column)
            for row, filled in cells.items():
                filled.append(values.get(row))
    costs = {one.row: one.run.record.cost for one in reversed(found) if one.run.record.cost}
    rows = [
        RankedRow(name=row, baseline=row in nulls, cells=tuple(filled), cost=costs.get(row))
        for row, filled in cells.items()
    ]
    places = range(len(columns))
    return Ranking(
        columns=tuple(columns), rows=tuple(sort_rows([row for row in rows if any(row.cells)], columns, places))
    )


def sort_rows(rows: Sequence[RankedRow], columns: Sequence[RankedColumn], places: Sequence[int]) -> list[RankedRow]:
    """Return the rows that have a value in some of these columns: networks, then null baselines, by the first such column."""

    def order(row: RankedRow) -> tuple[bool, int, float]:
        place, cell = next((place, cell) for place in places if (cell := row.cells[place]))
        return row.baseline, place, -cell.measured.value if columns[place].higher_is_better else cell.measured.value

    return sorted((row for row in rows if any(row.cells[place] for place in places)), key=order)


def verdict_lines(ranking: Ranking) -> list[str]:
    """Return in words, for each dataset, whether each network beats the best null baseline in the first metric."""
    lines = []
    datasets = list(dict.fromkeys(column.dataset for column in ranking.columns))
    for dataset in datasets:
        place, column = next(each for each in enumerate(ranking.columns) if each[1].dataset == dataset)
        found: dict[str, dict[Verdict, list[str]]] = {}
        for row in ranking.rows:
            cell = row.cells[place]
            if cell and cell.against and column.n > 1:
                found.setdefault(cell.baseline, {}).setdefault(cell.against.verdict, []).append(row.name)
        where = f"in {column.metric}{f' on {dataset}' if len(datasets) > 1 else ''}"
        lines += [_in_words(verdicts, baseline, where) for baseline, verdicts in found.items()]
    return lines


def _in_words(verdicts: Mapping[Verdict, Sequence[str]], baseline: str, where: str) -> str:
    best = f"the best null baseline, {baseline}, {where}"
    if sum(map(len, verdicts.values())) == 1:
        ((verdict, (name,)),) = verdicts.items()
        return f"{name} is {verdict} {'from' if verdict == 'not distinguishable' else 'than'} {best}."
    every: tuple[Verdict, ...] = ("better", "not distinguishable", "worse")
    words = (f"{verdict}: {'; '.join(verdicts.get(verdict, ['none']))}." for verdict in every)
    return f"Systems against {best}: {' '.join(words)}"


def _assigned(runs: Sequence[FinishedRun]) -> list[_Run]:
    """Return the runs with the names of their rows and groups; of a null baseline's runs on the same images the newest."""
    nulls = get_registry().null_baselines()
    names = _row_names(runs, nulls)
    shown = [run.record.shown_recipe for run in runs]
    sizes: dict[str, set[Size]] = defaultdict(set)
    contents: dict[str, list[str]] = defaultdict(list)
    for recipe in shown:
        title = dataset_title(recipe.data.name)
        sizes[title].add(recipe.size)
        if recipe.data.fingerprint not in contents[title]:
            contents[title].append(recipe.data.fingerprint)
    found: dict[tuple[str, str, int], _Run] = {}
    for run, recipe, name in zip(runs, shown, names, strict=True):
        group = title = dataset_title(recipe.data.name)
        if len(contents[title]) > 1:  # other contents of the same name
            group += f" ({contents[title].index(recipe.data.fingerprint) + 1})"
        if len(sizes[title]) > 1:
            group += f", {pixels_text(recipe.size)}"
        one = _Run(row=name, group=group, baseline=recipe.method.name in nulls, run=run)
        key = (name, group, 0 if one.baseline else recipe.seed)
        if key not in found or run.record.finished > found[key].run.record.finished:
            found[key] = one
    return list(found.values())


def _row_names(runs: Sequence[FinishedRun], nulls: frozenset[str]) -> list[str]:
    """Return the names of the runs' rows; of systems that were scored on other data than their own, with the training data."""
    shown = []
    for run in runs:  # what was trained on other data and scored on this is another system, not a twin
        recipe = _stripped(run.record.shown_recipe, nulls)
        both = recipe.data.fingerprint + run.record.recipe.data.fingerprint
        shown.append(replace(recipe, data=replace(recipe.data, fingerprint=both)))
    names = [
        name.partition(" (")[0] if run.record.recipe.method.name in nulls else name
        for run, name in zip(runs, name_systems(shown), strict=True)
    ]
    crossing = {name for run, name in zip(runs, names, strict=True) if run.record.data != run.record.recipe.data}
    return [
        f"{name}, trained on {run.record.recipe.data.name}" if name in crossing else name
        for run, name in zip(runs, names, strict=True)
    ]


def _stripped(recipe: Recipe, nulls: frozenset[str]) -> Recipe:
    """Return a null baseline's recipe without what does not change it: length, batch size, seed and precision."""
    if recipe.method.name not in nulls:
        return recipe
    return replace(recipe, budget=Budget(steps=0, constant=0), batch=1, seed=0, precision="fp32")


def _column(
    group: str, metric: str, members: Sequence[_Run], nulls: set[str]
) -> tuple[RankedColumn, dict[str, RankedCell]]:
    scores: dict[str, dict[int, Score]] = defaultdict(dict)
    for one in members:
        for score in one.run.record.scores:
            if score.metric == metric:
                scores[one.row][one.run.record.recipe.seed] = score
    apart = _apart(scores)
    values = {row: aggregate_seeds(_alike(by_seed)) for row, by_seed in scores.items()}
    compared = {row: value for row, value in values.items() if row not in apart}
    first = next(iter((compared or values).values()))
    best = best_of(compared)
    marks: dict[str, Mark] = dict.fromkeys(_tied(best, compared) if compared else [], "not distinguishable")
    if first.n > 1 and len(compared) > 1:
        marks |= {row: "best" for row, value in compared.items() if value.value == compared[best].value}
    column = RankedColumn(
        dataset=group,
        metric=metric,
        unit=first.unit,
        higher_is_better=first.higher_is_better,
        n=first.n,
        level=first.level,
        resize=str(first.protocol.get("resize", "")),
    )
    baselines = _baselines_of(scores, compared, nulls)
    pairs = [(compared[row], compared[null]) for row, null in baselines.items() if compared[null].per_image]
    against = dict(zip(baselines, compare_aggregates(pairs), strict=False)) if pairs else {}
    return column, {
        row: RankedCell(
            measured=value,
            mark=marks.get(row, ""),
            apart=apart.get(row, ""),
            baseline=baselines.get(row, ""),
            against=against.get(row),
        )
        for row, value in values.items()
    }


def _baselines_of(scores: Mapping[str, Mapping[int, Score]], compared: _Values, nulls: set[str]) -> dict[str, str]:
    """Return for each network the best null baseline among those that read no more of each test image than it does."""
    reads = {
        row: {"visible"}.union(*(score.protocol.get("reads", ()) for score in scores[row].values())) for row in compared
    }
    found = {}
    for row in compared:
        allowed = {null: compared[null] for null in compared if null in nulls and reads[null] <= reads[row]}
        if row not in nulls and allowed:
            found[row] = best_of(allowed)
    return found


def _alike(by_seed: Mapping[int, Score]) -> dict[int, Score]:
    """Return a row's scores on the images of its first seed: others have no mean with it."""
    first = next(iter(by_seed.values()))
    return {seed: score for seed, score in by_seed.items() if score.per_image.keys() == first.per_image.keys()}


def _apart(scores: Mapping[str, Mapping[int, Score]]) -> dict[str, str]:
    """Return the rows whose protocol or images are not those of most rows, and how they differ."""
    apart = differing_protocols(scores)
    images = {
        row: {(score.n, frozenset(score.per_image)) for score in by_seed.values()}
        for row, by_seed in scores.items()
        if row not in apart
    }
    usual = next((each for each, _ in Counter(one for found in images.values() for one in found).most_common(1)), None)
    for row, found in images.items():
        for n, _ in found - {usual}:
            apart[row] = f"scored on {n} images, which are not those of most rows"
    return apart


def _tied(best: str, values: _Values) -> list[str]:
    """Return the rows that are not distinguishable from the best; none of a single image."""
    if values[best].n < 2 or not values[best].per_image:
        return []
    others = [row for row in values if row != best]
    differences = compare_aggregates([(values[row], values[best]) for row in others])
    return [row for row, found in zip(others, differences, strict=True) if found.verdict == "not distinguishable"]
