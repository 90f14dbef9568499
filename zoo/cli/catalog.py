"""`zoo list` and `zoo info`: components and trained weights. Only `zoo info` of a network imports torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo.choices import Choice
from zoo.cli import component, weights
from zoo.cli.completion import anything, kinds
from zoo.cli.output import Json, print_json, print_table
from zoo.errors import UsageError, did_you_mean
from zoo.hookspec import KINDS
from zoo.registry import get_registry

LISTED = (*KINDS, weights.WEIGHTS)
_TIMM = "zoo list generator --timm"


def list_(
    kind: Annotated[str | None, typer.Argument(autocompletion=kinds, help=f"One of: {', '.join(LISTED)}.")] = None,
    pattern: Annotated[str, typer.Argument(help="Wildcard, e.g. 'resnet*'; quote it.")] = "*",
    offers: Annotated[str | None, typer.Option(help="Only components that offer this, e.g. taps.")] = None,
    timm: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="timm's networks as encoders of a generator, by wildcard.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also weights that are not published yet.")] = False,
    as_json: Json = False,
) -> None:
    """List components by kind and wildcard, or trained weights.

    Examples: zoo list · zoo list generator 'resnet*' · zoo list generator --timm 'convnext*' · zoo list weights --all '*-flir'
    """
    if kind == weights.WEIGHTS and timm is None and offers is None:
        return weights.list_catalogue(pattern, include_unpublished=all_, as_json=as_json)
    if all_:
        raise UsageError("--all lists weights that are not published yet", "Run: zoo list weights --all")
    registry = get_registry()
    if timm is not None:
        if kind not in (None, "generator") or pattern != "*" or offers is not None:
            raise UsageError("--timm lists encoders of generators and takes its own wildcard", f"Run: {_TIMM} '{timm}'")
        return _list_timm(timm, as_json=as_json)
    if kind is not None and kind not in KINDS and pattern == "*":
        kind, pattern = _kind_or_pattern(kind)
    entries = [entry for entry in registry.list(kind, pattern) if offers is None or offers in entry.contract.offers]
    if as_json:
        return print_json([_row(entry) for entry in entries])
    if not entries:
        raise UsageError(f"no {kind or 'component'} matches {pattern!r}", f"Run: zoo list {kind or ''}".strip())
    rows = [(entry.kind, entry.component.name, entry.plugin.name, entry.component.summary) for entry in entries]
    return print_table(("kind", "name", "plugin", "what it is"), rows)


def _list_timm(pattern: str, *, as_json: bool) -> None:
    """Print timm's networks as specs of the generator that uses them as encoders; a pattern with a dot matches tagged names."""
    generator = get_registry().find("generator", "timm/unet")
    from timm import is_model_pretrained, list_models

    names = list_models(pattern, include_tags="." in pattern)
    if not names:
        hint = did_you_mean(pattern.strip("*").partition(".")[0], list_models())
        raise UsageError(f"timm has no network whose name matches {pattern!r}", hint or f"Run: {_TIMM} '*'")
    rows = [
        _row(generator)
        | {"name": f"{generator.full_name}:encoder={name}", "encoder": name, "pretrained": is_model_pretrained(name)}
        for name in names
    ]
    if as_json:
        return print_json(rows)
    table = [(row["name"], "yes" if row["pretrained"] else "") for row in rows]
    return print_table(("name", "published weights"), table)


def info(
    name: Annotated[
        str,
        typer.Argument(
            autocompletion=anything,
            help="A component, optionally as kind/name and with options; weights, or org/repo[@revision]; a run's folder.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show a component or trained weights: options with their meanings, contract, source; repository, license, scores.

    Examples: zoo info resnet9_cbam · zoo info patchgan:layers=4 · zoo info recipe/flow · zoo info layergan-thermalworld
    """
    if os.sep in name and Path(name).is_dir():
        return _show_folder(Path(name), as_json=as_json)
    kind, name = _split_kind(name)
    try:
        choices = _named(name, kind)
    except UsageError:
        if kind not in KINDS and weights.show(name, as_json=as_json):
            return None
        raise
    if as_json:
        return print_json([_row(choice) | component.details(choice) for choice in choices])
    for choice in choices:
        component.print_details(choice)
    return None


def _show_folder(folder: Path, *, as_json: bool) -> None:
    """Print what a run's model is."""
    from zoo.translation.loading import load

    if as_json:
        raise UsageError(f"`{folder}` is a run's folder, which has its facts as JSON", f"Read {folder / 'record.json'}")
    typer.echo(repr(load(folder, device="cpu")))


def _kind_or_pattern(word: str) -> tuple[str | None, str]:
    """Return a kind and a pattern for one word: `resnet*` is a pattern over all kinds, `generators` a kind."""
    if word.removesuffix("s") in KINDS:
        return word.removesuffix("s"), "*"
    if any(mark in word for mark in "*?[") or get_registry().list(None, word):
        return None, word
    raise UsageError(
        f"{word!r} is neither a kind of component nor the name of one; the kinds are {', '.join(LISTED)}",
        did_you_mean(word, LISTED),
    )


def _split_kind(name: str) -> tuple[str | None, str]:
    """Return the kind of `generator/resnet9` and the name after it; without a kind None. A plugin's name is no kind."""
    first, _, rest = name.partition("/")
    kind = next((kind for kind in LISTED if first in (kind, f"{kind}s")), None)
    bare = name.partition(":")[0]
    if kind is None or not rest or any(entry.full_name == bare for entry in get_registry().list()):
        return None, name
    return kind, rest


def _named(name: str, kind: str | None) -> list[Choice]:
    """Return the components of a kind, or of all, with this name, or a discriminator with its normalizer."""
    registry = get_registry()
    bare = name.partition(":")[0]
    listed = [] if kind == weights.WEIGHTS else registry.list(kind)
    found = [entry for entry in listed if bare in (entry.component.name, entry.full_name)]
    if found:
        return [registry.find(entry.kind, name.replace(bare, entry.full_name, 1)) for entry in found]
    if kind in (None, "discriminator") and registry.is_discriminator(name):
        return list(registry.find_discriminator(name))
    known = {entry.component.name for entry in listed}
    if kind not in KINDS:
        known |= set(weights.names())
    failed = [plugin.name for plugin in registry.plugins if plugin.status != "ok"]
    what = f"no {kind} is" if kind in KINDS else "no weights are" if kind else "no component and no weights are"
    broken = f" (not loaded: {', '.join(failed)})" if failed else ""
    fix = did_you_mean(bare, known) or f"Run: zoo list {kind or ''}".strip()
    raise UsageError(f"{what} named {name!r}{broken}", fix)


def _row(entry: Choice) -> dict[str, Any]:
    component = entry.component
    return {
        "kind": component.kind,
        "name": component.name,
        "full_name": entry.full_name,
        "summary": component.summary,
        "plugin": entry.plugin.name,
        "distribution": entry.plugin.distribution,
        "version": entry.plugin.version,
    }
