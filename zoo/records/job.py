"""The plan of a run (`run.json`), and the metrics that score it. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from zoo.checksums import is_run, repair
from zoo.choices import Choice
from zoo.composition import digest
from zoo.content import files_of, source_of, stated_options, with_contents
from zoo.errors import UsageError, ZooError
from zoo.keys import inference_values
from zoo.recipe import DataRef, Part, Recipe
from zoo.records.record import Record, Tested, is_of, read_json
from zoo.sizes import Size
from zoo.sources import DataSource

RUN_FILE, LOG_FILE, STARTS_FILE = "run.json", "run.log", "starts"
FORMER_FILE = "job.json"
"""Name of `run.json` in zoo 0.1."""
METRICS = ("psnr", "ssim")
"""Default metrics of a run."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """A metric to score a run with."""

    metric: Part
    key: str
    """Hash of what decides the score: the weights, the split, the metric's version and options, and the options of the method
    and its parts that only translation reads."""


@dataclass(frozen=True, kw_only=True)
class PlannedTest:
    """A dataset other than the recipe's to score a run on."""

    data: DataRef
    root: str
    """Its folder."""
    size: Size
    """Of the images, in pixels: the recipe's."""
    split: str = "test"
    metrics: dict[str, Scoring]
    """By the name of the score."""

    def find(self, tests: Iterable[Tested]) -> Tested | None:
        """Return the scores on this dataset, split and size; None where there are none."""
        return next((one for one in tests if is_of(one, self.data, self.size, self.split)), None)


def label_of(folder: Path) -> str:
    """Return the short name of a run for progress lines: its folder's, without the key."""
    return folder.name.rpartition("-")[0]


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One recipe of a grid, the data that it reads and the folder that it leaves."""

    recipe: Recipe
    source: DataSource
    folder: Path
    train_key: str
    processes: int = 1
    """That train it together."""
    tests: tuple[DataSource, ...] = ()
    """Datasets to score it on, in place of its own test split."""

    @property
    def scores_own(self) -> bool:
        """Whether it is scored on the test split of its own dataset."""
        return not self.tests or any(test.fingerprint == self.source.fingerprint for test in self.tests)

    @property
    def other_tests(self) -> list[DataSource]:
        """The datasets to score it on that are not its own."""
        return [test for test in self.tests if test.fingerprint != self.source.fingerprint]

    @property
    def label(self) -> str:
        """Short name for progress lines."""
        return label_of(self.folder)

    @cached_property
    def inference(self) -> dict[str, Any]:
        """Values of the options that only translation reads, by `KIND.OPTION`; empty for most methods."""
        return inference_values(self.recipe)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """How to execute a run: the content of `run.json`."""

    recipe: Recipe
    train_key: str
    metrics: dict[str, Scoring]
    """By the name of the score (`score_name`)."""
    root: str
    """The dataset's folder."""
    device: str = "auto"
    command: str = ""
    """The command line of the bench, for the record."""
    speed: str = "auto"
    """How to compute the steps (`zoo.compute.options`)."""
    processes: int = 1
    """Processes that train the run together."""
    threads: int | None = None
    """Threads of each process, on which the last bits of a training depend; None: as the libraries choose."""
    requested_at: int = msgspec.field(default=0, name="asked")
    """When the bench began, by the clock of the results folder; a failure after that is not tried again."""
    retry: bool = False
    """Whether to repair lost and damaged files, by training where needed, and to set unusable checkpoints aside."""
    tests: tuple[PlannedTest, ...] = ()
    """Other datasets to score the run on."""
    tracker: str = ""
    """Trackers that receive the course of the training (`zoo.training.trackers`), with commas between them."""


def plan_job(run: PlannedRun, metrics: Sequence[Choice]) -> Job:
    """Return what to train and score of a run; how to execute it are further fields of `Job`."""
    return Job(
        recipe=run.recipe,
        train_key=run.train_key,
        metrics=scorings(metrics, run.train_key, run.inference) if run.scores_own else {},
        root=str(run.source.root.resolve()),
        processes=run.processes,
        tests=tuple(
            PlannedTest(
                data=test.ref,
                root=str(test.root.resolve()),
                size=run.recipe.size,
                metrics=scorings(metrics, key_of_test(run.train_key, test.ref, run.recipe.size), run.inference),
            )
            for test in run.other_tests
        ),
    )


def join_plans(before: Job, now: Job) -> Job:
    """Return a plan with the scores of an earlier plan of the same run added."""
    tests = {test.data.fingerprint: test for test in before.tests}
    for test in now.tests:
        known = tests.get(test.data.fingerprint, test)
        tests[test.data.fingerprint] = replace(test, metrics={**known.metrics, **test.metrics})
    return msgspec.structs.replace(now, metrics={**before.metrics, **now.metrics}, tests=tuple(tests.values()))


def find_run(folder: Path) -> Path:
    """Return a run's folder, also where only the end of its name is given, as `zoo status` prints it.

    Raises:
        UsageError: there is no such run; the message names similar ones.
    """
    if is_run(folder):
        return folder
    results = folder.parent
    names = sorted(path.name for path in results.iterdir() if is_run(path)) if results.is_dir() else []
    found = [name for name in names if name.endswith(folder.name)]
    if len(found) == 1 and not folder.exists():
        return results / found[0]
    missing = f"`{folder}` is no run" if folder.exists() else f"there is no run `{folder}`"
    near = [name for name in names if folder.name in name] or get_close_matches(folder.name, names, cutoff=0.4)
    if near:
        raise UsageError(missing, f"Did you mean {' or '.join(str(results / name) for name in near[:3])}?")
    if folder.suffix == ".toml":
        raise UsageError(missing, f"A grid file is run by: zoo bench {folder}")
    inside = folder.is_dir() and any(map(is_run, folder.iterdir()))
    raise UsageError(missing, f"Runs are shown by: zoo status {folder if inside else results if names else 'RESULTS'}")


def read_job(folder: Path) -> Job:
    """Return the plan of a run's folder.

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


def score_name(choice: Choice) -> str:
    """Return the name of a metric's score, with the options that change its values in brackets.

    These are the config's own `label()` where it has one, as in `fid[inception]`, else the options that differ from the default,
    as in `ssim[border=valid]`.
    """
    label = getattr(choice.config, "label", None)
    if callable(label):
        return f"{choice.name}[{label()}]"
    usual, chosen = (msgspec.to_builtins(config) for config in (choice.component.config, choice.config))
    options = [f"{option}={_word(value)}" for option, value in chosen.items() if value != usual[option]]
    return f"{choice.name}[{','.join(options)}]" if options else choice.name


def key_of_test(train_key: str, data: DataRef, size: Size, split: str = "test") -> str:
    """Return what replaces a run's train key in `scorings` where it is scored on another dataset."""
    return digest([train_key, data.fingerprint, split, size])


def scorings(
    choices: Sequence[Choice], train_key: str, inference: Mapping[str, Any] | None = None
) -> dict[str, Scoring]:
    """Return the metrics to score a run with these weights and options of translation with, by the names of the scores."""
    found = {}
    for choice in choices:
        name, plugin = score_name(choice), choice.plugin
        part = Part(name=choice.full_name, config=msgspec.to_builtins(choice.config))
        stated = stated_options(choice.config)
        hashed = replace(part, config=with_contents(stated, files_of(stated)))
        more = [each for each in (source_of(plugin), inference) if each]
        found[name] = Scoring(metric=part, key=digest([train_key, "test", name, plugin.version, hashed, *more]))
    return found


def unscored(metrics: Mapping[str, Scoring], record: Record | None) -> dict[str, Scoring]:
    """Return the metrics whose scores a record lacks, or has from other weights, options or versions."""
    scored = record.scored if record else {}
    return {name: scoring for name, scoring in metrics.items() if scored.get(name) != scoring.key}


def unscored_tests(tests: Sequence[PlannedTest], record: Record | None) -> list[PlannedTest]:
    """Return the other datasets on which a record lacks scores, each with the metrics that it lacks."""
    lacking = []
    for test in tests:
        found = test.find(record.tests) if record else None
        scored = found.scored if found else {}
        metrics = {name: one for name, one in test.metrics.items() if scored.get(name) != one.key}
        lacking += [replace(test, metrics=metrics)] if metrics else []
    return lacking


def scored_before(job: Job, record: Record | None) -> bool:
    """Whether a record has some of the scores that a job requests."""
    requested = len(job.metrics) + sum(len(test.metrics) for test in job.tests)
    lacking = len(unscored(job.metrics, record)) + sum(len(test.metrics) for test in unscored_tests(job.tests, record))
    return lacking < requested


def without(job: Job, names: Collection[str]) -> Job:
    """Return a job that scores with all its metrics but these."""

    def rest(metrics: Mapping[str, Scoring]) -> dict[str, Scoring]:
        return {name: scoring for name, scoring in metrics.items() if name not in names}

    tests = tuple(replace(test, metrics=rest(test.metrics)) for test in job.tests)
    return msgspec.structs.replace(job, metrics=rest(job.metrics), tests=tests)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
