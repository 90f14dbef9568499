"""Measures images of another program, and the baselines that need no training, on the same images."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from zoo.build import build_method
from zoo.checksums import find_damage
from zoo.choices import Choice
from zoo.compute.options import pick_device
from zoo.data.scored import FilePairs, Predicted
from zoo.data.store import PairStore
from zoo.environment import peak_memory
from zoo.errors import DamagedError, UsageError
from zoo.evaluate.reading import entries_of
from zoo.evaluate.results import SCORED_IMAGES
from zoo.evaluate.score import AnyMetric, evaluate
from zoo.evaluate.trained import Measured, degrees_of
from zoo.recipe import as_part
from zoo.records.integrity import SHOWN, clear_way
from zoo.records.job import Job, PlannedRun, scorings, unscored
from zoo.records.lease import require_lease
from zoo.records.new_record import TrainedRun
from zoo.records.outcome import Outcome
from zoo.records.record import RECORD_FILE, Record, read_record, write_json
from zoo.records.trained import Trained
from zoo.scoring.predictions import Plan, open_pairs, plan_scored, untrained_baselines
from zoo.scoring.runs import build_metrics, record_scores
from zoo.terminal import periodic_note

Measure = Callable[[Mapping[str, AnyMetric]], Measured]


def score_predictions(
    plan: Plan, metrics: Sequence[Choice], *, device: str, command: str, retry: bool, baselines: bool
) -> list[Outcome]:
    """Score the predictions of a plan, and the null baselines that need no training; return how each ended.

    Args:
        plan: the images.
        metrics: what to score with.
        device: where metrics are computed.
        command: for the records.
        retry: score again what is scored.
        baselines: also score the grey copies of the visible images, where these are there and every prediction is.

    Raises:
        UsageError: a metric compares degrees Celsius, which the predictions do not hold.
        ZooError: an image cannot be read, or a file cannot be written.
    """
    target, info = pick_device(device), plan.tests.source.info
    wanted = entries_of(info, [choice.contract for choice in metrics])
    pairs = open_pairs(plan.tests, plan.shape, str(target), wanted)
    predicted = Predicted(
        pairs=pairs, predictions={stem: plan.matched.files[stem] for stem in plan.inspected.sizes}, ranges=plan.ranges
    )
    log = periodic_note()
    own = {name: value for name, value in plan.protocol.items() if name != SCORED_IMAGES}

    def score(
        run: PlannedRun, store: PairStore | FilePairs | Predicted, reads: Sequence[str], protocol: Mapping[str, Any]
    ) -> Outcome:
        method = build_method(run.recipe, info, torch.Generator(), training=False).to(target)

        def measure(chosen: Mapping[str, AnyMetric]) -> Measured:
            if store is predicted:
                _require_degrees(plan, chosen)
            scores, samples = evaluate(
                method.translate,
                store,
                chosen,
                device=target,
                reads=reads,
                degrees=degrees_of(method, info),
                protocol=protocol,
                info=info,
                on_images=lambda done, total: log(f"zoo: scored {done:,} of {total:,} images of {run.label}"),
            )
            return Measured(scores, samples)

        notes, source = (plan.notes, plan.source) if store is predicted else ((), "")
        return score_once(run, metrics, measure, notes, source=source, device=target, command=command, retry=retry)

    outcomes = [score(plan.run, predicted, (), plan.protocol)]
    whole = len(predicted) == len(plan.tests.files) and plan.tests.files[0].visible is not None
    for choice in untrained_baselines() if baselines and whole else ():
        run = plan_scored(as_part(choice), plan.tests, plan.shape, plan.run.folder.parent)
        outcomes.append(score(run, pairs, ("visible",), own))
    return outcomes


def score_once(
    run: PlannedRun,
    metrics: Sequence[Choice],
    measure: Measure,
    notes: Sequence[str],
    *,
    source: str,
    device: torch.device,
    command: str,
    retry: bool,
) -> Outcome:
    """Score a run that needs no training, unless its record has the scores.

    Args:
        run: the run.
        metrics: what to score with.
        measure: returns scores and samples of some metrics, by the names of their scores.
        notes: what a reader of its record must know.
        source: where the images come from; empty: as the record says.
        device, command: for the record.
        retry: measure these metrics again in any case.

    Raises:
        ZooError: its folder is in use or cannot be written, or the images cannot be scored.
    """
    job = Job(
        recipe=run.recipe,
        train_key=run.train_key,
        metrics=scorings(metrics, run.train_key),
        root=str(run.source.root),
        device=str(device),
        command=command,
        retry=retry,
    )
    begun = time.perf_counter()
    record = _earlier(run.folder, job)
    missing = unscored(job.metrics, record)
    same = record if record and source in ("", record.source) and not missing else None
    if same and not find_damage(run.folder, SHOWN, expected=same.sha256):
        return Outcome(run=run, status="skipped", record=same)
    built = build_metrics(missing)  # before the folder is made
    trained = Trained(train_key=job.train_key, parameters={"translation": 0}, peak_memory=peak_memory())
    scored = TrainedRun(folder=run.folder, job=job, info=run.source.info, trained=trained, device=device, begun=begun)
    with require_lease(run.folder):
        clear_way(run.folder)
        record = _earlier(run.folder, job)  # again: another scoring may have ended since
        missing = unscored(job.metrics, record)
        built |= build_metrics({name: one for name, one in missing.items() if name not in built})
        record = record_scores(scored, built, record, measure, notes=notes)
        if source not in ("", record.source):
            record = replace(record, source=source)
            write_json(run.folder / RECORD_FILE, record)
    return Outcome(run=run, status="done", record=record)


def _earlier(folder: Path, job: Job) -> Record | None:
    """Return the record of an earlier scoring; with `retry` without the scores that are measured again, or None if damaged."""
    try:
        record = read_record(folder)
    except DamagedError:
        if not job.retry:
            raise
        return None
    if record is None or not job.retry:
        return record
    kept = {name: key for name, key in record.scored.items() if name not in job.metrics}
    return replace(record, scored=kept, scores=[one for one in record.scores if one.metric not in job.metrics])


def _require_degrees(plan: Plan, metrics: Mapping[str, AnyMetric]) -> None:
    """Refuse a metric that compares degrees where the predictions do not hold them."""
    wanted = [name for name, metric in metrics.items() if getattr(metric, "compares", "") == "celsius"]
    if not wanted:
        return
    if plan.tests.source.info.thermal_range is None:
        raise UsageError(
            f"{wanted[0]} compares degrees Celsius, and {plan.tests.source.name} is not calibrated in degrees",
            "Leave it out",
        )
    if "uint8" in plan.inspected.ends:
        low, high = plan.tests.source.info.thermal_range
        raise UsageError(
            f"{wanted[0]} compares degrees Celsius, and 8-bit predictions have one level for {(high - low) / 255:.2g} degrees",
            "Give 16-bit or float predictions, or leave it out",
        )
