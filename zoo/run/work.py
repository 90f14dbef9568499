"""Trains and scores one run, alone or as one of several processes: what is done already is not repeated."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from accelerate import PartialState

from zoo.checksums import digest_of, digests, find_damage, repair, repair_command
from zoo.compute.options import pick_device
from zoo.data.layout import DatasetInfo, read_info
from zoo.environment import inference_options, provenance
from zoo.errors import DamagedError, UsageError, ZooError
from zoo.keys import train_key
from zoo.model_folder import WEIGHTS_FILE, ModelConfig, load_weights, save_model, write_config
from zoo.records.integrity import MODEL, config_is_whole, set_aside
from zoo.records.job import Job, scored_before, unscored, unscored_tests, without
from zoo.records.new_record import TrainedRun
from zoo.records.outcome import usable_record
from zoo.records.record import RECORD_FILE, Record, write_json
from zoo.records.trained import TRAINED_FILE, Trained, read_trained, read_trained_file, take_weights
from zoo.run.execute import OnEvent, Stop
from zoo.run.progress import Event
from zoo.run.training import build_seeded, train_run
from zoo.scoring.runs import build_available, score_run
from zoo.training.checkpoint import CheckpointError
from zoo.training.distributed import World
from zoo.training.loop import CHECKPOINTS


def join(job: Job) -> tuple[torch.device, World]:
    """Return this process's device, and the processes that `accelerate launch` or torchrun started with it.

    Raises:
        UsageError: the device is missing, or the number of processes is not the job's.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != job.processes:
        raise UsageError(
            f"this run requires {job.processes} processes, and {started} were started",
            f"Run: accelerate launch --num_processes {job.processes} -m zoo train FOLDER",
        )
    device = pick_device(job.device)
    if job.processes > 1:
        device = PartialState(cpu=device.type == "cpu").device
    return device, World(device, job.recipe.batch)


def work(
    folder: Path, job: Job, on_event: OnEvent, stop: Stop, *, joined: tuple[torch.device, World] | None = None
) -> bool:
    """Train and score a run, resuming where an earlier execution stopped; return whether it is finished.

    Args:
        folder: of the run; of several processes only the main one needs it.
        job: how to execute it.
        on_event: called at each stage and step.
        stop: checked before every step; when true the state is saved.
        joined: result of `join`, where it was called before.

    Raises:
        ZooError: the training or the scoring failed, or a file cannot be written.
    """
    begun = time.perf_counter()
    device, world = joined or join(job)
    _require_same_code(job)
    trained = world.broadcast(_trained_before(folder, job) if world.is_main else None)
    if trained:
        world.destroy()
        if not world.is_main:
            return True
    before = _record_of(folder, job, fresh=False) if trained else None
    wanted = unscored(job.metrics, before)
    for test in unscored_tests(job.tests, before):
        wanted |= test.metrics
    metrics, unmeasured = build_available(wanted)  # before the training, so that a wrong one is reported at once
    if unmeasured and not metrics and not scored_before(job, before):
        raise ZooError(next(iter(unmeasured.values())))
    job = without(job, unmeasured)
    info = read_info(Path(job.root))
    fresh = trained is None
    if trained:
        method = build_seeded(job, info, device)[1]
        load_weights(folder, method)
    else:
        train = partial(train_run, folder, job, info, device, world, on_event, stop)
        try:
            method, trained = train()
        except CheckpointError as error:
            if not job.retry:
                raise CheckpointError(error.message, _from_the_start(error, folder, job)) from error
            if world.is_main:
                set_aside(folder / CHECKPOINTS)
            method, trained = train()
        world.destroy()
        if trained is None or not world.is_main:
            return trained is not None
        save_model(folder, method, _config(job, info))
    trained = _complete(folder, job, info, trained)
    # What only a resume needs is several times the size of the weights.
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    record = _record_of(folder, job, fresh=fresh)
    if record is None:
        set_aside(folder / RECORD_FILE)  # of other weights, or damaged
    run = TrainedRun(folder=folder, job=job, info=info, trained=trained, device=device, begun=begun)
    on_event(Event(stage="scoring"))
    score_run(run, method, metrics, record, lambda *images: on_event(Event(images=images)), unmeasured)
    return True


def _require_same_code(job: Job) -> None:
    """Refuse to train under the key of other code, after a plugin or a file was edited while the bench was running."""
    try:
        now = train_key(job.recipe, world_size=job.processes, fetch=True)
    except KeyError:  # a plugin that is not installed here, which building the method reports
        return
    if now != job.train_key:
        raise ZooError(
            "the source or the version of a plugin, or a file that an option names, changed after this run was planned",
            "Run the zoo bench command again: it plans with what is there now",
        )


def _trained_before(folder: Path, job: Job) -> Trained | None:
    """Return what a finished training measured; None where the run must be trained."""
    trained = read_trained(folder, job.train_key)
    record = usable_record(folder, job)
    if trained is None and record and record.train_key == job.train_key and not job.retry:
        for fault in find_damage(folder, [WEIGHTS_FILE], required=[WEIGHTS_FILE]):
            raise DamagedError(str(fault), repair(folder, job.command))
    if trained is None and inference_options(job.recipe):
        return take_weights(folder, job.train_key)
    return trained


def _record_of(folder: Path, job: Job, *, fresh: bool) -> Record | None:
    """Return the record if its scores belong to the present weights, which were trained just now where `fresh`."""
    record = usable_record(folder, job)
    if record is None or record.train_key != job.train_key:
        return None
    scored = record.sha256.get(WEIGHTS_FILE)
    return record if (scored == digest_of(folder / WEIGHTS_FILE) if scored else not fresh) else None


def _complete(folder: Path, job: Job, info: DatasetInfo, trained: Trained) -> Trained:
    """Write `config.json` and `trained.json` where they are lost, damaged or incomplete; return the latter's content."""
    if not config_is_whole(folder, job.recipe):
        write_config(folder, _config(job, info))
    trained = replace(trained, sha256=digests(folder, MODEL))
    if read_trained_file(folder) != trained:
        write_json(folder / TRAINED_FILE, trained)
    return trained


def _config(job: Job, info: DatasetInfo) -> ModelConfig:
    return ModelConfig(recipe=job.recipe, dataset=info, plugins=provenance(job.recipe))


def _from_the_start(error: CheckpointError, folder: Path, job: Job) -> str:
    """Return how to fix checkpoints that cannot be used."""
    from_start = f"To set them aside and train from the start, run: {repair_command(job.command, folder)}"
    return f"{error.fix}. {from_start}" if error.fix else from_start
