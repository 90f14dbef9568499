"""Sends a training's losses, rates, scores and images to TensorBoard, W&B and others, through accelerate. Imports no torch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.recipe import Recipe
from zoo.training.log import LogEntry
from zoo.version import DISTRIBUTION

if TYPE_CHECKING:
    import numpy as np
    from accelerate.tracking import GeneralTracker
    from numpy.typing import NDArray

TRACKERS = ("aim", "clearml", "comet_ml", "dvclive", "mlflow", "swanlab", "tensorboard", "trackio", "wandb")
"""Those of accelerate, each also the name of its Python package."""
PROJECT = "zoo"

log = logging.getLogger(__name__)


def read_trackers(names: str) -> tuple[str, ...]:
    """Return trackers that are named with commas between them.

    Raises:
        UsageError: one is unknown or not installed.
    """
    found = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in found:
        if name not in TRACKERS:
            raise UsageError(
                f"no tracker is named {name!r}", did_you_mean(name, TRACKERS) or f"Use {', '.join(TRACKERS)}"
            )
        if not find_spec(name):
            package = f"'{DISTRIBUTION}[trackers]'" if name == "tensorboard" else name.replace("_", "-")
            raise UsageError(f"tracker {name} is not installed", f"Run: pip install {package}")
    return found


class Trackers:
    """What receives the course of one training; nothing is opened before the first step.

    A tracker that fails later, as without a connection, is left out from then on with a warning: it never ends a training.

    Args:
        names: from `read_trackers`.
        folder: of the run; trackers name the run after it.
        recipe: sent once, flattened.
    """

    def __init__(self, names: Sequence[str], folder: Path, recipe: Recipe) -> None:
        self._names, self._folder, self._recipe = names, folder, recipe
        self._open: dict[str, GeneralTracker] | None = None

    def start(self, step: int) -> None:
        """Open the trackers, of which the first entry will be of this step, unless they are open.

        Raises:
            ZooError: one cannot be opened.
        """
        if self._open is not None:
            return
        self._open = {}
        for name in self._names:
            try:
                self._open[name] = _opened(name, self._folder, step)
                self._open[name].store_init_configuration(flat_recipe(self._recipe))
            except Exception as error:  # whatever another package raises without a login, a server or a disk
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                raise ZooError(f"tracker {name} cannot be opened: {reason}", "Leave `tracker` out") from error

    def log(self, entry: LogEntry, rates: Mapping[str, float]) -> None:
        """Send losses, learning rates, speed and, where it was measured, the score on validation images."""
        values = {f"loss/{name}": value for name, value in entry.losses.items()}
        values |= {f"lr/{name}": rate for name, rate in rates.items()} | {"steps_per_second": entry.it_s}
        if entry.validation is not None and self._recipe.validation:
            metric = self._recipe.validation.metric.name.rpartition("/")[2]
            values[f"validation/{metric}"] = entry.validation
        self._each(lambda tracker: tracker.log(values, step=entry.step))

    def show(self, sheet: NDArray[np.uint8], step: int) -> None:
        """Send a sheet of sample images [H, W, 3] to those trackers that take images."""

        def send(tracker: Any) -> None:
            if hasattr(tracker, "log_images"):
                options = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
                tracker.log_images({"samples": sheet[None]}, step=step, **options)

        self._each(send)

    def finish(self) -> None:
        """Close the trackers."""
        self._each(lambda tracker: tracker.finish())

    def _each(self, action: Callable[[Any], object]) -> None:
        for name, tracker in list((self._open or {}).items()):
            try:
                action(tracker)
            except Exception as error:
                assert self._open is not None
                del self._open[name]
                log.warning("tracker %s failed and is left out from here on: %s: %s", name, type(error).__name__, error)


def flat_recipe(recipe: Recipe) -> dict[str, bool | int | float | str]:
    """Return a recipe as names with dots and plain values: `method.config.lr`."""
    flat: dict[str, bool | int | float | str] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                add(f"{name}.{key}" if name else key, inner)
        else:
            flat[name] = value if isinstance(value, bool | int | float | str) else msgspec.json.encode(value).decode()

    add("", msgspec.to_builtins(recipe))
    return flat


def _opened(name: str, folder: Path, step: int) -> GeneralTracker:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    kind: Any = LOGGER_TYPE_TO_CLASS[name]
    # Steps that are repeated after a resume replace what was sent of them.
    options: dict[str, dict[str, Any]] = {
        "tensorboard": {"purge_step": step},
        "wandb": {"name": folder.name, "id": folder.name[-60:], "dir": str(folder), "resume": "allow"},
        "trackio": {"name": folder.name},
        "swanlab": {"experiment_name": folder.name},
        "dvclive": {"dir": str(folder / "dvclive")},
        "mlflow": {"run_name": folder.name},
    }
    first = name if name == "tensorboard" else PROJECT  # the subfolder of the run; a project elsewhere
    tracker: GeneralTracker
    if name in ("tensorboard", "aim"):
        tracker = kind(first, folder, **options.get(name, {}))
    else:
        tracker = kind(first, **options.get(name, {}))
    tracker.start()
    return tracker
