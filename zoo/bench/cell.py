"""One cell, as a process: `python -m zoo.bench.cell FOLDER` trains, scores and leaves the record.

It reads `job.json`, writes events as JSON lines to its standard output, and stops with its state saved when its standard
input ends, which also happens when the bench that started it is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec
import torch

from zoo.bench.environment import peak_memory, provenance
from zoo.bench.job import (
    EXIT_INTERRUPTED,
    LOCK_FILE,
    TRAINED_FILE,
    Event,
    Job,
    Trained,
    read_job,
    read_trained,
    unscored,
)
from zoo.bench.record import FAILURE_FILE, Failure, read_record, write_json
from zoo.bench.scoring import build_metrics, score_cell
from zoo.build import build_method, choice_of
from zoo.contracts import Method
from zoo.data.layout import read_info
from zoo.data.store import PairStore
from zoo.errors import ZooError
from zoo.files import cannot_write, locked, write_atomically
from zoo.train.engine import CHECKPOINTS, StepReport, TrainResult, train
from zoo.train.log import Reading
from zoo.train.losses import TrainingError
from zoo.train.seeds import seed_everything
from zoo.weights.folder import ModelConfig, inference_state, load_weights, save_model
from zoo.weights.translator import pick_device

Tell = Callable[[Event], None]


def run_cell(folder: Path, tell: Tell, stop: Callable[[], bool]) -> bool:
    """Do a cell's job, from wherever an earlier try left it, and return whether it is finished.

    Raises:
        ZooError: the training or the scoring failed, or a file cannot be written.
    """
    job = read_job(folder)
    tell(Event(what="stage", text="waiting"))
    with locked(folder / LOCK_FILE, give_up=stop) as held:
        if not held:
            return False
        record = read_record(folder)
        missing = unscored(job.metrics, record)
        if not missing:
            return True
        tell(Event(what="stage", text="loading"))
        metrics = build_metrics(missing)  # before the training, so that a metric that cannot be had is told now
        device = pick_device(job.device)
        info = read_info(Path(job.root))
        rng = seed_everything(job.recipe.seed, device)
        method = build_method(job.recipe, info, rng, training=True)
        trained = read_trained(folder, job)
        if trained:
            load_weights(folder, method)
        else:
            if stop():
                return False
            trained = _train(folder, job, method, rng, device, tell, stop)
            if trained is None:
                return False
            save_model(folder, method, ModelConfig(recipe=job.recipe, dataset=info, plugins=provenance(job.recipe)))
            write_json(folder / TRAINED_FILE, trained)
            # The weights are safe; what only a resume needs is several times their size.
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        tell(Event(what="stage", text="scoring"))
        score_cell(folder, job, method, info, trained, device, metrics, record)
        (folder / FAILURE_FILE).unlink(missing_ok=True)
        return True


def _train(
    folder: Path,
    job: Job,
    method: Method,
    rng: torch.Generator,
    device: torch.device,
    tell: Tell,
    stop: Callable[[], bool],
) -> Trained | None:
    recipe = job.recipe
    parameters = _parameters(method)
    side = recipe.load_size if method.order else recipe.size  # a closed-form fit sees what is scored, uncropped
    store = PairStore.open(Path(job.root), "train", size=side, device=device, thermal_channels=recipe.thermal_channels)
    resumed = _count_start(folder) - 1
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
    result = train(
        method,
        recipe,
        store,
        folder=folder,
        train_key=job.train_key,
        device=device,
        rng=rng,
        paired="pairs" in choice_of("method", recipe.method).contract.needs,
        on_step=on_step,
        stop=stop,
        checkpoint_every=float(os.environ.get("ZOO_CHECKPOINT_SECONDS", "60")),
        log_every=max(1, min(50, recipe.budget.steps // 200)),
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


def main() -> int:
    """Run the cell whose folder is the first argument; events go to stdout, everything that is printed to stderr."""
    events = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    threading.Thread(target=_wait_for_end_of_input, args=(stopping,), daemon=True).start()

    def tell(event: Event) -> None:
        try:
            events.write(msgspec.json.encode(event) + b"\n")
        except BrokenPipeError:
            stopping.set()  # the bench is gone

    folder = Path(sys.argv[1])
    try:
        return 0 if run_cell(folder, tell, stopping.is_set) else EXIT_INTERRUPTED
    except TrainingError as error:
        return _fail(folder, tell, str(error), str(error), retry=False)
    except ZooError as error:
        return _fail(folder, tell, str(error), str(error))
    except OSError as error:
        failure = cannot_write(Path(error.filename or folder), error)
        return _fail(folder, tell, str(failure), traceback.format_exc())
    except MemoryError:
        return _fail(
            folder, tell, "the machine's memory is used up. Type a smaller --size or --batch", traceback.format_exc()
        )
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return _fail(folder, tell, reason, traceback.format_exc(), retry=False)


def _wait_for_end_of_input(stopping: threading.Event) -> None:
    # The bare descriptor: a thread inside `sys.stdin` would hold its lock when the interpreter shuts down.
    while os.read(0, 1024):
        pass
    stopping.set()


def _fail(folder: Path, tell: Tell, reason: str, tail: str, *, retry: bool = True) -> int:
    traceback.print_exc()
    tell(Event(what="failed", text=reason))
    try:
        write_json(
            folder / FAILURE_FILE, Failure(recipe=read_job(folder).recipe, reason=reason, tail=tail, retry=retry)
        )
    except ZooError as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
