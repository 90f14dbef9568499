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
from zoo.recipe import DataRef, Recipe, choice_of
from zoo.run.grid import PlannedRun
from zoo.run.job import Job, Scoring, Trained, key_of_test, scorings
from zoo.run.lease import lease
from zoo.run.new_record import first_record
from zoo.run.outcome import Outcome, Status
from zoo.run.record import RECORD_FILE, Record, Tested, View, is_of, read_record, views, write_json
from zoo.run.runner import choose_metrics
from zoo.run.scoring import build_metrics, score_elsewhere
from zoo.run.single import read_planned, run_one
from zoo.sources import DataSource, open_source
from zoo.translation.loading import load


def score_model(
    target: str | Path,
    data: str,
    *,
    split: str,
    size: int | None,
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
        size: of the images; None: that of the training.
        specs: metrics with options.
        out: results folder of new folders.
        device, command: for the work and the record.
        retry: score again what is scored.

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
    if not data:
        return [_score_own(folder, specs, device=device, retry=retry)]
    located = locate(target, Access())
    config = read_config(located.folder, located.file)
    recipe = config.recipe
    source = open_source(data, size=size or recipe.size)
    splits = source.info.splits
    if not splits.get(split):
        raise UsageError(f"dataset {source.name} has no split {split!r}", f"Its splits are: {', '.join(splits)}")
    seen = replace(
        recipe,
        data=DataRef(name=source.name, config=source.config, fingerprint=source.fingerprint),
        size=size or recipe.size,
    )
    if record and (seen.data.fingerprint, seen.size, split) == (recipe.data.fingerprint, recipe.size, "test"):
        return [_score_own(folder, specs, device=device, retry=retry)]
    _require_suited(seen, config.dataset, source)
    key = record.train_key if record else train_key(recipe)
    if not record:
        require_writable(out)
        folder = out / f"{_slug(target)}-{digest([key, digest_of(located.folder / located.file)])[:8]}"
    run = PlannedRun(recipe=seen, source=source, folder=folder, train_key=key)
    choices = choose_metrics(specs, [run])
    metrics = scorings(choices, key_of_test(key, source.ref, seen.size, split), run.inference)
    return [_score_other(run, metrics, target, config, split, device=device, command=command, retry=retry)]


def _score_own(folder: Path, specs: Sequence[str], *, device: str, retry: bool) -> Outcome:
    """Add metrics to a run on its own dataset."""
    if not (folder / RECORD_FILE).is_file():
        raise UsageError(f"`{folder}` is a model without a run's record", "Name the dataset: `data`=DATASET")
    read_config(folder)  # it refuses a folder that holds scores only
    run, job = read_planned(folder, retry=retry)
    choices = choose_metrics(specs, [run])
    metrics = scorings(choices, run.train_key, run.inference)
    ended = run_one(run, msgspec.structs.replace(job, metrics=metrics, device=device))
    if ended.status not in ("done", "skipped"):
        raise ZooError(ended.reason or "interrupted; the same command continues")
    return Outcome(run=run, status=ended.status, record=read_record(folder))


def _score_other(
    run: PlannedRun,
    metrics: dict[str, Scoring],
    target: str | Path,
    config: ModelConfig,
    split: str,
    *,
    device: str,
    command: str,
    retry: bool,
) -> Outcome:
    """Score on another dataset than that of the training, into `Record.tests`."""
    before = None if not run.folder.is_dir() else read_record(run.folder)
    tested = (
        next((one for one in before.tests if is_of(one, run.recipe.data, run.recipe.size, split)), None)
        if before
        else None
    )
    scored = tested.scored if tested and not retry else {}
    missing = {name: scoring for name, scoring in metrics.items() if scored.get(name) != scoring.key}
    if before and not missing:
        return _outcome(run, "skipped", before, split)
    built, where = build_metrics(missing), pick_device(device)
    method = load(target, device=device).method
    run.folder.mkdir(parents=True, exist_ok=True)
    with lease(run.folder) as held:
        if held is None:
            raise ZooError(f"another process works on `{run.folder}`", "Wait until it is done")
        empty = Tested(data=run.recipe.data, dataset={}, split=split, size=run.recipe.size, scores=[])
        kept = [score for score in tested.scores if score.metric in scored] if tested else []
        now = replace(
            score_elsewhere(
                run.folder,
                replace(tested or empty, scores=kept),
                run.recipe,
                method,
                config.dataset,
                run.source.root,
                built,
                where,
            ),
            scored=scored | {name: scoring.key for name, scoring in missing.items()},
        )
        record = before or _bare_record(run, config, method, where, command)
        record = replace(record, tests=[*(one for one in record.tests if one is not tested), now])
        write_json(run.folder / RECORD_FILE, record)
    return _outcome(run, "done", record, split)


def _bare_record(run: PlannedRun, config: ModelConfig, method: Method, device: torch.device, command: str) -> Record:
    """Return the record of a model that was trained elsewhere, without scores."""
    trained = Trained(
        train_key=run.train_key,
        seconds=0.0,
        resumed=0,
        losses={},
        parameters={"translation": sum(weights.numel() for weights in method.parameters())},
        peak_memory=peak_memory(),
    )
    job = Job(recipe=config.recipe, train_key=run.train_key, metrics={}, root="", command=command)
    record = first_record(run.folder, job, config.dataset, trained, device, None, 0.0)
    return replace(
        record, score_key=digest([]), notes=[*record.notes, "The model was trained elsewhere; only scores are here."]
    )


def _outcome(run: PlannedRun, status: Status, record: Record, split: str) -> Outcome:
    """Return how a scoring ended, with the view of the record on its dataset."""
    found = [
        view
        for view in views(record)
        if isinstance(view, View) and is_of(view.tested, run.recipe.data, run.recipe.size, split)
    ]
    return Outcome(run=run, status=status, record=found[0])


def _require_suited(recipe: Recipe, trained: DatasetInfo, source: DataSource) -> None:
    """Refuse a dataset without an entry or a class that the model reads, or a size that its networks do not take.

    Raises:
        RefusedError: it is one of these.
    """
    parts: dict[Kind, Choice] = {
        kind: choice_of(kind, part) for kind, part in recipe.parts.items() if kind in ("method", "generator")
    }
    check_sizes(parts, recipe.size)
    check_transfer(parts, trained, source)


def _slug(target: str | Path) -> str:
    """Return a model's name as the beginning of a folder's name."""
    return re.sub(r"[^\w.-]+", "_", str(target).rstrip("/").rpartition("/")[2]) or "model"
