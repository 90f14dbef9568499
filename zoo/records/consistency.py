"""Whether a record contradicts itself: keys, means, intervals and counts, from the record alone. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from zoo.composition import digest
from zoo.evaluate.intervals import pool
from zoo.evaluate.results import LEFT_OUT, SCORED_IMAGES, Score
from zoo.keys import key_of
from zoo.model_folder import WEIGHTS_FILE
from zoo.recipe import Recipe
from zoo.records.record import RECORD_FILE, Record, View, views

_POOLED = {"mean": "mean", "mse": "pooled PSNR"}


def contradictions(path: Path, record: Record) -> list[str]:
    """Return in what a record that was read from a file contradicts itself."""
    raw = msgspec.json.decode(path.read_bytes())
    tests = [
        f"on {view.data.name}: {what}" for view in views(record) if isinstance(view, View) for what in _scores(view)
    ]
    return [*_identity(record, raw), *_scores(record), *tests]


def is_doubtful(folder: Path, recipe: Recipe, record: Record) -> bool:
    """Return whether a run's record is of another recipe or contradicts itself while its weights are there to score again."""
    if digest(record.recipe) != digest(recipe):
        return True
    return (folder / WEIGHTS_FILE).exists() and bool(contradictions(folder / RECORD_FILE, record))


def _identity(record: Record, raw: dict[str, Any]) -> Iterator[str]:
    # Of the JSON as it stands: an older record may lack fields that the recipe has got since.
    key = key_of(
        raw["recipe"],
        raw["plugins"],
        world_size=record.processes,
        files=record.option_files,
        inference=record.inference_options,
    )
    if key != record.train_key:
        yield f"train_key {record.train_key[:12]} is not that of its recipe and plugins, {key[:12]}"
    plugins: dict[str, Any] = {kind: part.name.partition("/")[0] for kind, part in record.recipe.parts.items()}
    named = {kind: origin.get("plugin") for kind, origin in record.plugins.items()}
    if plugins != named:
        yield f"plugins are of {_listed(named)}, and the recipe's parts of {_listed(plugins)}"
    fingerprint = record.dataset.get("fingerprint")
    if fingerprint != record.recipe.data.fingerprint:
        yield f"dataset fingerprint {str(fingerprint)[:12]} is not the recipe's, {record.recipe.data.fingerprint[:12]}"
    try:
        datetime.fromisoformat(record.finished)
    except ValueError:
        yield f"finished is {record.finished!r}, not a time in ISO 8601"


def _scores(record: Record) -> Iterator[str]:
    names = [score.metric for score in record.scores]
    yield from (f"{name} is scored {names.count(name)} times" for name in dict.fromkeys(names) if names.count(name) > 1)
    if record.scored:
        yield from (f"{name} has a score and stands not in scored" for name in names if name not in record.scored)
        if not isinstance(record, View) and digest(record.scored) != record.score_key:
            yield f"score_key {record.score_key[:12]} is not that of scored, {digest(record.scored)[:12]}"
    splits = record.dataset.get("splits", {})
    for score in record.scores:
        tested = splits.get(score.protocol.get("split", "test"))
        partial = str(score.protocol.get(SCORED_IMAGES, "")).startswith(f"{score.n} of {tested}")
        yield from (f"{score.metric}: {what}" for what in _score(score, None if partial else tested))
    single = [score for score in record.scores if score.per_image]
    yield from (
        f"{score.metric} has values of other images than {single[0].metric}"
        for score in single
        if score.per_image.keys() != single[0].per_image.keys() and not _left_out(score) and not _left_out(single[0])
    )


def _score(score: Score, tested: int | None) -> Iterator[str]:
    if score.per_image:
        mean = float(pool(list(score.per_image.values()), score.pooling))
        if not math.isclose(score.value, mean, rel_tol=1e-9, abs_tol=1e-9):
            yield f"value {score.value:g} is not the {_POOLED[score.pooling]} of its images, {mean:g}"
        if score.n != len(score.per_image):
            yield f"n is {score.n}, and it has values of {len(score.per_image)} images"
    if tested is not None and score.n + _left_out(score) != tested:
        yield f"n is {score.n}, and the test split has {tested} images"
    if (score.low is None) != (score.high is None):
        yield "its interval has one end"
    elif score.low is not None and score.high is not None:
        room = 1e-9 * max(1.0, abs(score.value))
        if not score.low - room <= score.value <= score.high + room:
            yield f"value {score.value:g} lies outside of its interval [{score.low:g}, {score.high:g}]"
    if not 0 < score.level < 1:
        yield f"level is {score.level:g}, not between 0 and 1"


def _left_out(score: Score) -> int:
    return int(score.protocol.get(LEFT_OUT, 0))


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(f"{kind} {name}" for kind, name in names.items()) or "nothing"
