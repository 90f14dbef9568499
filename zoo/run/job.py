"""What a planned run is to do (`run.json`), and what its execution reports. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from zoo.checksums import find_damage, repair
from zoo.composition import digest
from zoo.content import files_of, source_of, with_contents
from zoo.errors import ZooError
from zoo.model_folder import WEIGHTS_FILE
from zoo.recipe import Part, Recipe
from zoo.registry import Choice
from zoo.run.record import RECORD_FILE, Record, read_json

T = TypeVar("T")

RUN_FILE, LOG_FILE, STARTS_FILE = "run.json", "run.log", "starts"
FORMER_FILE = "job.json"
"""What zoo 0.1 called `run.json`."""
TRAINED_FILE = "trained.json"
"""What the training measured; written after the weights, so that a cell killed while scoring does not train again."""
EXIT_INTERRUPTED = 130
METRICS = ("psnr", "ssim")
"""Metrics of a cell unless others are asked for."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """A metric that a cell is to be scored with."""

    metric: Part
    key: str
    """Hash of what decides the score: the weights, the split, the metric's version and options."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a cell is to do."""

    recipe: Recipe
    train_key: str
    metrics: dict[str, Scoring]
    """By the name that the score bears (`score_name`)."""
    root: str
    """The dataset's folder."""
    device: str
    command: str
    """The command line of the bench, for the record."""
    speed: str = "auto"
    """Ways to compute a step faster (`zoo.compute.options`)."""
    processes: int = 1
    """Processes that train the cell together."""
    threads: int | None = None
    """Threads of each process, on which the last bits of a training depend; None: as the libraries choose."""
    asked: int = 0
    """When, by the clock of the results folder, the bench began; what failed after that is not tried again."""
    retry: bool = False
    """Whether lost and damaged files are to be made again, by training where need be; unusable checkpoints are set aside."""
    expired: str = ""
    """Mark of a lease that the bench saw without a sign of life for so long that it is nobody's (`claim.expired`)."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a finished training measured."""

    train_key: str
    seconds: float
    resumed: int
    losses: dict[str, float]
    parameters: dict[str, int]
    peak_memory: dict[str, int | None]
    speed: str = ""
    """How the steps were computed, as `--compute` spells it; empty where that was not noted."""
    sha256: dict[str, str] = field(default_factory=dict)
    """SHA-256 of weights and config by file name; empty where that was not noted."""


Ending = Literal["done", "skipped", "leased", "interrupted", "failed"]
"""How an execution ended. `skipped`: there was nothing to do; `leased`: another process works on the run."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How an execution ended."""

    how: Ending
    reason: str = ""
    """Why it failed, in one line."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What an execution reports while it is under way."""

    what: Literal["stage", "step"]
    text: str = ""
    """Name of the stage."""
    step: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    """Weighted loss terms by name, when they were read at this step."""
    it_s: float | None = None


def read_job(folder: Path) -> Job:
    """Return a cell folder's job.

    Raises:
        ZooError: there is none, or it is damaged.
    """
    path = folder / RUN_FILE
    if not path.exists() and (folder / FORMER_FILE).exists():
        path = folder / FORMER_FILE
    job = read_json(path, Job, lambda: repair(folder))
    if job is None:
        raise ZooError(f"there is no `{path}`", repair(folder))
    return job


def read_trained(folder: Path, train_key: str) -> Trained | None:
    """Return what the folder's finished training measured, or None where this training is still to be done here.

    A record without `trained.json`, as others may publish it beside its weights, says the same. Weights that are not those that
    either of the two vouches for are as good as none.
    """
    if find_damage(folder, [WEIGHTS_FILE], required=[WEIGHTS_FILE]):
        return None
    found = [read_trained_file(folder), _of_record(_read_or_none(folder / RECORD_FILE, Record))]
    return next((trained for trained in found if trained and trained.train_key == train_key), None)


def read_trained_file(folder: Path) -> Trained | None:
    """Return what `trained.json` says; None where it is lost or damaged."""
    return _read_or_none(folder / TRAINED_FILE, Trained)


def _of_record(record: Record | None) -> Trained | None:
    if record is None:
        return None
    return Trained(
        train_key=record.train_key,
        seconds=record.timing.train_seconds,
        resumed=record.timing.resumed,
        losses=record.losses,
        parameters=record.parameters,
        peak_memory=record.peak_memory,
        speed=record.timing.speed,
        sha256=record.sha256,
    )


def _read_or_none(path: Path, kind: type[T]) -> T | None:
    try:
        return read_json(path, kind, "")
    except ZooError:
        return None


def score_name(choice: Choice) -> str:
    """Return what a metric's score is called: its name, and in brackets what sets its values apart from others of that name.

    That is the config's own `label()` where it has one, as in `fid[inception]`, else the options that are not the default, as in
    `ssim[border=valid]`.
    """
    label = getattr(choice.config, "label", None)
    if callable(label):
        return f"{choice.name}[{label()}]"
    usual, chosen = (msgspec.to_builtins(config) for config in (choice.component.config, choice.config))
    options = [f"{option}={_word(value)}" for option, value in chosen.items() if value != usual[option]]
    return f"{choice.name}[{','.join(options)}]" if options else choice.name


def scorings(choices: Sequence[Choice], train_key: str) -> dict[str, Scoring]:
    """Return the metrics that a cell with these weights is to be scored with, by the names of the scores."""
    found = {}
    for choice in choices:
        name, plugin = score_name(choice), choice.plugin
        part = Part(name=choice.full_name, config=msgspec.to_builtins(choice.config))
        hashed = replace(part, config=with_contents(part.config, files_of(part.config)))
        source = [source_of(plugin)] if source_of(plugin) else []
        found[name] = Scoring(metric=part, key=digest([train_key, "test", name, plugin.version, hashed, *source]))
    return found


def unscored(metrics: Mapping[str, Scoring], record: Record | None) -> dict[str, Scoring]:
    """Return those metrics that a record does not hold yet, or holds of other weights, options or versions."""
    scored = record.scored if record else {}
    return {name: scoring for name, scoring in metrics.items() if scored.get(name) != scoring.key}


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
