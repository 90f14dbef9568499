"""The record: the versioned JSON that a finished run leaves, and the failure that an unfinished one leaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from zoo.checksums import repair
from zoo.errors import DamagedError, ZooError
from zoo.evaluate.results import CelsiusErrors, Cost, Score
from zoo.files import write_atomically
from zoo.recipe import DataRef, Recipe
from zoo.sizes import Size, size_text
from zoo.version import DISTRIBUTION, __version__

T = TypeVar("T")

RECORD_FILE, FAILURE_FILE = "record.json", "failure.json"
TESTS_FOLDER = "tests"
"""Folder of a run with what it left on datasets that are not its recipe's."""
HEALTH = "health"
"""Entry of a record's `dataset`: the summary at the time of scoring; absent from records of zoo before it was noted."""
SCHEMA = 1
"""Newest schema of records, failures and plans that this zoo reads. It is raised when a field changes its meaning; a new field
with a default raises it not, and readers pass over fields that they do not know."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Times of a run, in seconds."""

    train_seconds: float
    """Of the training, over all its interruptions."""
    steps_per_second: float | None
    """Median over the log intervals, None where nothing was trained in steps."""
    score_seconds: float
    """Of the first scoring."""
    resumed: int
    """How often the training was taken up again after an interruption."""
    cell_seconds: float | None = None
    """Of all that the run's last execution did: build, decode, train, score, draw, write; without the start of its process."""
    speed: str = ""
    """How the steps were computed, as `--compute` spells it; empty where nothing was trained in steps or it was not noted."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best score of a training on its validation images; `recipe.validation` states the metric and the images."""

    value: float
    """The score."""
    step: int
    """Steps done when it was measured."""
    steps: int
    """Steps done in all: fewer than the budget where the validation ended the training."""


@dataclass(frozen=True, kw_only=True)
class Tested:
    """Scores of a run on a dataset that is not its recipe's."""

    data: DataRef
    """The dataset."""
    dataset: dict[str, Any]
    """Name, fingerprint, license, counts, and `health`, as in the record."""
    split: str = "test"
    """The split that was scored."""
    size: Size
    """Size in pixels (height and width) at which images were scored."""
    scores: list[Score]
    """One for each metric that applies."""
    scored: dict[str, str] = field(default_factory=dict)
    """Metrics that were applied, by the names of their scores, as in the record."""
    celsius: CelsiusErrors | None = None
    """Errors in degrees Celsius, where the dataset is calibrated in degrees."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know: an unpaired test split, a thermal range other than the training's."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a finished run measured, and all that is needed to measure it again."""

    schema: Literal[1] = 1
    """Version of this form."""
    recipe: Recipe
    """What was trained, every option spelled out."""
    train_key: str
    """Hash of what decides the weights: `recipe` without `inference_options`, `plugins`, `option_files` and `processes`."""
    score_key: str
    """Hash of all that was scored: of `scored`, where that is not empty."""
    command: str
    """The command that started the bench."""
    finished: str
    """UTC time, ISO 8601."""
    scores: list[Score]
    """One for each metric that applies."""
    scored: dict[str, str] = field(default_factory=dict)
    """Metrics that were applied, by the names of their scores: the hash of weights, split, version and options. One that cannot
    be applied to the data, as a metric of single images to unpaired ones, stands here and has no score."""
    unmeasured: dict[str, str] = field(default_factory=dict)
    """Metrics that could not be applied because a file or package of theirs is missing, by the names of their scores: the reason.
    A later `zoo bench` with them tries again."""
    celsius: CelsiusErrors | None = None
    """Errors in degrees Celsius, where the dataset is calibrated in degrees."""
    losses: dict[str, float]
    """Mean of each loss term over the last log interval."""
    parameters: dict[str, int]
    """Number of parameters by network; `translation` counts those that `translate` needs."""
    timing: Timing
    """Where the time went."""
    peak_memory: dict[str, int | None]
    """Bytes, of the process and of its accelerator."""
    best: Best | None = None
    """The best score on validation images; None where the recipe has none."""
    cost: Cost | None = None
    """What the translation of one image costs; None in records of zoo before it was measured, until they are scored again."""
    environment: dict[str, Any]
    """Machine, device and the versions of zoo, Python and the packages that numbers depend on; no path and no host."""
    plugins: dict[str, dict[str, str]]
    """Plugin, distribution and version of each part of the recipe, by kind, and `source`, a digest of the plugin's source, where
    it is not installed as a release."""
    option_files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of files that options of the recipe name or require, by `KIND.OPTION`: their contents decide the weights, not their
    paths. Published weights from which a training starts are at the option `pretrained`."""
    inference_options: list[str] = field(default_factory=list)
    """Options of the recipe that only translation reads, as `KIND.OPTION`: `scored` depends on them, `train_key` does not."""
    processes: int = 1
    """Processes that trained it together."""
    sha256: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the run's files by name: weights, config, scores and pictures (of folder `samples`: of all in it). Empty in
    records of zoo before it was noted."""
    dataset: dict[str, Any]
    """Name, fingerprint, license, counts, and `health`: what `zoo data check` had found; empty where it had not been run."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know: an unpaired test split, a later scoring, where the record was imported from."""
    source: str = ""
    """Where images that another program translated come from, in free text."""
    tests: list[Tested] = field(default_factory=list)
    """Scores on other datasets than the recipe's."""

    @property
    def data(self) -> DataRef:
        """The dataset that `scores` are of."""
        return self.recipe.data

    @property
    def shown_recipe(self) -> Recipe:
        """The recipe with the dataset, the split and the size that `scores` are of, by which runs are grouped and named."""
        return self.recipe


@dataclass(frozen=True, kw_only=True)
class View(Record):
    """A record as if the run had been scored on another dataset only; it is made by `views` and stored nowhere."""

    tested: Tested
    """The scores that the view has."""

    @property
    def data(self) -> DataRef:
        """The dataset that `scores` are of."""
        return self.tested.data

    @property
    def shown_recipe(self) -> Recipe:
        """The recipe with the dataset, the split and the size that `scores` are of."""
        return replace(self.recipe, data=self.tested.data, size=self.tested.size, split=self.tested.split)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run did not finish."""

    schema: Literal[1] = 1
    """Version of this form."""
    recipe: Recipe
    """What was to be trained."""
    reason: str
    """One line."""
    tail: str
    """The end of what the run printed."""
    retry: bool = False
    """Whether the next bench tries again by itself: the reason lies in the machine (disk, memory, device, a kill), not in the
    recipe."""


def views(record: Record) -> Iterator[Record]:
    """Yield one flat record per dataset that a run was scored on, its own first; readers use `Record.data` of each.

    A record without scores of its own that has scores on other datasets has no view on its own dataset.
    """
    if record.scores or not record.tests:
        yield record
    known = {one.name: getattr(record, one.name) for one in fields(Record)} | {"tests": []}
    for tested in record.tests:
        scored = {name: getattr(tested, name) for name in ("scores", "scored", "celsius", "dataset")}
        yield View(**{**known, **scored, "notes": [*record.notes, *tested.notes]}, tested=tested)


def is_of(tested: Tested, data: DataRef, size: Size, split: str = "test") -> bool:
    """Return whether scores are of this dataset, size and split."""
    return (tested.data.fingerprint, tested.size, tested.split) == (data.fingerprint, size, split)


def folder_of_test(folder: Path, tested: Tested) -> Path:
    """Return the folder of pictures and values of a run on a dataset that is not its recipe's."""
    name = re.sub(r"[^\w.-]", "_", tested.data.name)[:100]
    return folder / TESTS_FOLDER / f"{name}-{tested.data.fingerprint[:8]}-{tested.split}-{size_text(tested.size)}px"


def read_record(folder: Path) -> Record | None:
    """Return a run's record, or None where it has not finished.

    Raises:
        DamagedError: the record is damaged.
        ZooError: the record is of a newer schema.
    """
    return read_json(folder / RECORD_FILE, Record, lambda: repair(folder))


def read_failure(folder: Path) -> Failure | None:
    """Return why a run failed, or None where it did not, or where that can no longer be read: nothing depends on it."""
    try:
        return read_json(folder / FAILURE_FILE, Failure, "")
    except ZooError:
        return None


def write_json(path: Path, value: object) -> None:
    """Write a value as indented JSON, atomically.

    Raises:
        ZooError: the file cannot be written.
    """
    write_atomically(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def read_json(path: Path, kind: type[T], fix: str | Callable[[], str]) -> T | None:
    """Return the value in a file, or None where there is no such file.

    Args:
        path: the file.
        kind: dataclass of the value.
        fix: what to do where the file is damaged, or what returns that.

    Raises:
        DamagedError: the file is damaged.
        ZooError: it is of a newer schema.
    """
    content = b""
    try:
        content = path.read_bytes()
        return msgspec.json.decode(content, type=kind)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        newer = _schema(content)
        if newer > SCHEMA:
            found = f"`{path}` has schema {newer}, and zoo {__version__} reads schemas up to {SCHEMA}"
            raise ZooError(found, f"Upgrade zoo: pip install --upgrade {DISTRIBUTION}") from error
        reason = error.strerror if isinstance(error, OSError) else error
        raise DamagedError(f"`{path}` cannot be read: {reason}", fix if isinstance(fix, str) else fix()) from error


def _schema(content: bytes) -> int:
    """Return the schema that a file names; 0 where it names none."""
    try:
        schema = msgspec.json.decode(content, type=dict[str, Any]).get("schema", 0)
    except (ValueError, RecursionError):
        return 0
    return schema if isinstance(schema, int) else 0
