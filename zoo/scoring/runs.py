"""Scores a trained run and writes its pictures, `scores.csv` and record."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from zoo.build import build
from zoo.checksums import find_damage
from zoo.composition import digest
from zoo.compute.options import PLAIN, kernels
from zoo.contracts import Method
from zoo.data.layout import DatasetInfo, read_info
from zoo.data.union import scored_info
from zoo.errors import UsageError, ZooError
from zoo.evaluate.pictures import TILES_FOLDER, loss_curves, sample_tiles
from zoo.evaluate.results import CelsiusErrors, Cost, Score
from zoo.evaluate.score import AnyMetric, Sample
from zoo.evaluate.trained import score_cost, score_degrees, score_method
from zoo.evaluate.transfer import TransferredMethod
from zoo.files import write_atomically
from zoo.recipe import Recipe, choice_of
from zoo.records.integrity import LOSSES_FILE, SAMPLES_FILE, SCORES_FILE, SHOWN, run_digests
from zoo.records.job import Job, Scoring, unscored, unscored_tests
from zoo.records.new_record import UNPAIRED, dataset_facts, first_record, rescored
from zoo.records.record import HEALTH, RECORD_FILE, Record, Tested, folder_of_test, is_of, write_json
from zoo.records.trained import Trained
from zoo.run.progress import Event
from zoo.scoring.sheets import own_shapes, write_sheet
from zoo.training.log import LOG, read_log

Measured = tuple[list[Score], dict[str, Sample]]
"""Scores, and samples by stem."""


def build_metrics(scorings: Mapping[str, Scoring]) -> dict[str, AnyMetric]:
    """Return metrics by the names of their scores.

    Raises:
        ZooError: an option is wrong, or weights that a metric needs cannot be had.
    """
    return {name: build(choice_of("metric", scoring.metric)) for name, scoring in scorings.items()}


def build_available(scorings: Mapping[str, Scoring]) -> tuple[dict[str, AnyMetric], dict[str, str]]:
    """Return metrics by the names of their scores, and why the others are not to be had: a missing file or package.

    Raises:
        UsageError: an option is wrong.
    """
    built: dict[str, AnyMetric] = {}
    missing: dict[str, str] = {}
    for name, scoring in scorings.items():
        try:
            built |= build_metrics({name: scoring})
        except UsageError:
            raise
        except ZooError as error:
            missing[name] = str(error).replace(str(Path.home()), "~")  # records name no user
    return built, missing


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
    unmeasured: Mapping[str, str] = {},
) -> None:
    """Score on the run's own test split and on other datasets; write pictures and `scores.csv`, then the record.

    Args:
        folder, job, method, info, trained, device: of the run.
        metrics: by the names of the scores, at least those that the record lacks.
        record: what was measured of the same weights before; its other scores are kept, and lost pictures drawn again.
        begun: when the run's work began, by `time.perf_counter`.
        on_event: called when the scoring begins.
        unmeasured: metrics that the job leaves out, with the reasons, for the record.

    Raises:
        ZooError: the method's translations are not finite, or a file cannot be written.
    """

    def measure(chosen: Mapping[str, AnyMetric]) -> Measured:
        return score_method(method, job.recipe, info, Path(job.root), chosen, device)

    def celsius() -> CelsiusErrors | None:
        return score_degrees(method, job.recipe, info, Path(job.root), device)

    def cost() -> tuple[Cost | None, list[str]]:
        return _measure_cost(method, job, device)

    if unscored_tests(job.tests, record):
        on_event(Event(what="stage", text="scoring"))
    tests, notes = _score_tests(folder, job, method, info, metrics, record, device)
    if record:
        record = replace(record, tests=tests, notes=[*record.notes, *notes])
    record_scores(
        folder,
        job,
        info,
        trained,
        device,
        metrics,
        record,
        begun,
        on_event,
        measure,
        celsius,
        cost,
        tests=tests,
        unmeasured=unmeasured,
    )


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
    tests: Sequence[Tested] = (),
    unmeasured: Mapping[str, str] = {},
) -> Record:
    """Measure images, write pictures, `scores.csv` and the record, and return the record.

    Arguments and errors are those of `score_run`, which measures a method; `measure` returns scores and samples of some metrics,
    `measure_celsius` errors in degrees, and `notes` and `tests` stand in a first record; `unmeasured` is as of `score_run`.
    """
    start = time.perf_counter()
    missing = unscored(job.metrics, record)
    first = bool(job.metrics) and not (record and (record.scores or record.scored))
    redraw = first or bool(record and find_damage(folder, SHOWN, expected=record.sha256))
    scores: list[Score] = []
    samples: dict[str, Sample] = {}
    if missing or redraw:
        on_event(Event(what="stage", text="scoring"))
        scores, samples = measure({name: metrics[name] for name in missing})
    celsius = measure_celsius() if first else record.celsius if record else None
    seconds = time.perf_counter() - start
    cost, remarks = (record.cost, []) if record and record.cost else measure_cost()
    if record:
        scores = [score for score in record.scores if score.metric not in missing] + scores
    if job.metrics or scores:
        shapes = own_shapes(Path(job.root), job.recipe.split, samples)
        write_pictures(folder, scores, samples if redraw else {}, job.recipe, shapes)
    if redraw or record is None:
        _draw_losses(folder)
    scored = (record.scored if record else {}) | {name: one.key for name, one in missing.items()}
    if record:
        health = record.dataset.get(HEALTH) or info.health_summary(job.recipe.data.fingerprint)
        notes = [*record.notes, rescored(job.command, ", ".join(missing), device)] if missing else record.notes
        notes = [*notes, *(remark for remark in remarks if remark not in notes)]
        dataset = {**record.dataset, HEALTH: health} if missing else record.dataset
        record = replace(record, cost=cost, notes=notes, dataset=dataset, celsius=celsius)
    else:
        record = first_record(folder, job, info, trained, device, celsius, seconds)
        timing = replace(record.timing, cell_seconds=round(time.perf_counter() - begun, 3))
        record = replace(record, cost=cost, timing=timing, notes=[*record.notes, *remarks, *notes], tests=list(tests))
    # An early record that does not say how it was scored keeps its key.
    key = digest(scored) if scored else record.score_key
    lacking = {name: why for name, why in {**record.unmeasured, **unmeasured}.items() if name not in scored}
    record = replace(
        record, scores=scores, scored=scored, unmeasured=lacking, score_key=key, sha256=run_digests(folder)
    )
    write_json(folder / RECORD_FILE, record)
    return record


def _measure_cost(method: Method, job: Job, device: torch.device) -> tuple[Cost | None, list[str]]:
    """Return what one translation costs, or a note for the record on why that could not be measured, which fails no run."""
    try:
        with kernels("fp32", PLAIN):
            return score_cost(method, job.recipe, Path(job.root), device), []
    except Exception as error:  # whatever a method's code raises where its operations are counted
        return None, [f"The cost of a translation could not be measured: {type(error).__name__}."]


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
    found = list(record.tests) if record else []
    notes = []
    for test in unscored_tests(job.tests, record):
        chosen = {name: metrics[name] for name in test.metrics}
        before = next((one for one in found if is_of(one, test.data, job.recipe.size)), None)
        empty = Tested(data=test.data, dataset={}, size=job.recipe.size, scores=[])
        now = score_elsewhere(folder, before or empty, job.recipe, method, info, Path(test.root), chosen, device)
        now = replace(now, scored=now.scored | {name: one.key for name, one in test.metrics.items()})
        found = [*(one for one in found if one is not before), now]
        if record:
            notes.append(rescored(job.command, f"{', '.join(chosen)} on {test.data.name}", device))
    return found, notes


def score_elsewhere(
    folder: Path,
    before: Tested,
    recipe: Recipe,
    method: Method,
    trained: DatasetInfo,
    root: Path,
    metrics: Mapping[str, AnyMetric],
    device: torch.device,
) -> Tested:
    """Score a trained method on another dataset, write the pictures and values, and return all scores on it.

    Args:
        folder: of the run.
        before: the dataset, the split and the size, with earlier scores that are kept unless they are measured again.
        recipe: of the method, with the size of the images.
        method: with its trained weights.
        trained: the dataset that it was trained on.
        root: folder of the other dataset.
        metrics: by the names of the scores.
        device: where images are translated.

    Raises:
        ZooError: translations are not finite, or a file cannot be written.
    """
    info = read_info(root)
    usable, moved = scored_info(trained, info), TransferredMethod(method, trained, info)
    scores, samples = score_method(moved, recipe, usable, root, metrics, device, split=before.split)
    notes = [] if info.pairs else [UNPAIRED]
    if trained.thermal_range and info.thermal_range and trained.thermal_range != info.thermal_range:
        own, other = ("{:g} to {:g} °C".format(*both) for both in (trained.thermal_range, info.thermal_range))
        notes.append(f"Translations in {own}, the range of the training, are scored on {other}, that of {info.name}.")
    now = replace(
        before,
        dataset=dataset_facts(info, before.data.fingerprint),
        scores=[*(score for score in before.scores if score.metric not in metrics), *scores],
        celsius=score_degrees(moved, recipe, usable, root, device, split=before.split),
        notes=notes,
    )
    shapes = own_shapes(root, before.split, samples)
    write_pictures(folder_of_test(folder, now), now.scores, samples, recipe, shapes)
    return now


def write_pictures(
    folder: Path,
    scores: list[Score],
    samples: Mapping[str, Sample],
    recipe: Recipe,
    shapes: Mapping[str, tuple[int, int]],
) -> None:
    """Write `scores.csv` and, where there are samples, the pictures of a run, the sheet in the `shapes` of the files by stem.

    Raises:
        ZooError: a file cannot be written.
    """
    write_atomically(folder / SCORES_FILE, _csv(scores))
    if not samples:
        return
    write_sheet(folder / SAMPLES_FILE, samples, recipe, scores, shapes)
    sample_tiles(samples, folder / TILES_FOLDER)


def _draw_losses(folder: Path) -> None:
    log = read_log(folder / LOG)
    if log:
        loss_curves([{"step": reading.step, "losses": reading.losses} for reading in log], folder / LOSSES_FILE)


def _csv(scores: list[Score]) -> bytes:
    """Return one line an image, one column a metric that has values of images."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    single = [score for score in scores if score.per_image]
    writer.writerow(["stem", *(score.metric for score in single)])
    for stem in dict.fromkeys(stem for score in single for stem in score.per_image):
        writer.writerow([stem, *(repr(score.per_image[stem]) if stem in score.per_image else "" for score in single)])
    return table.getvalue().encode()
