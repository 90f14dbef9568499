"""Trains and scores one run: build, train, save, score; alone or as one of several processes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from accelerate import PartialState

from zoo.build import build_method
from zoo.checksums import digest_of, digests, find_damage, repair, repair_command
from zoo.compute.networks import is_deep
from zoo.compute.options import choose_compute, parse_compute, pick_device
from zoo.contracts import Method
from zoo.data.layout import DatasetInfo, read_info
from zoo.data.streaming import open_split
from zoo.environment import inference_options, peak_memory, provenance
from zoo.errors import DamagedError, UsageError, ZooError
from zoo.keys import train_key
from zoo.model_folder import (
    WEIGHTS_FILE,
    ModelConfig,
    inference_state,
    load_weights,
    save_last,
    save_model,
    write_config,
)
from zoo.recipe import choice_of
from zoo.records.integrity import MODEL, config_is_whole, set_aside
from zoo.records.job import Job, scored_before, unscored, unscored_tests, without
from zoo.records.new_record import TrainedRun
from zoo.records.outcome import usable_record
from zoo.records.record import RECORD_FILE, Best, Record, write_json
from zoo.records.trained import TRAINED_FILE, Trained, read_trained, read_trained_file, take_weights
from zoo.run.course import Course, count_start, open_watch
from zoo.run.execute import OnEvent, Stop
from zoo.run.progress import Event
from zoo.scoring.runs import build_available, score_run
from zoo.training.checkpoint import CheckpointError
from zoo.training.distributed import World
from zoo.training.engine import train
from zoo.training.loop import CHECKPOINTS
from zoo.training.seeds import seed_everything


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
    rng, method = _build(job, info, device)
    fresh = trained is None
    if trained:
        load_weights(folder, method)
    else:
        try:
            trained = _train(folder, job, method, rng, device, world, on_event, stop)
        except CheckpointError as error:
            if not job.retry:
                raise CheckpointError(error.message, _from_the_start(error, folder, job)) from error
            if world.is_main:
                set_aside(folder / CHECKPOINTS)
            rng, method = _build(job, info, device)
            trained = _train(folder, job, method, rng, device, world, on_event, stop)
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
    score_run(run, method, metrics, record, lambda: on_event(Event(stage="scoring")), unmeasured)
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


def _build(job: Job, info: DatasetInfo, device: torch.device) -> tuple[torch.Generator, Method]:
    rng = seed_everything(job.recipe.seed, device)
    return rng, build_method(job.recipe, info, rng, training=True)


def _from_the_start(error: CheckpointError, folder: Path, job: Job) -> str:
    """Return how to fix checkpoints that cannot be used."""
    from_start = f"To set them aside and train from the start, run: {repair_command(job.command, folder)}"
    return f"{error.fix}. {from_start}" if error.fix else from_start


def _train(
    folder: Path,
    job: Job,
    method: Method,
    rng: torch.Generator,
    device: torch.device,
    world: World,
    on_event: OnEvent,
    stop: Callable[[], bool],
) -> Trained | None:
    recipe = job.recipe
    parameters = _parameters(method)
    side = recipe.load_size if method.order else recipe.size  # a closed-form fit sees what is scored, uncropped
    split = partial(
        open_split,
        Path(job.root),
        "train",
        device=device,
        thermal_channels=recipe.thermal_channels,
        reads=recipe.entries(),
    )
    resumed = count_start(folder) - 1 if world.is_main else 0
    wanted, steps = parse_compute(job.speed), recipe.budget.steps
    compute = choose_compute(wanted, device, steps=steps, processes=world.world_size, deep=is_deep(method))
    watch = open_watch(job, device) if recipe.validation and world.is_main else None
    on_event(Event(stage=_decoding(read_info(Path(job.root)))))
    store = [split(size=side)]
    on_event(Event(stage="training"))
    with Course(folder, job, on_event) if world.is_main else nullcontext() as course:
        result = train(
            method,
            recipe,
            store.pop(),  # nothing here holds it, so that the training may let go of it
            folder=folder,
            train_key=job.train_key,
            device=device,
            rng=rng,
            paired="pairs" in choice_of("method", recipe.method).contract.needs,
            on_step=course.on_step if course else lambda report: None,
            stop=stop,
            checkpoint_every=float(os.environ.get("ZOO_CHECKPOINT_SECONDS", "60")),
            log_every=max(1, min(50, recipe.budget.steps // 200)),
            keep_end=False,  # the weights are written next
            compute=compute,
            world=world,
            decay_store=None if recipe.decay_crop else partial(split, size=recipe.size),
            watch=watch,
            samples=course.samples if course else None,
        )
        if result.status == "interrupted":
            return None
        if course:
            course.end(result.steps, method, rng)
    if result.last and world.is_main:
        save_last(folder, result.last)
    return Trained(
        train_key=job.train_key,
        seconds=result.seconds,
        resumed=resumed,
        losses=result.tail[-1].losses if result.tail else {},
        parameters=parameters,
        peak_memory=peak_memory(),
        speed=str(compute) if method.order else "",
        best=Best(value=watch.value, step=watch.step, steps=result.steps)
        if watch and watch.value is not None
        else None,
    )


def _decoding(info: DatasetInfo) -> str:
    """Return the name of the stage in which the training split is read."""
    return f"decoding {info.splits.get('train', 0)} {'pairs' if info.pairs else 'images'}"


def _parameters(method: Method) -> dict[str, int]:
    sizes = {name: sum(p.numel() for p in child.parameters()) for name, child in method.named_children()}
    trained = {id(p) for modules in method.networks().values() for module in modules for p in module.parameters()}
    needed = inference_state(method)
    translation = sum(p.numel() for name, p in method.named_parameters() if name in needed)
    total = sum(p.numel() for p in method.parameters() if id(p) in trained)
    return {name: size for name, size in sizes.items() if size} | {"translation": translation, "trained": total}
