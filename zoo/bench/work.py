"""What a cell does once it is its turn: build, train, save, score; alone or as one of several processes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from accelerate import PartialState

from zoo.bench.cell import Stop, Tell
from zoo.bench.environment import peak_memory, provenance
from zoo.bench.job import TRAINED_FILE, Event, Job, Trained, read_trained, unscored
from zoo.bench.record import read_record, write_json
from zoo.bench.scoring import build_metrics, score_cell
from zoo.build import build_method, choice_of
from zoo.contracts import Method
from zoo.data.layout import read_info
from zoo.data.streaming import open_split
from zoo.errors import UsageError
from zoo.files import write_atomically
from zoo.train.engine import CHECKPOINTS, StepReport, TrainResult, train
from zoo.train.log import Reading
from zoo.train.networks import is_deep
from zoo.train.parallel import Processes
from zoo.train.seeds import seed_everything
from zoo.train.speed import choose_speed, parse_speed
from zoo.weights.folder import ModelConfig, inference_state, load_weights, save_model
from zoo.weights.loading import pick_device


def join(job: Job) -> tuple[torch.device, Processes]:
    """Return this process's device and its fellows, which `accelerate launch` started beside it.

    Raises:
        UsageError: the device is not there, or the number of processes is not the job's.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != job.processes:
        raise UsageError(
            f"this cell is trained by {job.processes} processes, and {started} were started",
            f"Type: accelerate launch --num_processes {job.processes} -m zoo.train FOLDER",
        )
    device = pick_device(job.device)
    if job.processes > 1:
        device = PartialState(cpu=device.type == "cpu").device
    return device, Processes(device, job.recipe.batch)


def work(
    folder: Path, job: Job, tell: Tell, stop: Stop, *, joined: tuple[torch.device, Processes] | None = None
) -> bool:
    """Do a cell's job, from wherever an earlier try left it, and return whether it is finished.

    Args:
        folder: of the cell; of several processes only the first one's need exist.
        job: what to do.
        tell: hears of stages and steps.
        stop: asked before every step; when true the state is saved.
        joined: what `join` returned, where it was called before.

    Raises:
        ZooError: the training or the scoring failed, or a file cannot be written.
    """
    begun = time.perf_counter()
    device, together = joined or join(job)
    # What is trained anew is also scored anew.
    trained = together.share(read_trained(folder, job.train_key) if together.first else None)
    if trained:
        together.leave()
        if not together.first:
            return True
    record = read_record(folder) if trained else None
    missing = unscored(job.metrics, record)
    metrics = build_metrics(missing)  # before the training, so that a metric that cannot be had is told now
    info = read_info(Path(job.root))
    rng = seed_everything(job.recipe.seed, device)
    method = build_method(job.recipe, info, rng, training=True)
    if trained:
        load_weights(folder, method)
    else:
        trained = _train(folder, job, method, rng, device, together, tell, stop)
        together.leave()
        if trained is None or not together.first:
            return trained is not None
        save_model(folder, method, ModelConfig(recipe=job.recipe, dataset=info, plugins=provenance(job.recipe)))
        write_json(folder / TRAINED_FILE, trained)
        # What only a resume needs is several times the size of the weights.
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    tell(Event(what="stage", text="scoring"))
    score_cell(folder, job, method, info, trained, device, metrics, record, begun)
    return True


def _train(
    folder: Path,
    job: Job,
    method: Method,
    rng: torch.Generator,
    device: torch.device,
    together: Processes,
    tell: Tell,
    stop: Callable[[], bool],
) -> Trained | None:
    recipe = job.recipe
    parameters = _parameters(method)
    side = recipe.load_size if method.order else recipe.size  # a closed-form fit sees what is scored, uncropped
    split = partial(open_split, Path(job.root), "train", device=device, thermal_channels=recipe.thermal_channels)
    resumed = _count_start(folder) - 1 if together.first else 0
    last_told = 0.0

    def on_step(report: StepReport) -> None:
        nonlocal last_told
        now = time.monotonic()
        if report.reading or now - last_told > 0.2:  # the parent's screen needs no more
            last_told = now
            reading = report.reading
            losses, speed = (reading.losses, reading.it_s) if reading else ({}, None)
            tell(Event(what="step", step=report.step, losses=losses, it_s=speed))

    tell(Event(what="stage", text="training"))
    wanted, steps = parse_speed(job.speed), recipe.budget.steps
    speed = choose_speed(wanted, device, steps=steps, processes=together.count, deep=is_deep(method))
    result = train(
        method,
        recipe,
        split(size=side),  # nothing here holds it, so that the training may let go of it
        folder=folder,
        train_key=job.train_key,
        device=device,
        rng=rng,
        paired="pairs" in choice_of("method", recipe.method).contract.needs,
        on_step=on_step,
        stop=stop,
        checkpoint_every=float(os.environ.get("ZOO_CHECKPOINT_SECONDS", "60")),
        log_every=max(1, min(50, recipe.budget.steps // 200)),
        keep_end=False,  # the weights are written next
        speed=speed,
        processes=together,
        decay_store=None if recipe.decay_crop else partial(split, size=recipe.size),
    )
    if result.status == "interrupted":
        return None
    return Trained(
        train_key=job.train_key,
        seconds=result.seconds,
        resumed=resumed,
        losses=_last_losses(result),
        parameters=parameters,
        peak_memory=peak_memory(),
        speed=str(speed) if method.order else "",
    )


def _parameters(method: Method) -> dict[str, int]:
    sizes = {name: sum(p.numel() for p in child.parameters()) for name, child in method.named_children()}
    trained = {id(p) for modules in method.players().values() for module in modules for p in module.parameters()}
    needed = inference_state(method)
    translation = sum(p.numel() for name, p in method.named_parameters() if name in needed)
    total = sum(p.numel() for p in method.parameters() if id(p) in trained)
    return {name: size for name, size in sizes.items() if size} | {"translation": translation, "trained": total}


def _count_start(folder: Path) -> int:
    """Count how often this cell's training was begun or taken up again."""
    path = folder / "starts"
    count = int(path.read_text()) + 1 if path.is_file() else 1
    write_atomically(path, str(count).encode())
    return count


def _last_losses(result: TrainResult) -> dict[str, float]:
    last: Reading | None = result.tail[-1] if result.tail else None
    return last.losses if last else {}
