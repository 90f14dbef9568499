"""Scores a trained method on the test split and writes what a run leaves of it."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from zoo.build import build, choice_of
from zoo.checksums import find_damage
from zoo.composition import digest
from zoo.contracts import Batch, Method, SetMetric
from zoo.data.layout import DatasetInfo
from zoo.data.store import PairStore
from zoo.data.streaming import open_split
from zoo.evaluate.celsius import score_celsius
from zoo.evaluate.results import CelsiusErrors, Score
from zoo.evaluate.score import AnyMetric, Sample, evaluate, evaluate_unpaired
from zoo.files import write_atomically
from zoo.layers.pixels import shown_degrees
from zoo.run.data_quality import HEALTH, summary_of
from zoo.run.environment import environment, option_files, provenance
from zoo.run.integrity import LOSSES_FILE, SAMPLES_FILE, SCORES_FILE, SHOWN, run_digests
from zoo.run.job import Event, Job, Scoring, Trained
from zoo.run.pictures import TILES_FOLDER, loss_curves, sample_sheet, sample_tiles
from zoo.run.record import RECORD_FILE, Record, Timing, write_json
from zoo.training.log import LOG, read_log

UNPAIRED = (
    "The test split is unpaired: there is nothing to compare an image with, and no metric of single images applies."
)


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
    redraw = record is None or bool(find_damage(folder, SHOWN, expected=record.sha256))
    start = time.perf_counter()
    scores: list[Score] = []
    samples: dict[str, Sample] = {}
    if metrics or redraw:
        on_event(Event(what="stage", text="scoring"))
        scores, samples = _score(job, method, info, device, metrics)
    celsius = record.celsius if record else _celsius(job, method, info, device)
    seconds = time.perf_counter() - start
    if record:
        scores = [score for score in record.scores if score.metric not in metrics] + scores
    write_atomically(folder / SCORES_FILE, _csv(scores))
    if redraw:
        _picture(folder, samples)
    scored = (record.scored if record else {}) | {name: job.metrics[name].key for name in metrics}
    if record:
        health = record.dataset.get(HEALTH) or summary_of(info, job.recipe.data.fingerprint)
        notes = [*record.notes, _rescored(job, metrics, device)] if metrics else record.notes
        record = replace(record, notes=notes, dataset={**record.dataset, HEALTH: health} if metrics else record.dataset)
    else:
        record = _first_record(folder, job, info, trained, device, celsius, seconds)
        timing = replace(record.timing, cell_seconds=round(time.perf_counter() - begun, 3))
        record = replace(record, timing=timing)
    # An early record that does not say how it was scored keeps its key.
    key = digest(scored) if scored else record.score_key
    record = replace(record, scores=scores, scored=scored, score_key=key, sha256=run_digests(folder))
    write_json(folder / RECORD_FILE, record)


def _picture(folder: Path, samples: Mapping[str, Sample]) -> None:
    sample_sheet(list(samples.values()), folder / SAMPLES_FILE)
    sample_tiles(samples, folder / TILES_FOLDER)
    log = read_log(folder / LOG)
    if log:
        loss_curves([{"step": reading.step, "losses": reading.losses} for reading in log], folder / LOSSES_FILE)


def _first_record(
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
        finished=_now(),
        scores=[],
        celsius=celsius,
        losses=trained.losses,
        parameters=trained.parameters,
        timing=timing,
        peak_memory=trained.peak_memory,
        environment=environment(str(device)),
        plugins=provenance(job.recipe),
        option_files=option_files(job.recipe),
        processes=job.processes,
        dataset={
            "name": info.name,
            "fingerprint": job.recipe.data.fingerprint,
            "license": info.license,
            "splits": info.splits,
            "left_out": len(info.left_out),
            HEALTH: summary_of(info, job.recipe.data.fingerprint),
        },
        notes=[] if info.pairs else [UNPAIRED],
    )


def _score(
    job: Job, method: Method, info: DatasetInfo, device: torch.device, metrics: Mapping[str, AnyMetric]
) -> tuple[list[Score], dict[str, Sample]]:
    mode, reads = method.test_mode, _reads(job)
    store = _test_split(job, method, device)
    if not info.pairs:
        sets = {name: metric for name, metric in metrics.items() if isinstance(metric, SetMetric)}
        return evaluate_unpaired(method.translate, store, sets, device=device, mode=mode, reads=reads)
    degrees = partial(_degrees, method, info.thermal_range) if info.thermal_range else None
    with torch.no_grad():
        return evaluate(method.translate, store, metrics, device=device, mode=mode, reads=reads, degrees=degrees)


def _degrees(method: Method, thermal_range: tuple[float, float], batch: Batch, translated: Tensor) -> Tensor:
    own = method.degrees(batch)
    return own if own is not None else shown_degrees(translated, thermal_range)


def _celsius(job: Job, method: Method, info: DatasetInfo, device: torch.device) -> CelsiusErrors | None:
    if not info.pairs or "celsius" not in info.offers or not info.thermal_range:
        return None
    store = _test_split(job, method, device)
    with torch.no_grad():
        return score_celsius(method, store, classes=info.classes, thermal_range=info.thermal_range, device=device)


def _test_split(job: Job, method: Method, device: torch.device) -> PairStore:
    """Return the test images, and bring the method into the state in which it translates them."""
    recipe = job.recipe
    method.to(device).train(method.test_mode == "train")
    torch.manual_seed(recipe.seed)  # dropout, where the method keeps it on, draws the same in every scoring
    return open_split(Path(job.root), "test", size=recipe.size, device=device, thermal_channels=recipe.thermal_channels)


def _rescored(job: Job, metrics: Mapping[str, AnyMetric], device: torch.device) -> str:
    """Return how scores came into a record that an earlier command made; the rest of it is about the training."""
    software = environment(str(device))
    return f"{', '.join(metrics)}: scored {_now()} by `{job.command}`, zoo {software['zoo']}, on {device}."


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _reads(job: Job) -> list[str]:
    """Return the batch entries that the recipe's parts read at inference."""
    recipe = job.recipe
    choices = [choice_of("method", recipe.method)]
    if recipe.generator:
        choices.append(choice_of("generator", recipe.generator))
    return list(dict.fromkeys(entry for choice in choices for entry in choice.contract.reads))


def _csv(scores: list[Score]) -> bytes:
    """Return one line an image, one column a metric that has values of images."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    single = [score for score in scores if score.per_image]
    writer.writerow(["stem", *(score.metric for score in single)])
    for stem in single[0].per_image if single else ():
        writer.writerow([stem, *(repr(score.per_image[stem]) for score in single)])
    return table.getvalue().encode()
