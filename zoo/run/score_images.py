"""Measures images of another program, and the baselines that need no training, on the same images."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from zoo.build import build_method
from zoo.checksums import find_damage
from zoo.choices import Choice
from zoo.compute.options import pick_device
from zoo.contracts import Batch, Method
from zoo.data.scored import Predicted
from zoo.environment import peak_memory
from zoo.errors import UsageError, ZooError
from zoo.evaluate.score import AnyMetric, Degrees, evaluate
from zoo.layers.pixels import shown_degrees
from zoo.recipe import as_part
from zoo.run.grid import PlannedRun
from zoo.run.integrity import SHOWN, clear_way
from zoo.run.job import Job, Trained, scorings, unscored
from zoo.run.lease import lease
from zoo.run.outcome import Outcome
from zoo.run.predictions import Plan, open_pairs, planned, scored_recipe, unfitted_baselines
from zoo.run.record import read_record
from zoo.run.scoring import Measured, build_metrics, record_scores

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
    target = pick_device(device)
    info = plan.tests.source.info
    groups = [entry.name for entry in info.entries if entry.kind == "group"]
    wanted = [entry for choice in metrics for entry in choice.contract.reads]
    pairs = open_pairs(plan.tests, plan.shape, str(target), {*groups, *wanted})
    predicted = Predicted(
        pairs=pairs,
        predictions={stem: plan.matched.files[stem] for stem in plan.inspected.sizes},
        ranges=plan.ranges,
    )
    own = {name: value for name, value in plan.protocol.items() if name in ("split", "resize")}

    def of_images(chosen: Mapping[str, AnyMetric]) -> Measured:
        return evaluate(
            lambda batch: batch["prediction"],
            predicted,
            chosen,
            device=target,
            reads=(),
            degrees=_degrees(plan, chosen),
            protocol=plan.protocol,
            info=info,
        )

    def score(run: PlannedRun, measure: Measure, notes: Sequence[str]) -> Outcome:
        return score_once(run, metrics, measure, notes, device=target, command=command, retry=retry)

    outcomes = [score(plan.run, of_images, plan.notes)]
    whole = len(predicted) == len(plan.tests.files) and plan.tests.files[0].visible is not None
    for choice in unfitted_baselines() if baselines and whole else ():
        recipe = scored_recipe(as_part(choice), plan.tests.source, plan.shape)
        method = build_method(recipe, info, torch.Generator(), training=False).to(target)
        if method.order or type(method).fit is not Method.fit:
            continue  # it is fitted to training images
        of_method = partial(
            evaluate, method.translate, pairs, device=target, degrees=_shown(plan), protocol=own, info=info
        )
        outcomes.append(score(planned(recipe, plan.tests.source, plan.run.folder.parent), of_method, ()))
    return outcomes


def score_once(
    run: PlannedRun,
    metrics: Sequence[Choice],
    measure: Measure,
    notes: Sequence[str],
    *,
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
        device, command: for the record.
        retry: score again in any case.

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
    )
    begun = time.perf_counter()
    record = None if retry else read_record(run.folder)
    missing = unscored(job.metrics, record)
    if record and not missing and not find_damage(run.folder, SHOWN, expected=record.sha256):
        return Outcome(run=run, status="skipped", record=record)
    built = build_metrics(missing)  # before the folder is made
    trained = Trained(
        train_key=job.train_key,
        seconds=0.0,
        resumed=0,
        losses={},
        parameters={"translation": 0},
        peak_memory=peak_memory(),
    )
    run.folder.mkdir(parents=True, exist_ok=True)
    with lease(run.folder) as held:
        if held is None:
            raise ZooError(f"another process works on `{run.folder}`", "Wait until it is done")
        clear_way(run.folder)
        record = record_scores(
            run.folder,
            job,
            run.source.info,
            trained,
            device,
            built,
            record,
            begun,
            lambda event: None,
            measure,
            lambda: None,
            notes=notes,
        )
    return Outcome(run=run, status="done", record=record)


def _degrees(plan: Plan, metrics: Mapping[str, AnyMetric]) -> Degrees | None:
    """Return what gives the degrees of predictions; None where no metric compares degrees.

    Raises:
        UsageError: a metric does, and the predictions do not hold them.
    """
    wanted = [name for name, metric in metrics.items() if getattr(metric, "compares", "") == "celsius"]
    if not wanted:
        return None
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
    return _shown(plan)


def _shown(plan: Plan) -> Degrees | None:
    thermal_range = plan.tests.source.info.thermal_range
    if thermal_range is None:
        return None

    def degrees(batch: Batch, translated: Tensor) -> Tensor:
        return shown_degrees(translated, thermal_range)

    return degrees
