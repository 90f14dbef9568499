"""Scores a trained method on the test split and writes what a cell leaves of it."""

from __future__ import annotations

import csv
import io
import time
from datetime import UTC, datetime
from pathlib import Path

import torch

from zoo.bench.environment import environment, provenance
from zoo.bench.job import Job, Trained, metric_choices
from zoo.bench.pictures import loss_curves, sample_sheet
from zoo.bench.record import RECORD_FILE, Record, Timing, write_json
from zoo.build import build, choice_of
from zoo.contracts import Method
from zoo.data.layout import DatasetInfo
from zoo.data.store import PairStore
from zoo.evaluate.celsius import score_celsius
from zoo.evaluate.results import CelsiusErrors, Score
from zoo.evaluate.score import Sample, evaluate, examples
from zoo.files import write_atomically
from zoo.train.engine import LOG
from zoo.train.log import read_log

UNPAIRED = (
    "The test split is unpaired: there is nothing to compare an image with, and no metric of single images applies."
)


def score_cell(
    folder: Path, job: Job, method: Method, info: DatasetInfo, trained: Trained, device: torch.device
) -> None:
    """Write pictures and `scores.csv`, then the record, which says that all is there.

    Raises:
        ZooError: the method's translations are not finite, or a file cannot be written.
    """
    start = time.perf_counter()
    scores, samples, celsius = _score(job, method, info, device)
    seconds = time.perf_counter() - start
    log = read_log(folder / LOG)
    sample_sheet(list(samples.values()), folder / "samples.png")
    if log:
        loss_curves([{"step": reading.step, "losses": reading.losses} for reading in log], folder / "losses.png")
    write_atomically(folder / "scores.csv", _csv(scores))
    speeds = sorted(reading.it_s for reading in log)
    timing = Timing(
        train_seconds=round(trained.seconds, 3),
        steps_per_second=round(speeds[len(speeds) // 2], 4) if speeds else None,
        score_seconds=round(seconds, 3),
        resumed=trained.resumed,
    )
    record = Record(
        recipe=job.recipe,
        train_key=job.train_key,
        score_key=job.score_key,
        command=job.command,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        scores=scores,
        celsius=celsius,
        losses=trained.losses,
        parameters=trained.parameters,
        timing=timing,
        peak_memory=trained.peak_memory,
        environment=environment(str(device)),
        plugins=provenance(job.recipe),
        dataset={
            "name": info.name,
            "fingerprint": job.recipe.data.fingerprint,
            "license": info.license,
            "splits": info.splits,
            "left_out": len(info.left_out),
        },
        notes=[] if info.pairs else [UNPAIRED],
    )
    write_json(folder / RECORD_FILE, record)


def _score(
    job: Job, method: Method, info: DatasetInfo, device: torch.device
) -> tuple[list[Score], dict[str, Sample], CelsiusErrors | None]:
    recipe = job.recipe
    channels = recipe.thermal_channels
    store = PairStore.open(Path(job.root), "test", size=recipe.size, device=device, thermal_channels=channels)
    method.to(device).train(method.test_mode == "train")
    torch.manual_seed(recipe.seed)  # dropout, where the method keeps it on, draws the same in every scoring
    with torch.no_grad():
        if not info.pairs:
            return [], examples(method.translate, store, device=device), None
        metrics = {name: build(choice) for name, choice in metric_choices().items()}
        scores, samples = evaluate(
            method.translate, store, metrics, device=device, mode=method.test_mode, reads=_reads(job)
        )
        celsius = None
        if "celsius" in info.offers and info.thermal_range:
            celsius = score_celsius(
                method, store, classes=info.classes, thermal_range=info.thermal_range, device=device
            )
    return scores, samples, celsius


def _reads(job: Job) -> list[str]:
    """Return the batch entries that the recipe's parts read at inference."""
    recipe = job.recipe
    choices = [choice_of("method", recipe.method)]
    if recipe.generator:
        choices.append(choice_of("generator", recipe.generator))
    return list(dict.fromkeys(entry for choice in choices for entry in choice.contract.reads))


def _csv(scores: list[Score]) -> bytes:
    """Return one line an image, one column a metric."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["stem", *(score.metric for score in scores)])
    for stem in scores[0].per_image if scores else ():
        writer.writerow([stem, *(repr(score.per_image[stem]) for score in scores)])
    return table.getvalue().encode()
