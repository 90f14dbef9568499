"""The files to publish of a finished run: verified weights, the card, and the record without the paths of this machine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePath

import msgspec

from zoo.checksums import is_run, repair, require_undamaged, sha256_of
from zoo.composition import digest
from zoo.errors import DamagedError, UsageError, ZooError
from zoo.evaluate.results import Score, metric_heading
from zoo.files import write_atomically
from zoo.hookspec import Weights
from zoo.hub.card import card, summary_of
from zoo.hub.card_data import CardFacts, eval_results, license_of
from zoo.hub.model_names import known_system, slug
from zoo.hub.publish import EVAL_FILE, OPTIONAL
from zoo.model_folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, ModelConfig, load_weights, read_config
from zoo.records.code_changes import code_changes
from zoo.records.integrity import SAMPLES_FILE
from zoo.records.record import RECORD_FILE, Record, read_failure, read_record
from zoo.report.html.commands import row_command
from zoo.sizes import Size, size_text

PATH = re.compile(r"(^|[=,])((?:~\w*|\.{0,2})/[^=,]*)")
"""A path, alone in a word or as the value of an option; names such as `timm/unet` are not paths."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A run in its published form."""

    repo: str
    """`ORG/NAME`."""
    files: Mapping[str, Path | bytes]
    """By path in the repository."""
    row: Weights
    """The row of the catalogue, without the commit."""


def prepare(folder: Path, repo: str, *, license: str = "") -> Publication:
    """Return the files to publish of a finished run, after checking that its weights fit its config.

    Args:
        folder: of the run.
        repo: `ORG/NAME`.
        license: of the weights, by its name on the Hub; by default the training data's, where the Hub has it.

    Raises:
        UsageError: the folder is not a finished run.
        ZooError: its files are damaged, do not belong together, or hold values that are not finite.
    """
    record, config = _read(folder)
    require_undamaged(folder, [SAMPLES_FILE])
    _verify(folder, record, config)
    # Commands that reproduce this run alone and contain no path of this machine.
    notes = [re.sub(r"`(zoo [^`]*)`", lambda match: f"`{_without_paths(match[1])}`", note) for note in record.notes]
    record = replace(record, command=_without_paths(row_command(record)), notes=notes)
    weights, samples = folder / WEIGHTS_FILE, folder / SAMPLES_FILE
    facts = CardFacts(
        repo=repo,
        record=record,
        data=config.dataset,
        license=license or license_of(config.dataset),
        sha256=sha256_of(weights),
        size=weights.stat().st_size,
        sampled=samples.is_file(),
    )
    files: dict[str, Path | bytes] = {
        CONFIG_FILE: (folder / CONFIG_FILE).read_bytes(),
        WEIGHTS_FILE: weights,
        CARD_FILE: card(facts).encode(),
        RECORD_FILE: msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n",
    }
    if facts.sampled:
        files[SAMPLES_FILE] = samples
    if results := eval_results(facts):
        files[EVAL_FILE] = results.encode()
    return Publication(repo=repo, files=files, row=_row(facts))


def write_publication(publication: Publication, folder: Path) -> None:
    """Write the files that publishing to a new repository would commit.

    Raises:
        UsageError: the folder holds other files.
        ZooError: it cannot be written.
    """
    known = {*publication.files, *OPTIONAL}
    existing = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    others = sorted(existing - known)
    if others or folder.is_file():
        what = f"holds {others[0]}, which is not published" if others else "is a file"
        raise UsageError(f"`{folder}` {what}", "Use another `out`")
    for name, content in publication.files.items():
        write_atomically(folder / name, content if isinstance(content, bytes) else content.read_bytes())
    for name in OPTIONAL:
        if name not in publication.files:
            (folder / name).unlink(missing_ok=True)


def row_text(row: Weights) -> str:
    """Return a row of the catalogue as Python code for a plugin's `zoo_weights`."""
    values = {each.name: getattr(row, each.name) for each in fields(row) if getattr(row, each.name) != each.default}
    shown = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items() if value}
    return "Weights(\n" + "".join(f"    {name}={value!r},\n" for name, value in shown.items()) + ")"


def _read(folder: Path) -> tuple[Record, ModelConfig]:
    """Return a finished run's record and config, which must belong to one training."""
    record = read_record(folder) if folder.is_dir() else None
    if record is None:
        raise _no_run(folder)
    config = read_config(folder)
    if digest(record.recipe) != digest(config.recipe):
        raise ZooError(f"`{folder}`: {CONFIG_FILE} and {RECORD_FILE} belong to two trainings", repair(folder))
    return record, config


def _no_run(folder: Path) -> UsageError:
    """Return the error to show for a folder without a record."""
    if not folder.is_dir():
        return UsageError(f"`{folder}` is not a folder", "Name a run folder, e.g. results/RUN")
    if not (folder / CONFIG_FILE).is_file() and (failure := read_failure(folder)):
        return UsageError(f"`{folder}` failed and cannot be published: {failure.reason}", repair(folder))
    if runs := sorted(path.parent for path in folder.glob(f"*/{RECORD_FILE}")):
        fix = f"Name one, e.g. {runs[0]}, or publish all: zoo publish --from {folder} --org ORG"
        return UsageError(f"`{folder}` holds {len(runs)} runs", fix)
    fix = repair(folder) if is_run(folder) else "Name a run folder, e.g. results/RUN"
    return UsageError(f"`{folder}` has no {RECORD_FILE}: it is not a finished run", fix)


def _verify(folder: Path, record: Record, config: ModelConfig) -> None:
    """Build the network, load every tensor into it, and refuse values that are not finite."""
    import torch

    from zoo.build import build_method
    from zoo.model_folder import inference_state

    with torch.random.fork_rng(devices=[]):
        method = build_method(config.recipe, config.dataset, torch.Generator(), training=False)
    try:
        load_weights(folder, method)
    except DamagedError:
        raise
    except ZooError as error:
        if changes := code_changes(record):
            fix = "Publish from an environment with the code of its training, or run the bench again to train again"
            raise ZooError(f"`{folder}` was trained with other code: {'; '.join(changes)}", fix) from error
        raise
    state = inference_state(method)
    bad = [name for name, tensor in state.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if bad:
        raise ZooError(
            f"`{folder / WEIGHTS_FILE}` has values that are not finite, in {bad[0]} ({len(bad)} of {len(state)} tensors)",
            "Such weights are not published; train again, with another seed or a lower learning rate",
        )


def _without_paths(command: str) -> str:
    """Return a command with each path replaced by its last part."""
    try:
        words = shlex.split(command)
    except ValueError:  # not a command of a shell
        return "zoo bench"
    return shlex.join(PATH.sub(lambda match: match[1] + PurePath(match[2]).name, word) for word in words)


def _row(facts: CardFacts) -> Weights:
    record, known = facts.record, known_system(facts.record.recipe)
    named = {_score_name(score, record.recipe.size): score for score in record.scores}
    return Weights(
        name=slug(facts.name),
        summary=f"{summary_of(record)}; {facts.data.name}, {size_text(record.recipe.size)} px",
        train=record.command,
        dataset=facts.data.name,
        recipe=known[0] if known else "",
        repo=facts.repo,
        sha256=facts.sha256,
        size=facts.size,
        license=facts.license or facts.data.license,
        scores={name: score.value for name, score in named.items()},
        intervals={
            name: (score.low, score.high)
            for name, score in named.items()
            if score.low is not None and score.high is not None
        },
    )


def _score_name(score: Score, size: Size) -> str:
    """Return e.g. `psnr [dB] (128 px, n 20)`."""
    return f"{metric_heading(score.metric, score.unit)} ({size_text(size)} px, n {score.n})"
