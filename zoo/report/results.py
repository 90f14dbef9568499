"""The table that a bench prints: one row per run, scores with their intervals. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from zoo.data.layout import INFO_FILE
from zoo.evaluate.results import METRIC_READS, Score, decimals, metric_heading
from zoo.records.outcome import Outcome
from zoo.records.record import Record, View, is_of, views
from zoo.report.data_health import health_line
from zoo.report.finished_runs import FinishedRun, split_of
from zoo.report.naming import is_baseline, length_text, name_systems, part_name, shared_options, shared_parts
from zoo.report.ranked_rows import validation_text
from zoo.report.ranking import rank, verdict_lines
from zoo.sizes import pixels_text
from zoo.text_layout import count_text

Texts = tuple[str, ...]

WIDTH = 80
"""Characters of a terminal's line."""
MOST_GROUPS = 12
"""Most groups of an entry whose scores are printed."""


def results_table(outcomes: Sequence[Outcome]) -> tuple[Texts, list[Texts], str, Texts]:
    """Return columns, rows, title and the numeric columns.

    Settings that are equal for all runs are in the title instead of a column, so that the table fits a terminal of 80
    columns. The last column is the state, if a run has no record. Null baselines stand last, below a blank line.
    """
    names = _names(outcomes)
    outcomes = by_dataset(outcomes)
    recipes = [outcome.run.recipe for outcome in outcomes]
    records = [outcome.record for outcome in outcomes if outcome.record]
    trained = [
        outcome.record.recipe.data.name if outcome.record else outcome.run.recipe.data.name for outcome in outcomes
    ]
    tested = [recipe.data.name for recipe in recipes]
    settings = {
        **({"data": tested} if tested == trained else {"trained on": trained, "tested on": tested}),
        "size": [pixels_text(recipe.size) for recipe in recipes],
    }
    training = {  # a null baseline has none
        "length": ["" if is_baseline(recipe) else length_text(recipe.budget) for recipe in recipes],
        "seed": ["" if is_baseline(recipe) else str(recipe.seed) for recipe in recipes],
    }
    settings |= {name: texts for name, texts in training.items() if any(texts)}
    values = {name: list(dict.fromkeys(filter(None, texts))) for name, texts in settings.items()}
    shared = [name for name, found in values.items() if len(found) == 1]
    differing = {name: texts for name, texts in settings.items() if name not in shared}
    numbers = _metrics(outcomes) | _costs(outcomes)
    states = [outcome.status for outcome in outcomes]
    state = {"state": states} if {"failed", "interrupted"} & set(states) else {}
    systems = [names[outcome.run.folder] for outcome in outcomes]
    only = systems[:1] if len(set(systems)) == 1 and "tested on" in differing else []  # in the title, for 80 columns
    named = ({} if only else {"system": systems}) | differing
    latency = _latency(outcomes)
    if latency and _width({**named, **numbers, **latency, **state}) <= WIDTH:
        numbers |= latency
    columns = {**named, **numbers, **state}
    common = [f"{name} {values[name][0]}" if " on" in name else values[name][0] for name in shared if name != "seed"]
    title = ", ".join(filter(None, [" ".join(only or shared_parts(recipes)), *common, _basis(records)]))
    lines: dict[bool, list[Texts]] = {False: [], True: []}
    for recipe, texts in zip(recipes, zip(*columns.values(), strict=True), strict=True):
        lines[is_baseline(recipe)].append(texts)
    blank = [("",) * len(columns)] if lines[False] and lines[True] else []
    return tuple(columns), [*lines[False], *blank, *lines[True]], title, tuple(numbers)


def footnotes(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the lines under the table: options that no row names, errors in degrees, limitations of the scores, additional
    inputs of methods, the quality of the datasets, and last whether each network beats the best null baseline."""
    inputs: dict[str, list[str]] = {}
    names = _names(outcomes)
    options = shared_options([outcome.run.recipe for outcome in outcomes])
    lines = [f"Options that are not the defaults: {options}"] if options else []
    alone = all(is_baseline(outcome.run.recipe) for outcome in outcomes)
    many_seeds = len({outcome.run.recipe.seed for outcome in outcomes}) > 1
    sources = {
        source.root: source
        for outcome in outcomes
        for data in (outcome.run.source, *outcome.run.tests)
        for source in data.each
    }
    outcomes = by_dataset(outcomes)
    many_datasets = len({outcome.run.recipe.data.fingerprint for outcome in outcomes}) > 1
    for outcome in outcomes:
        name = names[outcome.run.folder]
        name += f" on {outcome.run.recipe.data.name}" if many_datasets else ""
        one_of_several = many_seeds and not is_baseline(outcome.run.recipe)
        label = f"{name}, seed {outcome.run.recipe.seed}" if one_of_several else name
        errors = outcome.record.celsius if outcome.record else None
        if errors:
            classes = ", ".join(f"{each} {value:.2f}" for each, value in errors.classes.items())
            short = is_baseline(outcome.run.recipe) and not alone  # beside networks the total is enough
            by_class = f" ({classes})" if classes and not short else ""
            lines.append(f"{label}: mean error {errors.all:.2f} C{by_class}")
        if outcome.record and (best := validation_text(outcome.record)):
            lines.append(f"{label}: {best}")
        if outcome.record:
            lines += [f"{label}: {text}" for score in outcome.record.scores for text in _group_texts(score)]
        if outcome.record and outcome.record.scores:
            more = [entry for entry in outcome.record.scores[0].protocol.get("reads", []) if entry != "visible"]
            inputs[part_name("method", outcome.run.recipe.method)] = more
    scores = [score for outcome in outcomes if outcome.record for score in outcome.record.scores]
    lines += dict.fromkeys(
        f"{score.metric}: {'one score of all' if METRIC_READS in score.protocol else 'a distance between sets of'} images; "
        "its interval is by jackknife."
        for score in scores
        if score.interval == "jackknife"
    )
    lines += dict.fromkeys(
        f"{metric}: not measured: {why}"
        for outcome in outcomes
        if outcome.record
        for metric, why in outcome.record.unmeasured.items()
    )
    lines += dict.fromkeys(f"{score.metric}: {note}." for score in scores for note in score.notes)
    lines += [f"{method} also reads each test image's {', '.join(more)}." for method, more in inputs.items() if more]
    damaged = {root for root in sources if any(str(root) in outcome.reason for outcome in outcomes)}
    lines += [
        health_line(source.name, source.info.health_summary(source.fingerprint), str(source.root))
        for source in sources.values()
        if (source.root / INFO_FILE).is_file()
        and source.root not in damaged  # its files changed after they were checked
    ]
    finished = [FinishedRun(folder=outcome.run.folder, record=outcome.record) for outcome in outcomes if outcome.record]
    return lines + verdict_lines(rank(finished, marks=False))


def by_dataset(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return one outcome for each dataset that a run was to be scored on, with the scores, the recipe and the source of that."""
    found: list[Outcome] = []
    for outcome in outcomes:
        run = outcome.run
        known = views(outcome.record) if outcome.record and run.tests else ()
        seen = {
            view.data.fingerprint: view
            for view in known
            if not isinstance(view, View) or is_of(view.tested, view.data, run.recipe.size)
        }
        shown = [(test, view) for test in run.tests if (view := seen.get(test.fingerprint))]
        found += [
            replace(outcome, record=view, run=replace(run, recipe=view.shown_recipe, source=test))
            for test, view in shown
        ] or [outcome]
    return found


def _names(outcomes: Sequence[Outcome]) -> dict[Path, str]:
    """Return the short name of each run by its folder."""
    recipes = [outcome.run.recipe for outcome in outcomes]
    return dict(zip((outcome.run.folder for outcome in outcomes), name_systems(recipes), strict=True))


def _group_texts(score: Score) -> Iterator[str]:
    """Yield e.g. `psnr by daytime: day 13.05 (n 5), night 16.33 (n 1)` for each entry of a score's groups."""
    digits = decimals(score.unit, score.value)
    for entry, groups in score.groups.items():
        if len(groups) > MOST_GROUPS:
            yield f"{score.metric} by {entry}: {len(groups)} groups, in record.json"
        else:
            means = (f"{name} {mean.value:.{digits}f} (n {mean.n})" for name, mean in groups.items())
            yield f"{score.metric} by {entry}: {', '.join(means)}"


def score_text(score: Score) -> str:
    """Return e.g. `12.34 [11.90, 12.80]`, without an interval for a single image."""
    digits = decimals(score.unit, score.value)
    if score.low is None or score.high is None:
        return f"{score.value:.{digits}f}"
    return f"{score.value:.{digits}f} [{score.low:.{digits}f}, {score.high:.{digits}f}]"


def _metrics(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """Return one column per metric."""
    records = [outcome.record for outcome in outcomes]
    scores = [{score.metric: score for score in record.scores} if record else {} for record in records]
    units = {metric: score.unit for found in scores for metric, score in found.items()}
    return {
        metric_heading(metric, unit): [score_text(found[metric]) if metric in found else "" for found in scores]
        for metric, unit in units.items()
    }


def _costs(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """Return the columns of costs that are not empty."""
    columns: dict[str, list[str]] = {"params": [], "it/s": []}
    for outcome in outcomes:
        record = outcome.record
        speed = record.timing.steps_per_second if record else None
        columns["params"].append(count_text(record.parameters["translation"]) if record else "")
        columns["it/s"].append(f"{speed:.2f}" if speed else "-" if record else "")
    return {name: texts for name, texts in columns.items() if not {"", "0", "-"} >= set(texts)}


def _latency(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """Return the column of the latencies; empty where none was measured."""
    costs = [outcome.record.cost if outcome.record else None for outcome in outcomes]
    return {"ms/image": [f"{cost.latency_ms:.3g}" if cost else "" for cost in costs]} if any(costs) else {}


def _width(columns: Mapping[str, Sequence[str]]) -> int:
    """Return the width of a table in characters, with two between columns."""
    return sum(2 + max(map(len, (name, *texts))) for name, texts in columns.items()) - 2


def _basis(records: Sequence[Record]) -> str:
    """Return the number of images and the interval of the scores."""
    scores = [score for record in records for score in record.scores]
    if not scores:
        return "no scores: the test images are unpaired" if records else ""
    images = " or ".join(str(n) for n in sorted({score.n for score in scores}))
    splits = " or ".join(dict.fromkeys(map(split_of, records)))
    number = "image" if images == "1" else "images"
    return f"{images} {splits} {number}; mean [{scores[0].level:.0%} bootstrap interval]"
