"""The table that a bench prints: one row a cell, scores with their intervals. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.bench.record import Record
from zoo.bench.runner import Outcome
from zoo.evaluate.results import Score
from zoo.recipe import Budget, Part, Recipe

Row = tuple[str, ...]

Place = tuple[str, ...]
Varied = set[tuple[Place, str]]

COLUMNS = ("method", "generator", "discriminator", "data")


def results_table(outcomes: Sequence[Outcome]) -> tuple[Row, list[Row], str]:
    """Return columns, rows and title; with a column of states where a cell has no record."""
    records = [outcome.record for outcome in outcomes if outcome.record]
    metrics = list(dict.fromkeys(score.metric for record in records for score in record.scores))
    units = {score.metric: score.unit for record in records for score in record.scores}
    many_seeds = len({outcome.cell.recipe.seed for outcome in outcomes}) > 1
    headings = [f"{metric} [{units[metric]}]" if units[metric] else metric for metric in metrics]
    unfinished = len(records) < len(outcomes)
    columns = (*COLUMNS, *(["seed"] * many_seeds), *headings, "params", "it/s", *(["state"] * unfinished))
    varied = varied_options([outcome.cell.recipe for outcome in outcomes])
    rows = [_row(outcome, metrics, varied, many_seeds, unfinished) for outcome in outcomes]
    return columns, rows, _title(records)


def footnotes(outcomes: Sequence[Outcome]) -> list[str]:
    """Return errors in degrees where they are known, what a reader must know of a score, and what methods are told beside the
    visible image."""
    told: dict[str, list[str]] = {}
    lines = []
    for outcome in outcomes:
        errors = outcome.record.celsius if outcome.record else None
        if errors:
            classes = ", ".join(f"{name} {value:.2f}" for name, value in errors.classes.items())
            by_class = f" ({classes})" if classes else ""
            lines.append(f"{outcome.cell.label}: mean error {errors.all:.2f} C{by_class}")
        if outcome.record and outcome.record.scores:
            more = [entry for entry in outcome.record.scores[0].protocol.get("reads", []) if entry != "visible"]
            told[bare(outcome.cell.recipe.method)] = more
    scores = [score for outcome in outcomes if outcome.record for score in outcome.record.scores]
    lines += dict.fromkeys(
        f"{score.metric}: a distance between sets of images; its interval is by jackknife."
        for score in scores
        if score.interval == "jackknife"
    )
    lines += dict.fromkeys(f"{score.metric}: {note}." for score in scores for note in score.notes)
    return lines + [
        f"{method} also reads each test image's {', '.join(more)}." for method, more in told.items() if more
    ]


def score_text(score: Score) -> str:
    """Return e.g. `12.34 [11.90, 12.80]`; no interval for a single image."""
    digits = decimals(score.unit)
    if score.low is None or score.high is None:
        return f"{score.value:.{digits}f}"
    return f"{score.value:.{digits}f} [{score.low:.{digits}f}, {score.high:.{digits}f}]"


def decimals(unit: str) -> int:
    """Return the digits after the point that values of a unit are printed with."""
    return 2 if unit == "dB" else 4


def length_text(budget: Budget) -> str:
    """Return how long a training was in the words of its request: `200 epochs` or `60 steps`."""
    return f"{budget.steps // budget.period} epochs" if budget.period > 1 else f"{budget.steps} steps"


def varied_options(recipes: Sequence[Recipe]) -> Varied:
    """Return the options in which cells with the same components differ."""
    seen: dict[tuple[Place, str], set[str]] = {}
    for recipe in recipes:
        for kind, part in _parts(recipe).items():
            for option, value in part.config.items():
                seen.setdefault((_place(recipe, kind), option), set()).add(repr(value))
    return {key for key, values in seen.items() if len(values) > 1}


def part_text(recipe: Recipe, kind: str, varied: Varied) -> str:
    """Return a component's bare name with the options in which the cells differ; `-` for none.

    A discriminator's normalizer is its suffix: `patchgan_gn`.
    """
    part = _parts(recipe).get(kind)
    if part is None:
        return "-"
    options = [
        f"{option}={_word(value)}" for option, value in part.config.items() if (_place(recipe, kind), option) in varied
    ]
    text = f"{bare(part)}:{','.join(options)}" if options else bare(part)
    if kind == "discriminator" and recipe.normalizer and bare(recipe.normalizer) != "none":
        text += f"_{part_text(recipe, 'normalizer', varied)}"
    return text


def bare(part: Part) -> str:
    """Return a component's name without its plugin's."""
    return part.name.partition("/")[2]


def _parts(recipe: Recipe) -> dict[str, Part]:
    parts = {
        "method": recipe.method,
        "generator": recipe.generator,
        "discriminator": recipe.discriminator,
        "normalizer": recipe.normalizer,
    }
    return {kind: part for kind, part in parts.items() if part}


def _place(recipe: Recipe, kind: str) -> Place:
    """Return what two parts must share to be compared: partners set options too (a method the init, a normalizer the norm)."""
    names = {kind: part.name for kind, part in _parts(recipe).items()}
    partners = {
        "method": (),
        "generator": (names["method"],),
        "discriminator": (names["method"], names.get("normalizer", "")),
        "normalizer": (names.get("discriminator", ""),),
    }
    return (kind, names[kind], *partners[kind])


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _row(outcome: Outcome, metrics: Sequence[str], varied: Varied, many_seeds: bool, unfinished: bool) -> Row:
    recipe, record = outcome.cell.recipe, outcome.record
    texts = (part_text(recipe, kind, varied) for kind in COLUMNS[:3])
    names = (*texts, recipe.data.name, *([str(recipe.seed)] * many_seeds))
    state = (outcome.status,) if unfinished else ()
    if record is None:
        return (*names, *("" for _ in metrics), "", "", *state)
    scores = {score.metric: score_text(score) for score in record.scores}
    speed = record.timing.steps_per_second
    values = (scores.get(metric, "") for metric in metrics)
    return (*names, *values, _count(record.parameters["translation"]), f"{speed:.2f}" if speed else "-", *state)


def _title(records: Sequence[Record]) -> str:
    if not records:
        return ""
    recipe, scores = records[0].recipe, [score for record in records for score in record.scores]
    length = length_text(recipe.budget)
    if not scores:
        return f"{recipe.size} px, {length}; no scores: the test images are unpaired"
    return f"{recipe.size} px, {length}, {scores[0].n} test images; mean [{scores[0].level:.0%} bootstrap interval]"


def _count(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number:,}"
