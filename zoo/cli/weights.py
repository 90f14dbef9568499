"""Trained weights in `zoo list weights` and `zoo info NAME`. Imports no torch; listing does not import the Hub's client."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.output import note, print_facts, print_json, print_table, print_wrapped
from zoo.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from zoo.hookspec import Weights
    from zoo.hub.catalog import CatalogEntry
    from zoo.hub.remote import RemoteModel

WEIGHTS = "weights"
"""The argument of `zoo list`."""
MODEL_METAVAR = "NAME|RUN|ORG/REPO"
MODEL_HELP = "Trained weights (zoo list weights), a run folder, or org/repo[@revision]."
DEFAULT_MODEL = "pix2pix-scenes"
"""Weights in zoo's own wheel."""
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Offline = Annotated[bool, typer.Option("--offline", help="Load weights from the cache only.")]


def list_catalogue(pattern: str, *, include_unpublished: bool, as_json: bool) -> None:
    """Print the rows of the catalogue whose name matches a wildcard, as `zoo.list_weights` selects them.

    Raises:
        UsageError: none does.
    """
    from zoo.hub.catalog import catalog_entries

    found = catalog_entries(pattern)
    entries = [entry for entry in found if entry.is_published or include_unpublished]
    if as_json:
        return print_json([_row(entry) for entry in entries])
    more = f"zoo list weights {'' if pattern == '*' else f'{shlex.quote(pattern)} '}--all"
    if found and not entries:
        raise UsageError(f"no weights that match {pattern!r} are published yet", f"Run: {more}")
    if not entries:
        hint = did_you_mean(pattern.strip("*"), names()) or "Run: zoo list weights"
        raise UsageError(f"no weights match {pattern!r}", hint)
    rows = [(entry.name, entry.where, entry.weights.summary) for entry in entries]
    print_table(("weights", "where", "what it is"), rows)
    if hidden := len(found) - len(entries):
        note(f"{hidden} more {'are' if hidden > 1 else 'is'} not published yet: {more}")
    return None


def show(name: str, *, as_json: bool) -> bool:
    """Print weights of the catalogue, or a model on the Hub; return whether there are any with this name."""
    from zoo.hub.catalog import find_weights

    if entry := find_weights(name):
        print_json([_row(entry)]) if as_json else _print_entry(entry)
        return True
    from zoo.hub.addresses import repository

    pin = repository(name) if "/" in name else None
    if pin is None:
        return False
    from zoo.hub.access import Access
    from zoo.hub.remote import describe

    model = describe(pin, Access())
    print_json([model]) if as_json else _print_remote(model)
    return True


def names() -> list[str]:
    """Return the names of the catalogue."""
    from zoo.hub.catalog import catalog_entries

    return [entry.name for entry in catalog_entries()]


def _row(entry: CatalogEntry) -> dict[str, Any]:
    row = {field.name: getattr(entry.weights, field.name) for field in fields(entry.weights)}
    row |= {"scores": dict(entry.weights.scores), "intervals": dict(entry.weights.intervals)}
    row |= {"kind": WEIGHTS, "published": entry.is_published, "publish": entry.publish}
    return (
        row
        | {name: getattr(entry.plugin, name) for name in ("distribution", "version")}
        | {"plugin": entry.plugin.name}
    )


def _print_entry(entry: CatalogEntry) -> None:
    weights = entry.weights
    print_wrapped(f"weights {weights.name} — {weights.summary}", "  ")
    print_facts(
        {
            "from": f"{entry.plugin.distribution} {entry.plugin.version} (plugin {entry.plugin.name})",
            "where": entry.where,
            "commit": weights.revision,
            "sha256": weights.sha256,
            "size": _megabytes(weights.size),
            "license": weights.license,
            "dataset": weights.dataset,
            "recipe": weights.recipe,
            "scores": ", ".join(_score_text(weights, name) for name in weights.scores),
            "load": f"zoo.load({weights.name!r})" if entry.is_published else "",
            "train": weights.train,
            "publish": "" if entry.is_published else entry.publish,
        }
    )


def _score_text(weights: Weights, name: str) -> str:
    """Return e.g. `psnr (128 px, n 20) 20.78 dB [19.61, 21.95]`."""
    from zoo.evaluate.results import decimals

    unit = found[1] if (found := re.search(r" \[(\w+)\] ", name)) else ""
    digits = decimals(unit, weights.scores[name])
    text = f"{name.replace(f' [{unit}]', '')} {weights.scores[name]:.{digits}f} {unit}".rstrip()
    if name not in weights.intervals:
        return text
    low, high = weights.intervals[name]
    return f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


def _print_remote(model: RemoteModel) -> None:
    closed = [word for word, holds in (("private", model.private), ("gated", model.gated)) if holds]
    print_wrapped(f"{model.repo} — {model.architecture or 'not written by zoo'}", "  ")
    counts = ", ".join(f"{count:,} {kind}" for kind, count in model.parameters.items())
    print_facts(
        {
            "commit": model.revision,
            "access": ", ".join(closed),
            "file": f"{model.file}, {_megabytes(model.size)}",
            "sha256": model.sha256,
            "parameters": f"{counts} in {model.tensors} tensors",
            "zoo": model.zoo_version,
            "license": model.license,
            "datasets": ", ".join(model.datasets),
            "tags": ", ".join(model.tags),
            "scores": ", ".join(f"{label} {value:.4f}" for label, value in model.scores.items()),
            "load": f"zoo.load('{model.repo}@{model.revision}')",
        }
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size else ""
