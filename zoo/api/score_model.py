"""Scores a trained run or a model, on its own dataset with more metrics or on another one (zero-shot)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import torch

from zoo.checksums import digest_of
from zoo.choices import Choice
from zoo.compatibility import check_sizes, check_transfer
from zoo.composition import digest
from zoo.compute.options import pick_device
from zoo.contracts import Method
from zoo.data.layout import DatasetInfo
from zoo.environment import peak_memory
from zoo.errors import UsageError, ZooError
from zoo.files import require_writable
from zoo.hookspec import Kind
from zoo.hub.access import Access
from zoo.hub.download import locate
from zoo.keys import train_key
from zoo.model_folder import ModelConfig, read_config
from zoo.recipe import Recipe, choice_of, choices_of
from zoo.records.job import Job, PlannedRun, PlannedTest, Scoring, key_of_test, scorings, unscored_tests
from zoo.records.lease import require_lease
from zoo.records.new_record import TrainedRun, first_record
from zoo.records.outcome import Outcome, Status
from zoo.records.record import RECORD_FILE, Record, View, read_record, views, write_json
from zoo.records.trained import Trained
from zoo.run.execute import read_planned, run_one
from zoo.run.grid import choose_metrics
from zoo.scoring.real_images import require_split
from zoo.scoring.runs import build_metrics, score_elsewhere
from zoo.sizes import Size
from zoo.sources import DataSource, open_source
from zoo.terminal import periodic_note
from zoo.translation.loading import load, require_parts


def score_model(
    target: str | Path,
    data: str,
    *,
    split: str,
    size: Size | None,
    specs: Sequence[str],
    out: Path,
    device: str,
    command: str,
    retry: bool,
) -> list[Outcome]:
    """Score a model; of a run the scores go into its record, of a bare model into the record of a new folder.

    Args:
        target: a run folder, a name of the catalogue, or a repository on the Hub.
        data: a dataset; empty: that of the run.
        split: of the dataset.
        size: height and width of the images; None: those of the training.
        specs: metrics with options.
        out: results folder of new folders.
        device, command: for the work and the record.
        retry: measure these metrics again where they are scored; on the run's own test images only repair files.

    Raises:
        UsageError: there is no such model, dataset or split.
        RefusedError: the model cannot translate this dataset.
        ZooError: the weights are damaged, or another process works on the run.
    """
    folder = Path(target)
    record = read_record(folder) if folder.is_dir() else None
    if record and record.recipe.program:
        raise UsageError(
            f"`{folder}` holds scores of images of {record.recipe.program}, and no model",
            "Score images of that program on the other dataset",
        )
    if not data and not (folder / RECORD_FILE).is_file():
        raise UsageError(f"`{target}` is no folder with a run's record", "Name the dataset: `data`=DATASET")
    located = locate(target, Access())
    config = read_config(located.folder, located.file)
    require_parts(config, located)
    _ = list(choices_of([config.recipe]))  # parts that only training needs: without them there is no key
    recipe = replace(config.recipe, size=size or config.recipe.size)
    source = open_source(data, size=recipe.size) if data else read_planned(folder)[0].source
    require_split(source, split)
    seen = replace(recipe, data=source.ref)
    own = config.recipe.data.fingerprint, config.recipe.size, "test"
    if record and (seen.data.fingerprint, seen.size, split) == own:
        return [_score_own(folder, specs, device=device, retry=retry)]
    _require_suited(seen, config.dataset, source)
    key = record.train_key if record else train_key(config.recipe)
    if not record:
        require_writable(out)
        folder = out / f"{_slug(target)}-{digest([key, digest_of(located.folder / located.file)])[:8]}"
    run = PlannedRun(recipe=seen, source=source, folder=folder, train_key=key)
    choices = choose_metrics(specs, [run])
    test = PlannedTest(
        data=source.ref,
        root=str(source.root),
        size=seen.size,
        split=split,
        metrics=scorings(choices, key_of_test(key, source.ref, seen.size, split), run.inference),
    )
    return [_score_other(run, test, target, config, device=device, command=command, retry=retry)]


def _score_own(folder: Path, specs: Sequence[str], *, device: str, retry: bool) -> Outcome:
    """Add metrics to a run on its own test images; with `retry` lost and damaged files are repaired, as `zoo bench` does."""
    run, job = read_planned(folder, retry=retry)
    choices = choose_metrics(specs, [run])
    metrics = scorings(choices, run.train_key, run.inference)
    ended = run_one(run, msgspec.structs.replace(job, metrics=metrics, device=device))
    if ended.status not in ("done", "skipped"):
        raise ZooError(ended.reason or "interrupted; the same command continues")
    return Outcome(run=run, status=ended.status, record=read_record(folder))


def _score_other(
    run: PlannedRun,
    test: PlannedTest,
    target: str | Path,
    config: ModelConfig,
    *,
    device: str,
    command: str,
    retry: bool,
) -> Outcome:
    """Score on another dataset than that of the training, into `Record.tests`; with `retry` measure all metrics again."""

    def missing(record: Record | None) -> dict[str, Scoring]:
        lacking = unscored_tests([test], None if retry else record)
        return lacking[0].metrics if lacking else {}

    record = read_record(run.folder)
    if record and not missing(record):
        return _outcome(run, test, "skipped", record)
    built, where = build_metrics(missing(record)), pick_device(device)
    method = load(target, device=device).method
    with require_lease(run.folder):
        record = read_record(run.folder) or _bare_record(run, config, method, where, command)
        lacking = missing(record)  # again: others may have scored
        built |= build_metrics({name: one for name, one in lacking.items() if name not in built})
        chosen = {name: built[name] for name in lacking}
        log = periodic_note()
        tests = score_elsewhere(
            run.folder,
            record.tests,
            test,
            run.recipe,
            method,
            config.dataset,
            chosen,
            where,
            lambda done, total: log(f"zoo: scored {done:,} of {total:,} images of {test.data.name}"),
        )
        record = replace(record, tests=tests)
        write_json(run.folder / RECORD_FILE, record)
    return _outcome(run, test, "done", record)


def _bare_record(run: PlannedRun, config: ModelConfig, method: Method, device: torch.device, command: str) -> Record:
    """Return the record of a model that was trained elsewhere, without scores."""
    parameters = {"translation": sum(weights.numel() for weights in method.parameters())}
    trained = Trained(train_key=run.train_key, parameters=parameters, peak_memory=peak_memory())
    job = Job(recipe=config.recipe, train_key=run.train_key, metrics={}, root="", command=command)
    record = first_record(TrainedRun(folder=run.folder, job=job, info=config.dataset, trained=trained, device=device))
    return replace(
        record, score_key=digest([]), notes=[*record.notes, "The model was trained elsewhere; only scores are here."]
    )


def _outcome(run: PlannedRun, test: PlannedTest, status: Status, record: Record) -> Outcome:
    """Return how a scoring ended, with the view of the record on its dataset."""
    found = [view for view in views(record) if isinstance(view, View) and test.find([view.tested])]
    return Outcome(run=run, status=status, record=found[0])


def _require_suited(recipe: Recipe, trained: DatasetInfo, source: DataSource) -> None:
    """Refuse a dataset without an entry or a class that the model reads, or a size that its networks do not take."""
    parts: dict[Kind, Choice] = {
        kind: choice_of(kind, part) for kind, part in recipe.parts.items() if kind in ("method", "generator")
    }
    check_sizes(parts, recipe.size)
    check_transfer(parts, trained, source)


def _slug(target: str | Path) -> str:
    """Return a model's name as the beginning of a folder's name."""
    return re.sub(r"[^\w.-]+", "_", str(target).rstrip("/").rpartition("/")[2]) or "model"
