"""Scores a trained run and writes its pictures, `scores.csv` and record."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from zoo.build import build
from zoo.checksums import find_damage
from zoo.composition import digest
from zoo.compute.options import PLAIN, kernels
from zoo.contracts import Method
from zoo.data.layout import DatasetInfo
from zoo.environment import environment, inference_options, option_files, provenance
from zoo.evaluate.pictures import COLUMNS, TILES_FOLDER, loss_curves, sample_sheet, sample_tiles
from zoo.evaluate.results import CelsiusErrors, Cost, Score
from zoo.evaluate.score import AnyMetric, Sample
from zoo.evaluate.trained import score_cost, score_degrees, score_method
from zoo.files import write_atomically
from zoo.recipe import choice_of
from zoo.run.integrity import LOSSES_FILE, SAMPLES_FILE, SCORES_FILE, SHOWN, run_digests
from zoo.run.job import Event, Job, Scoring, Trained
from zoo.run.record import HEALTH, RECORD_FILE, Record, Timing, write_json
from zoo.training.log import LOG, read_log

Measured = tuple[list[Score], dict[str, Sample]]
"""Scores, and samples by stem."""
UNPAIRED = (
    "The test split is unpaired: there is nothing to compare an image with, and no metric of single images applies."
)

WEIGHTS_OF = "The weights are those of run {}, from which this one differs only in options that translation reads."


def build_metrics(scorings: Mapping[str, Scoring]) -> dict[str, AnyMetric]:
    """Return metrics by the names of their scores.

    Raises:
        ZooError: an option is wrong, or weights that a metric needs cannot be had.
    """
    return {name: build(choice_of("metric", scoring.metric)) for name, scoring in scorings.items()}


def score_run(
    folder: Path,
    job: Job,
    method: Method,
    info: DatasetInfo,
    trained: Trained,
    device: torch.device,
    metrics: Mapping[str, AnyMetric],
    record: Record | None,
    begun: float,
    on_event: Callable[[Event], None],
) -> None:
    """Write pictures and `scores.csv`, then the record, which says that all is there.

    Args:
        folder, job, method, info, trained, device: of the run.
        metrics: what to score with.
        record: what was measured of the same weights before; its other scores are kept, and lost pictures drawn again.
        begun: when the run's work began, by `time.perf_counter`.
        on_event: called when the scoring begins.

    Raises:
        ZooError: the method's translations are not finite, or a file cannot be written.
    """

    def measure(chosen: Mapping[str, AnyMetric]) -> Measured:
        return score_method(method, job.recipe, info, Path(job.root), chosen, device)

    def celsius() -> CelsiusErrors | None:
        return score_degrees(method, job.recipe, info, Path(job.root), device)

    def cost() -> tuple[Cost | None, list[str]]:
        return _measure_cost(method, job, device)

    record_scores(folder, job, info, trained, device, metrics, record, begun, on_event, measure, celsius, cost)


def record_scores(
    folder: Path,
    job: Job,
    info: DatasetInfo,
    trained: Trained,
    device: torch.device,
    metrics: Mapping[str, AnyMetric],
    record: Record | None,
    begun: float,
    on_event: Callable[[Event], None],
    measure: Callable[[Mapping[str, AnyMetric]], Measured],
    measure_celsius: Callable[[], CelsiusErrors | None],
    measure_cost: Callable[[], tuple[Cost | None, list[str]]] = lambda: (None, []),
    notes: Sequence[str] = (),
) -> Record:
    """Measure images, write pictures, `scores.csv` and the record, and return the record.

    Arguments and errors are those of `score_run`, which measures a method; `measure` returns scores and samples of some metrics,
    `measure_celsius` errors in degrees, and `notes` stand in a first record.
    """
    redraw = record is None or bool(find_damage(folder, SHOWN, expected=record.sha256))
    start = time.perf_counter()
    scores: list[Score] = []
    samples: dict[str, Sample] = {}
    if metrics or redraw:
        on_event(Event(what="stage", text="scoring"))
        scores, samples = measure(metrics)
    celsius = record.celsius if record else measure_celsius()
    seconds = time.perf_counter() - start
    cost, remarks = (record.cost, []) if record and record.cost else measure_cost()
    if record:
        scores = [score for score in record.scores if score.metric not in metrics] + scores
    write_pictures(folder, scores, samples if redraw else {})
    scored = (record.scored if record else {}) | {name: job.metrics[name].key for name in metrics}
    if record:
        health = record.dataset.get(HEALTH) or info.health_summary(job.recipe.data.fingerprint)
        notes = [*record.notes, _rescored(job, metrics, device)] if metrics else record.notes
        notes = [*notes, *(remark for remark in remarks if remark not in notes)]
        record = replace(
            record, cost=cost, notes=notes, dataset={**record.dataset, HEALTH: health} if metrics else record.dataset
        )
    else:
        record = first_record(folder, job, info, trained, device, celsius, seconds)
        timing = replace(record.timing, cell_seconds=round(time.perf_counter() - begun, 3))
        record = replace(record, cost=cost, timing=timing, notes=[*record.notes, *remarks, *notes])
    # An early record that does not say how it was scored keeps its key.
    key = digest(scored) if scored else record.score_key
    record = replace(record, scores=scores, scored=scored, score_key=key, sha256=run_digests(folder))
    write_json(folder / RECORD_FILE, record)
    return record


def _measure_cost(method: Method, job: Job, device: torch.device) -> tuple[Cost | None, list[str]]:
    """Return what one translation costs, or a note for the record on why that could not be measured, which fails no run."""
    try:
        with kernels("fp32", PLAIN):
            return score_cost(method, job.recipe, Path(job.root), device), []
    except Exception as error:  # whatever a method's code raises where its operations are counted
        return None, [f"The cost of a translation could not be measured: {type(error).__name__}."]


def write_pictures(folder: Path, scores: list[Score], samples: Mapping[str, Sample]) -> None:
    """Write `scores.csv` and, where there are samples, the pictures of a run.

    Raises:
        ZooError: a file cannot be written.
    """
    write_atomically(folder / SCORES_FILE, _csv(scores))
    if not samples:
        return
    rows = [[image for image in sample if image is not None] for sample in samples.values()]
    height, width = rows[0][0].shape[:2]  # of the first; those of other sizes are shown at it
    shown = [[np.asarray(Image.fromarray(image).resize((width, height))) for image in row] for row in rows]
    sample_sheet(shown, folder / SAMPLES_FILE, COLUMNS[-len(rows[0]) :])
    sample_tiles(samples, folder / TILES_FOLDER)
    log = read_log(folder / LOG)
    if log:
        loss_curves([{"step": reading.step, "losses": reading.losses} for reading in log], folder / LOSSES_FILE)


def first_record(
    folder: Path,
    job: Job,
    info: DatasetInfo,
    trained: Trained,
    device: torch.device,
    celsius: CelsiusErrors | None,
    seconds: float,
) -> Record:
    """Return what is known of a run that was just trained, without its scores."""
    speeds = sorted(reading.it_s for reading in read_log(folder / LOG))
    timing = Timing(
        train_seconds=round(trained.seconds, 3),
        steps_per_second=round(speeds[len(speeds) // 2], 4) if speeds else None,
        score_seconds=round(seconds, 3),
        resumed=trained.resumed,
        speed=trained.speed,
    )
    return Record(
        recipe=job.recipe,
        train_key=job.train_key,
        score_key="",
        command=job.command,
        finished=utc_now(),
        scores=[],
        celsius=celsius,
        losses=trained.losses,
        parameters=trained.parameters,
        timing=timing,
        peak_memory=trained.peak_memory,
        environment=environment(str(device)),
        plugins=provenance(job.recipe),
        option_files=option_files(job.recipe),
        inference_options=inference_options(job.recipe),
        processes=job.processes,
        dataset=dataset_facts(info, job.recipe.data.fingerprint),
        notes=[
            *([] if info.pairs else [UNPAIRED]),
            *([WEIGHTS_OF.format(trained.weights_of)] if trained.weights_of else []),
        ],
    )


def dataset_facts(info: DatasetInfo, fingerprint: str) -> dict[str, Any]:
    """Return what a record says of a dataset with this fingerprint."""
    return {
        "name": info.name,
        "fingerprint": fingerprint,
        "license": info.license,
        "splits": info.splits,
        "left_out": len(info.left_out),
        HEALTH: info.health_summary(fingerprint),
    }


def _rescored(job: Job, metrics: Mapping[str, AnyMetric], device: torch.device) -> str:
    """Return how scores came into a record that an earlier command made; the rest of it is about the training."""
    software = environment(str(device))
    return f"{', '.join(metrics)}: scored {utc_now()} by `{job.command}`, zoo {software['zoo']}, on {device}."


def utc_now() -> str:
    """Return the time in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _csv(scores: list[Score]) -> bytes:
    """Return one line an image, one column a metric that has values of images."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    single = [score for score in scores if score.per_image]
    writer.writerow(["stem", *(score.metric for score in single)])
    for stem in dict.fromkeys(stem for score in single for stem in score.per_image):
        writer.writerow([stem, *(repr(score.per_image[stem]) if stem in score.per_image else "" for score in single)])
    return table.getvalue().encode()
