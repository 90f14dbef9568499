"""A results folder as one table: systems by their first metric, datasets as groups of columns, the best marked. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from zoo.evaluate.compare import Verdict, too_few
from zoo.evaluate.results import Cost, Score
from zoo.report.aggregate import (
    Difference,
    SeedAggregate,
    aggregate_seeds,
    best_of,
    compare_aggregates,
    differing_protocols,
)
from zoo.report.finished_runs import FinishedRun
from zoo.report.ranked_rows import AssignedRun, assign_rows, validation_lines
from zoo.sizes import Size

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
    cost: Cost | None = None
    """Of one translation by the row's first run on this dataset that measured it; `Cost.size` is the size of that image."""


@dataclass(frozen=True, kw_only=True)
class RankedColumn:
    """A metric on a dataset."""

    dataset: str
    """Title of the dataset, with the image size where the folder has several, and with the split unless it is `test`."""
    split: str
    metric: str
    unit: str
    higher_is_better: bool
    n: int
    """Number of images."""
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

    @property
    def costs(self) -> dict[Size, Cost]:
        """Cost of one translation by the size of the image."""
        found = [cell.cost for cell in self.cells if cell and cell.cost]
        return {cost.size: cost for cost in reversed(found)}


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """A results folder as one table."""

    columns: tuple[RankedColumn, ...]
    """Dataset by dataset, metrics in the order of the records."""
    rows: tuple[RankedRow, ...]
    """Networks by their value in the first column that has one, then null baselines likewise."""
    validations: tuple[str, ...] = ()
    """Lines on the trainings that were scored while they ran: which weights were kept."""


_Values = dict[str, SeedAggregate]
"""A column's aggregates by row."""


def rank(runs: Sequence[FinishedRun], *, marks: bool = True) -> Ranking:
    """Return the finished runs of a results folder as one table.

    A system is the runs that differ only in seed, data and image size. A null baseline, which has no budget, is one system. Each
    column is one family of paired tests against its best row (Holm), and another against its best null baseline.

    Args:
        runs: the finished runs.
        marks: test each row against the best; without it no cell has a mark, which takes half the time.
    """
    found = assign_rows(runs)
    columns: list[RankedColumn] = []
    cells: dict[str, list[RankedCell | None]] = {one.row: [] for one in found}
    nulls = {one.row for one in found if one.baseline}
    for group in dict.fromkeys(one.group for one in found):
        members = [one for one in found if one.group == group]
        for metric in dict.fromkeys(score.metric for one in members for score in one.run.record.scores):
            column, values = _column(group, metric, members, nulls, with_marks=marks)
            columns.append(column)
            for row, filled in cells.items():
                filled.append(values.get(row))
    rows = [RankedRow(name=row, baseline=row in nulls, cells=tuple(filled)) for row, filled in cells.items()]
    places = range(len(columns))
    return Ranking(
        columns=tuple(columns),
        rows=tuple(sort_rows([row for row in rows if any(row.cells)], columns, places)),
        validations=tuple(validation_lines(found)),
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
        tests = sum(len(names) for verdicts in found.values() for names in verdicts.values())
        where = f"in {column.metric}{f' on {dataset}' if len(datasets) > 1 else ''}"
        lines += [warning] if found and (warning := too_few(column.n, tests)) else []
        lines += [_in_words(verdicts, baseline, where) for baseline, verdicts in found.items()]
    return lines


def _in_words(verdicts: Mapping[Verdict, Sequence[str]], baseline: str, where: str) -> str:
    best = f"the best null baseline, {baseline}, {where}"
    if sum(map(len, verdicts.values())) == 1:
        ((verdict, (name,)),) = verdicts.items()
        return f"{name} is {verdict} {'from' if verdict == 'not distinguishable' else 'than'} {best}."
    starts: dict[Verdict, str] = {
        "better": f"Better than {best}",
        "not distinguishable": "Not distinguishable from it",
        "worse": "Worse",
    }
    lines = [f"{start}: {'; '.join(verdicts[one])}." for one, start in starts.items() if one in verdicts]
    return " ".join(lines if "better" in verdicts else [f"No system is better than {best}.", *lines])


def _column(
    group: str, metric: str, members: Sequence[AssignedRun], nulls: set[str], *, with_marks: bool
) -> tuple[RankedColumn, dict[str, RankedCell]]:
    scores = _newest_scores(members, metric)
    costs = {one.row: one.run.record.cost for one in reversed(members) if one.run.record.cost}
    apart = _apart(scores)
    values = {row: aggregate_seeds(_alike(by_seed)) for row, by_seed in scores.items()}
    compared = {row: value for row, value in values.items() if row not in apart}
    first = next(iter((compared or values).values()))
    best = best_of(compared)
    marked = with_marks and first.n > 1 and len(compared) > 1
    marks: dict[str, Mark] = dict.fromkeys(_tied(best, compared) if marked else [], "not distinguishable")
    if marked:
        marks |= {row: "best" for row, value in compared.items() if value.value == compared[best].value}
    column = RankedColumn(
        dataset=group,
        split=members[0].run.split,
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
            cost=costs.get(row),
        )
        for row, value in values.items()
    }


def _newest_scores(members: Sequence[AssignedRun], metric: str) -> dict[str, dict[int, Score]]:
    """Return the scores of a metric by row and seed, each of the run that finished last; a null baseline has one seed."""
    scores: dict[str, dict[int, Score]] = {}
    finished: dict[tuple[str, int], str] = {}
    for one in members:
        record = one.run.record
        seed = 0 if one.baseline else record.recipe.seed
        score = next((score for score in record.scores if score.metric == metric), None)
        if score and record.finished >= finished.get((one.row, seed), ""):
            finished[one.row, seed] = record.finished
            scores.setdefault(one.row, {})[seed] = score
    return scores


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
