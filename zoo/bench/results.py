"""The table that a bench prints: one row a cell, scores with their intervals. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.bench.grid import Refusal
from zoo.bench.record import Record, ScoreRecord
from zoo.bench.runner import Outcome
from zoo.recipe import Part, Recipe

Row = tuple[str, ...]


def results_table(outcomes: Sequence[Outcome], refusals: Sequence[Refusal]) -> tuple[Row, list[Row], str]:
    """Return columns, rows and title; a cell that failed has its reason where the scores would be."""
    records = [outcome.record for outcome in outcomes if outcome.record]
    metrics = [score.metric for score in records[0].scores] if records else []
    units = {score.metric: score.unit for record in records for score in record.scores}
    many_seeds = len({outcome.cell.recipe.seed for outcome in outcomes}) > 1
    headings = [f"{metric} [{units[metric]}]" if units[metric] else metric for metric in metrics]
    columns = ("method", "generator", "discriminator", "data", *(["seed"] * many_seeds), *headings, "params", "it/s")
    rows = [_row(outcome, metrics, many_seeds) for outcome in outcomes]
    return columns, rows, _title(records)


def score_text(score: ScoreRecord) -> str:
    """Return e.g. `12.34 [11.90, 12.80]`; no interval for a single image."""
    digits = 2 if abs(score.value) >= 10 else 4
    if score.low is None or score.high is None:
        return f"{score.value:.{digits}f}"
    return f"{score.value:.{digits}f} [{score.low:.{digits}f}, {score.high:.{digits}f}]"


def judge_name(recipe: Recipe) -> str:
    """Return `patchgan_gn` for discriminator patchgan with normalizer gn, `-` for none."""
    if recipe.discriminator is None:
        return "-"
    norm = _bare(recipe.normalizer)
    return _bare(recipe.discriminator) + (f"_{norm}" if norm not in ("none", "-") else "")


def _row(outcome: Outcome, metrics: Sequence[str], many_seeds: bool) -> Row:
    recipe, record = outcome.cell.recipe, outcome.record
    names = (_bare(recipe.method), _bare(recipe.generator), judge_name(recipe), recipe.data.name)
    seed = (str(recipe.seed),) if many_seeds else ()
    if record is None:
        blank = ("",) * max(0, len(metrics) - 1)
        return (*names, *seed, *((outcome.status, *blank) if metrics else ()), "", "")
    scores = {score.metric: score_text(score) for score in record.scores}
    speed = record.timing.steps_per_second
    values = (scores.get(metric, "") for metric in metrics)
    return (*names, *seed, *values, _count(record.parameters["translation"]), f"{speed:.2f}" if speed else "-")


def _title(records: Sequence[Record]) -> str:
    if not records:
        return ""
    recipe, score = records[0].recipe, records[0].scores[0]
    budget = recipe.budget
    length = f"{budget.steps // budget.period} epochs" if budget.period > 1 else f"{budget.steps} steps"
    return f"{recipe.size} px, {length}, {score.n} test images; mean [{score.level:.0%} bootstrap interval]"


def _count(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number:,}"


def _bare(part: Part | None) -> str:
    return part.name.partition("/")[2] if part else "-"
