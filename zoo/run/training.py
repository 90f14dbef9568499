"""Trains a run, and shows its course: events for progress bars, entries for trackers, and a sheet of sample images."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from PIL import Image

from zoo.build import build, build_method
from zoo.compute.networks import is_deep
from zoo.compute.options import choose_compute, parse_compute
from zoo.contracts import Method
from zoo.data.layout import DatasetInfo, read_info
from zoo.data.store import PairStore
from zoo.data.streaming import open_split
from zoo.environment import peak_memory
from zoo.evaluate.pictures import COLUMNS, sample_sheet
from zoo.evaluate.validation import validation_score
from zoo.files import beside, write_atomically
from zoo.model_folder import inference_state, save_last
from zoo.recipe import choice_of
from zoo.records.integrity import SAMPLES_FILE
from zoo.records.job import STARTS_FILE, Job
from zoo.records.record import Best
from zoo.records.trained import Trained
from zoo.run.execute import OnEvent
from zoo.run.progress import Event
from zoo.training.distributed import World
from zoo.training.engine import train
from zoo.training.loop import StepReport
from zoo.training.samples import Row, Samples
from zoo.training.seeds import seed_everything
from zoo.training.trackers import Trackers, read_trackers
from zoo.training.watch import Watch, unchanged

EVENT_EVERY = 0.2
"""Seconds between two events without losses: a display needs no more."""


def train_run(
    folder: Path,
    job: Job,
    info: DatasetInfo,
    device: torch.device,
    world: World,
    on_event: OnEvent,
    stop: Callable[[], bool],
) -> tuple[Method, Trained | None]:
    """Build the method of a run and train it from its last checkpoint; return both, or no result where it was stopped.

    Args:
        folder: of the run.
        job: how to execute it.
        info: of its dataset.
        device: of this process.
        world: the processes that train together.
        on_event: called at each stage and step.
        stop: checked before every step; when true the state is saved.

    Raises:
        CheckpointError: the last checkpoint cannot be used.
        ZooError: the training failed, or a file cannot be written.
    """
    recipe = job.recipe
    rng, method = build_seeded(job, info, device)
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
    contract = choice_of("method", recipe.method).contract
    store: list[PairStore] = []
    if method.order or "unfitted" not in contract.offers:
        images = f"{info.splits.get('train', 0)} {'pairs' if info.pairs else 'images'}"
        on_event(Event(stage=f"decoding {images}"))
        store.append(split(size=side))
        on_event(Event(stage="training" if method.order else "fitting"))
    with Course(folder, job, on_event) if world.is_main else nullcontext() as course:
        result = train(
            method,
            recipe,
            store.pop() if store else None,  # nothing here holds it, so that the training may let go of it
            folder=folder,
            train_key=job.train_key,
            device=device,
            rng=rng,
            paired="pairs" in contract.needs,
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
            return method, None
        if course:
            course.end(result.steps, method, rng)
    if result.last and world.is_main:
        save_last(folder, result.last)
    best = None
    if watch and watch.value is not None:
        best = Best(value=watch.value, step=watch.step, steps=result.steps)
    trained = Trained(
        train_key=job.train_key,
        seconds=result.seconds,
        resumed=resumed,
        losses=result.tail[-1].losses if result.tail else {},
        parameters=parameters,
        peak_memory=peak_memory(),
        speed=str(compute) if method.order else "",
        best=best,
    )
    return method, trained


def _parameters(method: Method) -> dict[str, int]:
    sizes = {name: sum(p.numel() for p in child.parameters()) for name, child in method.named_children()}
    trained = {id(p) for modules in method.networks().values() for module in modules for p in module.parameters()}
    needed = inference_state(method)
    translation = sum(p.numel() for name, p in method.named_parameters() if name in needed)
    total = sum(p.numel() for p in method.parameters() if id(p) in trained)
    return {name: size for name, size in sizes.items() if size} | {"translation": translation, "trained": total}


def build_seeded(job: Job, info: DatasetInfo, device: torch.device) -> tuple[torch.Generator, Method]:
    """Return a run's random stream and its method, whose weights are drawn from the seed."""
    rng = seed_everything(job.recipe.seed, device)
    return rng, build_method(job.recipe, info, rng, training=True)


class Course(AbstractContextManager["Course"]):
    """Receives the steps of a training in the main process.

    Args:
        folder: of the run; its `samples.png` is refreshed during the training.
        job: its recipe and trackers are used.
        on_event: receives steps.
    """

    def __init__(self, folder: Path, job: Job, on_event: OnEvent) -> None:
        self.samples = Samples(self._show)
        self._job, self._path, self._on_event, self._reported = job, folder / SAMPLES_FILE, on_event, 0.0
        names = read_trackers(job.tracker)
        self._trackers = Trackers(names, folder, job.recipe) if names else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._trackers:
            self._trackers.finish()

    def on_step(self, report: StepReport) -> None:
        """Pass a step on."""
        now, entry = time.monotonic(), report.entry
        if self._trackers:
            self._trackers.start(report.step)
            if entry:
                self._trackers.log(entry, report.rates)
        if entry or now - self._reported > EVENT_EVERY:
            self._reported = now
            self._on_event(Event(step=report.step, losses=entry.losses if entry else {}))

    def end(self, step: int, method: Method, rng: torch.Generator) -> None:
        """Send the trackers the images as the finished method translates them; without trackers the scoring shows more."""
        if not self._job.metrics:  # no scoring will replace the training images by test images
            self._path.unlink(missing_ok=True)
        if self._trackers:
            self._trackers.start(step)
            with unchanged(method, rng):
                self.samples.draw(step, method)

    def _show(self, rows: list[Row], step: int) -> None:
        with tempfile.TemporaryDirectory() as place, contextlib.suppress(OSError):
            sheet = Path(place) / SAMPLES_FILE
            sample_sheet(rows, sheet, COLUMNS)
            part = beside(self._path)
            part.write_bytes(sheet.read_bytes())
            part.replace(self._path)  # viewers see a whole picture
            if self._trackers:
                self._trackers.show(np.asarray(Image.open(sheet).convert("RGB")), step)


def open_watch(job: Job, device: torch.device) -> Watch:
    """Return what scores the training on validation images, as the recipe says."""
    plan, root = job.recipe.validation, Path(job.root)
    assert plan is not None
    metric = build(choice_of("metric", plan.metric))
    return Watch(
        plan, validation_score(job.recipe, read_info(root), root, metric, device), higher=metric.higher_is_better
    )


def count_start(folder: Path) -> int:
    """Count the starts of this run's training, in a file; an unreadable one counts as none."""
    path = folder / STARTS_FILE
    try:
        count = max(0, int(path.read_text())) + 1
    except (OSError, ValueError):
        count = 1
    write_atomically(path, str(count).encode())
    return count
