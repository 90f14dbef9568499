"""`zoo list`, `zoo info`, `zoo plugins`: what exists. Imports no torch until sizes are asked for by `zoo info`."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

import typer

from zoo.cli import weights
from zoo.cli.completion import anything, kinds
from zoo.cli.flags import with_flags
from zoo.cli.output import print_json, print_table
from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.hookspec import KINDS, RecipeConfig
from zoo.plugins import SLOW_MS, Plugin, installed
from zoo.registry import Choice, Entry, get_registry
from zoo.terminal import one_line

LISTED = (*KINDS, weights.WEIGHTS)
_TIMM = "zoo list generator --timm"
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_(
    kind: Annotated[str | None, typer.Argument(autocompletion=kinds, help=f"One of: {', '.join(LISTED)}.")] = None,
    pattern: Annotated[str, typer.Argument(help="Wildcard, e.g. 'resnet*'; quote it.")] = "*",
    offers: Annotated[str | None, typer.Option(help="Only those that offer this, e.g. taps.")] = None,
    timm: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="timm's networks as encoders of a generator, by wildcard.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List components by kind and wildcard, or trained weights.

    Examples: zoo list · zoo list generator 'resnet*' · zoo list generator --timm 'convnext*' · zoo list weights '*-flir'
    """
    if kind == weights.WEIGHTS and timm is None and offers is None:
        return weights.list_catalogue(pattern, as_json=as_json)
    registry = get_registry()
    if timm is not None:
        if kind not in (None, "generator") or pattern != "*" or offers is not None:
            raise UsageError("--timm lists encoders of generators by a wildcard of its own", f"Type: {_TIMM} '{timm}'")
        return _list_timm(timm, as_json=as_json)
    if kind is not None and kind not in KINDS and pattern == "*":
        kind, pattern = _kind_or_pattern(kind)
    entries = [
        entry for entry in registry.list(kind, pattern) if offers is None or offers in _plain(entry).contract.offers
    ]
    if as_json:
        return print_json([_row(entry) for entry in entries])
    if not entries:
        raise UsageError(f"no {kind or 'component'} matches {pattern!r}", f"Type: zoo list {kind or ''}".strip())
    rows = [(entry.kind, entry.component.name, entry.plugin.name, entry.component.summary) for entry in entries]
    return print_table(("kind", "name", "plugin", "what it is"), rows)


def _list_timm(pattern: str, *, as_json: bool) -> None:
    """Print timm's networks as specs of the generator that takes them as its encoder; a pattern with a dot is of tagged names."""
    generator = get_registry().find("generator", "timm/unet").entry
    # Here, not above: timm imports torch and torchvision.
    from timm import is_model_pretrained, list_models

    names = list_models(pattern, include_tags="." in pattern)
    if not names:
        hint = did_you_mean(pattern.strip("*").partition(".")[0], list_models())
        raise UsageError(f"timm has no network whose name matches {pattern!r}", hint or f"Type: {_TIMM} '*'")
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
            help="A component, with options if you like; weights by name, or org/repo[@revision].",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show a component (options, contract, source) or trained weights (where they are, license, scores).

    Examples: zoo info resnet9_cbam · zoo info patchgan:layers=4 · zoo info layergan-thermalworld
    """
    try:
        choices = _named(name)
    except UsageError:
        if weights.show(name, as_json=as_json):
            return None
        raise
    if as_json:
        return print_json([_details(choice) for choice in choices])
    for choice in choices:
        _print_details(choice)
    return None


def plugins(
    why: Annotated[str | None, typer.Option("--why", metavar="NAME", help="Tell why this plugin is left out.")] = None,
    as_json: Json = False,
) -> None:
    """List plugins, with load times and what went wrong.

    Examples: zoo plugins · zoo plugins --why mynet
    """
    found = installed()
    if why is not None:
        found = tuple(plugin for plugin in found if plugin.name == why)
        if not found:
            names = [plugin.name for plugin in installed()]
            raise UsageError(f"no plugin is named {why!r}", did_you_mean(why, names) or "Type: zoo plugins")
    if as_json:
        return print_json([_plugin_row(plugin) for plugin in found])
    if why is not None:
        for plugin in found:
            _print_why(plugin)
        return None
    rows = [
        (
            plugin.name,
            f"{plugin.distribution} {plugin.version}",
            plugin.status,
            str(len(plugin.components)),
            f"{plugin.milliseconds:.1f}",
            _remark(plugin),
        )
        for plugin in found
    ]
    return print_table(("plugin", "from", "status", "parts", "ms", "note"), rows, right=("parts", "ms"))


def _remark(plugin: Plugin) -> str:
    """Return why a plugin is left out, or what it makes every command wait for."""
    heavy = f"imports {', '.join(plugin.heavy)} when listed" if plugin.heavy else ""
    slow = "slow: every command that looks up a part waits for it" if plugin.milliseconds >= SLOW_MS else ""
    return plugin.why or "; ".join(filter(None, (heavy, slow)))


def _print_why(plugin: Plugin) -> None:
    """Print what became of a plugin, with the trace where it raised."""
    typer.echo(f"{plugin.name} ({plugin.module}, {plugin.distribution} {plugin.version}): {plugin.status}")
    if plugin.why:
        typer.echo(plugin.why)
    if plugin.trace:
        typer.echo(plugin.trace.rstrip())


def _kind_or_pattern(word: str) -> tuple[str | None, str]:
    """Take `zoo list 'resnet*'` as a pattern over all kinds, and `zoo list generators` as the kind."""
    if word.endswith("s") and word[:-1] in KINDS:
        return word[:-1], "*"
    if any(mark in word for mark in "*?[") or get_registry().list(None, word):
        return None, word
    raise UsageError(
        f"{word!r} is neither a kind of component nor the name of one; the kinds are {', '.join(LISTED)}",
        did_you_mean(word, LISTED),
    )


def _named(name: str) -> list[Choice]:
    """Return the component of that name in every kind that has one, or a discriminator with its normalizer."""
    registry = get_registry()
    bare = name.partition(":")[0]
    found = [entry for entry in registry.list() if bare in (entry.component.name, entry.full_name)]
    if found:
        return [registry.find(entry.kind, name.replace(bare, entry.full_name, 1)) for entry in found]
    try:
        return list(registry.find_discriminator(name))
    except UsageError:
        known = {entry.component.name for entry in registry.list()}
        failed = [plugin.name for plugin in registry.plugins if plugin.status != "ok"]
        broken = f" (not loaded: {', '.join(failed)})" if failed else ""
        raise UsageError(
            f"no component and no weights are named {name!r}{broken}",
            did_you_mean(bare, {*known, *weights.names()}) or "Type: zoo list",
        ) from None


def _plain(entry: Entry) -> Choice:
    return Choice(entry=entry, config=entry.component.config)


def _row(entry: Entry) -> dict[str, Any]:
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


def _plugin_row(plugin: Plugin) -> dict[str, Any]:
    row = {field.name: getattr(plugin, field.name) for field in fields(plugin) if field.name != "rows"}
    return row | {
        "components": [f"{component.kind} {component.name}" for component in plugin.components],
        "weights": [weights.name for weights in plugin.rows.weights],
        "checkpoints": [layout.name for layout in plugin.rows.checkpoints],
    }


def _details(choice: Choice) -> dict[str, Any]:
    component, contract = choice.entry.component, choice.contract
    parameters, fault = _parameters(choice)
    return _row(choice.entry) | {
        "config": choice.config,
        "target": component.target,
        "contract": {
            "size_multiple": contract.size_multiple,
            "min_size": contract.min_size,
            "reads": contract.reads,
            "offers": sorted(contract.offers),
            "needs": sorted(contract.needs),
            "promises": dict(contract.promises),
            "uses": contract.uses,
            "defaults": {kind: dict(values) for kind, values in contract.defaults.items()},
        },
        "epochs": _epochs(choice),
        "paper": component.paper,
        "license": component.license,
        "parameters": parameters,
        "fault": fault,
    }


def _epochs(choice: Choice) -> dict[str, int] | None:
    """Return the epochs of preset `paper` at the full learning rate and of decay; None for what is not trained."""
    from zoo.composition import choose_preset  # here, because it imports what `zoo --help` must not wait for

    if choice.entry.kind == "method" and choice.contract.uses:
        system = RecipeConfig(method=choice.entry.full_name)
        training = choice.contract.training
    elif choice.entry.kind == "recipe":
        system = choice.config
        training = get_registry().find("method", system.method).contract.training
    else:
        return None
    preset = choose_preset("paper", system, training)
    assert preset.epochs is not None
    decay = int(preset.epochs * preset.decay)
    return {"constant": preset.epochs - decay, "decay": decay}


def _parameters(choice: Choice) -> tuple[int | None, str]:
    """Count a network's parameters without allocating them; if it cannot be built, say why."""
    if choice.entry.kind not in ("generator", "discriminator"):
        return None, ""
    import torch

    from zoo.build import build

    try:
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in build(choice).parameters()), ""
    except ZooError as error:
        return None, with_flags(str(error))


def _print_details(choice: Choice) -> None:
    details = _details(choice)
    typer.echo(f"{details['kind']} {details['full_name']} — {details['summary']}")
    epochs = details["epochs"]
    facts = {
        "from": f"{details['distribution']} {details['version']} ({details['target']})",
        "paper": details["paper"],
        "license": details["license"],
        "parameters": f"{details['parameters']:,}" if details["parameters"] is not None else "",
        "sizes": f"multiples of {choice.contract.size_multiple} px" if choice.contract.size_multiple > 1 else "",
        "offers": ", ".join(details["contract"]["offers"]),
        "needs": ", ".join(details["contract"]["needs"]),
        "promises": ", ".join(f"{name} {bound:g}" for name, bound in details["contract"]["promises"].items()),
        "paper runs": f"{epochs['constant']} epochs at the full learning rate, {epochs['decay']} of decay"
        if epochs
        else "",
        "fault": details["fault"],
    }
    for label, fact in facts.items():
        if fact:
            typer.echo(f"  {label:<11}{one_line(fact)}")
    rows = [(field.name, str(getattr(choice.config, field.name)), str(field.type)) for field in fields(choice.config)]
    if rows:
        print_table(("option", "value", "type"), rows)
