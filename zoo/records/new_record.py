"""A record as it is when a run was just trained, and the lines that a later scoring adds to it. Imports no torch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.layout import DatasetInfo
from zoo.environment import environment, inference_options, option_files, provenance
from zoo.evaluate.results import CelsiusErrors
from zoo.records.job import Job
from zoo.records.record import HEALTH, Record, Timing
from zoo.records.trained import Trained
from zoo.training.log import LOG, read_log

if TYPE_CHECKING:
    import torch

UNPAIRED = (
    "The test split is unpaired: there is nothing to compare an image with, and no metric of single images applies."
)

WEIGHTS_OF = "The weights are those of run {}, from which this one differs only in options that translation reads."


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """A run that has its weights, and so can be scored."""

    folder: Path
    job: Job
    info: DatasetInfo
    """The dataset that it was trained on."""
    trained: Trained
    device: torch.device
    begun: float = 0.0
    """When this execution began, by `time.perf_counter`; 0: it is not timed."""


def first_record(run: TrainedRun, celsius: CelsiusErrors | None = None, seconds: float = 0.0) -> Record:
    """Return what is known of a run that was just trained, without its scores; `seconds` is the time of the scoring."""
    job, info, trained = run.job, run.info, run.trained
    speeds = sorted(reading.it_s for reading in read_log(run.folder / LOG))
    timing = Timing(
        train_seconds=round(trained.seconds, 3),
        steps_per_second=round(speeds[len(speeds) // 2], 4) if speeds else None,
        score_seconds=round(seconds, 3),
        resumed=trained.resumed,
        cell_seconds=round(time.perf_counter() - run.begun, 3) if run.begun else None,
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
        best=trained.best,
        peak_memory=trained.peak_memory,
        environment=environment(str(run.device)),
        plugins=provenance(job.recipe),
        option_files=option_files(job.recipe),
        inference_options=inference_options(job.recipe),
        processes=job.processes,
        dataset=dataset_facts(info, job.recipe.data.fingerprint),
        notes=[
            *([] if info.pairs else [UNPAIRED]),
            *(info.notes if info.members else ()),
            *([WEIGHTS_OF.format(trained.weights_of)] if trained.weights_of else []),
        ],
    )


def dataset_facts(info: DatasetInfo, fingerprint: str) -> dict[str, Any]:
    """Return what a record says of a dataset with this fingerprint."""
    facts = {
        "name": info.name,
        "fingerprint": fingerprint,
        "license": info.license,
        "splits": info.splits,
        "left_out": len(info.left_out),
        HEALTH: info.health_summary(fingerprint),
    }
    if info.members:
        facts["members"] = [
            {"name": one.name, "fingerprint": one.fingerprint, "license": one.license, "splits": one.splits}
            for one in info.members
        ]
    return facts


def rescored(command: str, what: str, device: torch.device) -> str:
    """Return how scores came into a record that an earlier command made; the rest of it is about the training."""
    software = environment(str(device))
    return f"{what}: scored {utc_now()} by `{command}`, zoo {software['zoo']}, on {device}."


def utc_now() -> str:
    """Return the time in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
