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
from zoo.evaluate.results import Cost, Score
from zoo.evaluate.score import AnyMetric, OnImages, Sample
from zoo.evaluate.trained import Measured, score_cost, score_method
from zoo.evaluate.transfer import TransferredMethod
from zoo.files import write_atomically
from zoo.recipe import Recipe, choice_of
from zoo.records.integrity import LOSSES_FILE, SAMPLES_FILE, SCORES_FILE, SHOWN, run_digests
from zoo.records.job import Job, PlannedTest, Scoring, unscored, unscored_tests
from zoo.records.new_record import UNPAIRED, TrainedRun, dataset_facts, first_record, rescored
from zoo.records.record import HEALTH, RECORD_FILE, Record, Tested, folder_of_test, write_json
from zoo.scoring.sheets import own_shapes, write_sheet
from zoo.training.log import LOG, read_log


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
    run: TrainedRun,
    method: Method,
    metrics: Mapping[str, AnyMetric],
    record: Record | None,
    on_images: OnImages,
    unmeasured: Mapping[str, str] = {},
) -> None:
    """Score on the run's own test split and on other datasets; write pictures and `scores.csv`, then the record.

    Args:
        run: the run.
        method: with its trained weights.
        metrics: by the names of the scores, at least those that the record lacks.
        record: what was measured of the same weights before; its other scores are kept, and lost pictures drawn again.
        on_images: as of `evaluate`.
        unmeasured: metrics that the job leaves out, with the reasons, for the record.

    Raises:
        ZooError: the method's translations are not finite, or a file cannot be written.
    """
    job, root = run.job, Path(run.job.root)
    tests, notes = list(record.tests) if record else [], []
    for test in unscored_tests(job.tests, record):
        chosen = {name: metrics[name] for name in test.metrics}
        tests = score_elsewhere(run.folder, tests, test, job.recipe, method, run.info, chosen, run.device, on_images)
        notes.append(rescored(job.command, f"{', '.join(chosen)} on {test.data.name}", run.device))
    if record:
        record = replace(record, tests=tests, notes=[*record.notes, *notes])
    record_scores(
        run,
        metrics,
        record,
        lambda chosen: score_method(method, job.recipe, run.info, root, chosen, run.device, on_images=on_images),
        lambda: _measure_cost(method, job, run.device),
        tests=tests,
        unmeasured=unmeasured,
    )


def record_scores(
    run: TrainedRun,
    metrics: Mapping[str, AnyMetric],
    record: Record | None,
    measure: Callable[[Mapping[str, AnyMetric]], Measured],
    measure_cost: Callable[[], tuple[Cost | None, list[str]]] = lambda: (None, []),
    *,
    notes: Sequence[str] = (),
    tests: Sequence[Tested] = (),
    unmeasured: Mapping[str, str] = {},
) -> Record:
    """Measure images, write pictures, `scores.csv` and the record, and return the record.

    Arguments and errors are those of `score_run`, which measures a method; `measure` scores by some metrics; `notes` and `tests`
    stand in a first record.
    """
    start, folder, job = time.perf_counter(), run.folder, run.job
    missing = unscored(job.metrics, record)
    first = bool(job.metrics) and not (record and (record.scores or record.scored))
    redraw = first or bool(record and find_damage(folder, SHOWN, expected=record.sha256))
    measured = missing or redraw
    scores, samples, celsius = measure({name: metrics[name] for name in missing}) if measured else Measured([], {})
    if record and not first:
        celsius = record.celsius
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
        health = record.dataset.get(HEALTH) or run.info.health_summary(job.recipe.data.fingerprint)
        notes = [*record.notes, rescored(job.command, ", ".join(missing), run.device)] if missing else record.notes
        notes = [*notes, *(remark for remark in remarks if remark not in notes)]
        dataset = {**record.dataset, HEALTH: health} if missing else record.dataset
        record = replace(record, cost=cost, notes=notes, dataset=dataset, celsius=celsius)
    else:
        record = first_record(run, celsius, seconds)
        record = replace(record, cost=cost, notes=[*record.notes, *remarks, *notes], tests=list(tests))
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


def score_elsewhere(
    folder: Path,
    tests: Sequence[Tested],
    test: PlannedTest,
    recipe: Recipe,
    method: Method,
    trained: DatasetInfo,
    metrics: Mapping[str, AnyMetric],
    device: torch.device,
    on_images: OnImages = lambda done, total: None,
) -> list[Tested]:
    """Score a trained method on another dataset, write the pictures and values, and return the scores on all datasets.

    Args:
        folder: of the run.
        tests: earlier scores; those on this dataset are kept unless they are measured again.
        test: the dataset, the split, the size, and what the scores of the metrics depend on.
        recipe: of the method, with the size of the images.
        method: with its trained weights.
        trained: the dataset that it was trained on.
        metrics: by the names of the scores.
        device: where images are translated.
        on_images: as of `evaluate`.

    Raises:
        ZooError: translations are not finite, or a file cannot be written.
    """
    root = Path(test.root)
    before, info = test.find(tests), read_info(root)
    usable, moved = scored_info(trained, info), TransferredMethod(method, trained, info)
    scores, samples, celsius = score_method(
        moved, recipe, usable, root, metrics, device, split=test.split, on_images=on_images
    )
    notes = [] if info.pairs else [UNPAIRED]
    if trained.thermal_range and info.thermal_range and trained.thermal_range != info.thermal_range:
        own, other = ("{:g} to {:g} °C".format(*both) for both in (trained.thermal_range, info.thermal_range))
        notes.append(f"Translations in {own}, the range of the training, are scored on {other}, that of {info.name}.")
    kept = before.scores if before else []
    now = Tested(
        data=test.data,
        dataset=dataset_facts(info, test.data.fingerprint),
        split=test.split,
        size=test.size,
        scores=[*(score for score in kept if score.metric not in metrics), *scores],
        scored=(before.scored if before else {}) | {name: test.metrics[name].key for name in metrics},
        celsius=celsius,
        notes=notes,
    )
    shapes = own_shapes(root, test.split, samples)
    write_pictures(folder_of_test(folder, now), now.scores, samples, recipe, shapes)
    return [*(one for one in tests if one is not before), now]


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
