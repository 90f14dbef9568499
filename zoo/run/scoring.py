"""Scores a trained run and writes its pictures, `scores.csv` and record."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from zoo.build import build
from zoo.checksums import find_damage
from zoo.composition import digest
from zoo.contracts import Method
from zoo.data.layout import DatasetInfo, read_info
from zoo.data.union import scored_info
from zoo.environment import environment, option_files, provenance
from zoo.evaluate.pictures import TILES_FOLDER, loss_curves, sample_sheet, sample_tiles
from zoo.evaluate.results import CelsiusErrors, Score
from zoo.evaluate.score import AnyMetric, Sample
from zoo.evaluate.trained import score_degrees, score_method
from zoo.evaluate.transfer import TransferredMethod
from zoo.files import write_atomically
from zoo.recipe import DataRef, Recipe, choice_of
from zoo.run.integrity import LOSSES_FILE, SAMPLES_FILE, SCORES_FILE, SHOWN, run_digests
from zoo.run.job import Event, Job, PlannedTest, Scoring, Trained, unscored, unscored_tests
from zoo.run.record import HEALTH, RECORD_FILE, Record, Tested, Timing, test_folder, write_json
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
    """Score on the run's own test split and on other datasets; write pictures and `scores.csv`, then the record.

    Args:
        folder, job, method, info, trained, device: of the run.
        metrics: by the names of the scores, at least those that the record lacks.
        record: what was measured of the same weights before; its other scores are kept, and lost pictures drawn again.
        begun: when the run's work began, by `time.perf_counter`.
        on_event: called when the scoring begins.

    Raises:
        ZooError: the method's translations are not finite, or a file cannot be written.
    """
    start = time.perf_counter()
    missing = unscored(job.metrics, record)
    first = bool(job.metrics) and not (record and (record.scores or record.scored))
    redraw = first or bool(record and find_damage(folder, SHOWN, expected=record.sha256))
    scores: list[Score] = []
    samples: dict[str, Sample] = {}
    if missing or redraw or unscored_tests(job.tests, record):
        on_event(Event(what="stage", text="scoring"))
    if missing or redraw:
        chosen = {name: metrics[name] for name in missing}
        scores, samples = score_method(method, job.recipe, info, Path(job.root), chosen, device)
    celsius = record.celsius if record else None
    if first:
        celsius = score_degrees(method, job.recipe, info, Path(job.root), device)
    tests, notes = _score_tests(folder, job, method, info, metrics, record, device)
    seconds = time.perf_counter() - start
    if record:
        scores = [score for score in record.scores if score.metric not in missing] + scores
    if scores or not job.tests:
        write_atomically(folder / SCORES_FILE, _csv(scores))
    if redraw or record is None:
        _picture(folder, samples)
    scored = (record.scored if record else {}) | {name: one.key for name, one in missing.items()}
    if record:
        health = record.dataset.get(HEALTH) or info.health_summary(job.recipe.data.fingerprint)
        rescored = [_rescored(job, ", ".join(missing), device)] if missing else []
        dataset = {**record.dataset, HEALTH: health} if missing else record.dataset
        record = replace(record, notes=[*record.notes, *rescored, *notes], dataset=dataset, celsius=celsius)
    else:
        record = _first_record(folder, job, info, trained, device, celsius, seconds)
        timing = replace(record.timing, cell_seconds=round(time.perf_counter() - begun, 3))
        record = replace(record, timing=timing)
    # An early record that does not say how it was scored keeps its key.
    key = digest(scored) if scored else record.score_key
    record = replace(record, scores=scores, scored=scored, score_key=key, tests=tests, sha256=run_digests(folder))
    write_json(folder / RECORD_FILE, record)


def _score_tests(
    folder: Path,
    job: Job,
    method: Method,
    info: DatasetInfo,
    metrics: Mapping[str, AnyMetric],
    record: Record | None,
    device: torch.device,
) -> tuple[list[Tested], list[str]]:
    """Return the scores on other datasets, those of the record included, and notes of what was scored into it now."""
    found = {tested.data.fingerprint: tested for tested in record.tests} if record else {}
    notes = []
    for test in unscored_tests(job.tests, record):
        chosen = {name: metrics[name] for name in test.metrics}
        tested = score_elsewhere(folder, job.recipe, method, info, test, chosen, device)
        before = found.get(test.data.fingerprint)
        if before:
            kept = [score for score in before.scores if score.metric not in chosen]
            tested = replace(tested, scores=kept + tested.scores, scored=before.scored | tested.scored)
        write_atomically(test_folder(folder, test.data) / SCORES_FILE, _csv(tested.scores))
        found[test.data.fingerprint] = tested
        if record:
            notes.append(_rescored(job, f"{', '.join(chosen)} on {test.data.name}", device))
    return list(found.values()), notes


def score_elsewhere(
    folder: Path,
    recipe: Recipe,
    method: Method,
    trained: DatasetInfo,
    test: PlannedTest,
    metrics: Mapping[str, AnyMetric],
    device: torch.device,
) -> Tested:
    """Score a trained method on the test split of another dataset, and write its pictures.

    Args:
        folder, recipe, method: of the run.
        trained: the dataset that it was trained on.
        test: the other dataset.
        metrics: by the names of the scores.
        device: where images are translated.

    Raises:
        ZooError: translations are not finite, or a file cannot be written.
    """
    root = Path(test.root)
    info = read_info(root)
    usable, moved = scored_info(trained, info), TransferredMethod(method, trained, info)
    scores, samples = score_method(moved, recipe, usable, root, metrics, device)
    own = test_folder(folder, test.data)
    own.mkdir(parents=True, exist_ok=True)
    sample_sheet(list(samples.values()), own / SAMPLES_FILE)
    sample_tiles(samples, own / TILES_FOLDER)
    notes = [] if info.pairs else [UNPAIRED]
    if trained.thermal_range and info.thermal_range and trained.thermal_range != info.thermal_range:
        ranges = ["{:g} to {:g} °C".format(*both) for both in (trained.thermal_range, info.thermal_range)]
        notes.append(
            f"Translations in {ranges[0]}, the range of the training, are scored on {ranges[1]}, that of {info.name}."
        )
    return Tested(
        data=test.data,
        dataset=_dataset_facts(info, test.data),
        size=recipe.size,
        scores=scores,
        scored={name: test.metrics[name].key for name in metrics},
        celsius=score_degrees(moved, recipe, usable, root, device),
        notes=notes,
    )


def _picture(folder: Path, samples: Mapping[str, Sample]) -> None:
    if samples:
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
        dataset=_dataset_facts(info, job.recipe.data),
        notes=[*([] if info.pairs else [UNPAIRED]), *(info.notes if info.members else ())],
    )


def _dataset_facts(info: DatasetInfo, data: DataRef) -> dict[str, Any]:
    """Return what a record states of a dataset."""
    facts = {
        "name": info.name,
        "fingerprint": data.fingerprint,
        "license": info.license,
        "splits": info.splits,
        "left_out": len(info.left_out),
        HEALTH: info.health_summary(data.fingerprint),
    }
    if info.members:
        facts["members"] = [
            {"name": one.name, "fingerprint": one.fingerprint, "license": one.license, "splits": one.splits}
            for one in info.members
        ]
    return facts


def _rescored(job: Job, what: str, device: torch.device) -> str:
    """Return how scores came into a record that an earlier command made; the rest of it is about the training."""
    software = environment(str(device))
    return f"{what}: scored {_now()} by `{job.command}`, zoo {software['zoo']}, on {device}."


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _csv(scores: list[Score]) -> bytes:
    """Return one line an image, one column a metric that has values of images."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    single = [score for score in scores if score.per_image]
    writer.writerow(["stem", *(score.metric for score in single)])
    for stem in single[0].per_image if single else ():
        writer.writerow([stem, *(repr(score.per_image[stem]) for score in single)])
    return table.getvalue().encode()
