"""One component in `zoo info`: its facts, its options with meanings and allowed values, and an example command."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any, get_type_hints

import typer

from zoo.choices import Choice
from zoo.cli.flags import with_flags
from zoo.cli.output import print_facts, print_wrapped
from zoo.errors import ZooError
from zoo.hookspec import INFERENCE, Kind, RecipeConfig
from zoo.option_types import allowed_values, changed_value, value_text
from zoo.registry import get_registry

CONTRACT = ("size_multiple", "min_size", "reads", "uses")
"""Fields of a contract that are printed as they are."""
FEATURES: Mapping[str, str] = MappingProxyType(
    {
        "compiles": "torch.compile",
        "exports": "torch.export",
        "taps": "intermediate features of a generator",
        "features": "intermediate features of a discriminator",
        "double_backward": "second derivatives",
        "independent_samples": "no statistics over the batch",
        "symmetric": "the same score for swapped images",
        "pairs": "aligned images",
        "celsius": "degrees of every pixel",
        "temperatures": "mean degrees of objects",
        "labels": "classes of pixels",
        "time": "the time of a diffusion process as input",
        "equal_channels": "visible and thermal images with as many channels",
        "source": "a copy of the dataset on this machine",
    }
)
"""Meanings of features that contracts name."""
BOUNDS: Mapping[str, str] = MappingProxyType(
    {
        "logits": "logits up to {}",
        "gradient": "gradient norm up to {}",
        "weights": "weights up to {}",
        "spectral_norm": "spectral norm up to {}",
        "penalty_free": "no penalty at a gradient norm of {}",
        "lowest": "lowest score {}",
        "highest": "highest score {}",
        "best": "{} for identical images",
    }
)
"""Meanings of bounds that contracts promise."""
SIDE = 256
"""Side in pixels of the images at which networks are counted whose layers depend on the image size."""
FLAGS = {"generator": "--gen", "discriminator": "--disc", "normalizer": "--norm", "dataset": "--data"}


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of a component."""

    name: str
    value: Any
    type: str
    """As the plugin's code writes it."""
    allowed: str
    """The values that it takes, in words."""
    meaning: str
    """The docstring below the field; empty where the code cannot be read."""
    inference: bool
    """Whether only translation reads it."""
    text: str
    """The value as it is written after the component's name."""


def details(choice: Choice) -> dict[str, Any]:
    """Return what `zoo info --json` prints of a component besides its name and plugin."""
    component, contract = choice.component, choice.contract
    parameters, fault = _parameters(choice)
    return {
        "config": choice.config,
        "options": options_of(choice),
        "example": example(choice),
        "target": component.target,
        "contract": {name: getattr(contract, name) for name in CONTRACT}
        | {"offers": sorted(contract.offers), "needs": sorted(contract.needs), "promises": dict(contract.promises)}
        | {"defaults": {kind: dict(values) for kind, values in contract.defaults.items()}},
        "epochs": _epochs(choice),
        "paper": component.paper,
        "license": component.license,
        "parameters": parameters,
        "fault": fault,
    }


def options_of(choice: Choice) -> list[Option]:
    """Return the options of a component in the order of its config."""
    hints, meanings = get_type_hints(type(choice.config), include_extras=True), _meanings(type(choice.config))
    return [
        Option(
            name=field.name,
            value=getattr(choice.config, field.name),
            type=str(field.type),
            allowed=allowed_values(hints[field.name]),
            meaning=meanings.get(field.name, ""),
            inference=INFERENCE in field.metadata,
            text=value_text(getattr(choice.config, field.name), hints[field.name]),
        )
        for field in fields(choice.config)
    ]


def _meanings(form: type) -> dict[str, str]:
    """Return the docstrings below a config's fields, inherited ones too; none where the code is not a readable file."""
    from zoo.report.records_schema import fields_of

    found: dict[str, str] = {}
    for base in reversed(form.__mro__):
        if is_dataclass(base):
            try:
                found |= {field.name: " ".join(field.meaning.split()) for field in fields_of(base)}
            except (
                OSError,
                SyntaxError,
                TypeError,
                ValueError,
            ):  # compiled, made at run time, or one of two definitions
                continue
    return found


def example(choice: Choice) -> str:
    """Return a command that uses a component with the options that were named, or else with a change of one of its own.

    It is empty for methods that are not trained.
    """
    kind, spec = choice.kind, f"{choice.name}{_options_text(choice)}"
    if kind == "dataset" and "source" in choice.contract.needs:
        return f"zoo data import {choice.name} FOLDER my_data"
    if kind == "method" and {"converted_weights", "predictions"} & choice.contract.needs:
        return ""
    if kind == "metric":
        return f"zoo score results/RUN --metrics {spec}"
    return f"zoo bench {_partner(choice)}{FLAGS.get(kind, f'--{kind}')} {spec}"


def _partner(choice: Choice) -> str:
    """Return the option that names a partner, where the one that a bench takes by default does not suit; else nothing."""
    inputs = _inputs(choice) if choice.kind in ("generator", "method") else set()
    partner: Kind = "method" if choice.kind == "generator" else "generator"
    suits = [each for each in get_registry().list(partner) if inputs and _inputs(each) >= inputs]
    return f"{FLAGS.get(partner, f'--{partner}')} {suits[-1].name} " if suits else ""


def _inputs(choice: Choice) -> set[str]:
    """Return the further inputs of generators that a method passes or a generator takes."""
    own = choice.contract.needs if choice.kind == "method" else choice.contract.inputs
    return set(own) & _generator_inputs()


def _generator_inputs() -> set[str]:
    return {name for each in get_registry().list("generator") for name in each.contract.inputs}


def _options_text(choice: Choice) -> str:
    shown = {one.name: one.text for one in options_of(choice) if one.name in choice.named}
    if not shown and choice.kind != "recipe":
        shown = dict(islice(_changes(choice), 1))
    return f":{','.join(f'{name}={text}' for name, text in shown.items())}" if shown else ""


def _changes(choice: Choice) -> Iterator[tuple[str, str]]:
    """Yield options of a component's own with another value than they have, which the component accepts."""
    hints = get_type_hints(type(choice.config), include_extras=True)
    for name in hints:
        value = None if name.endswith("_channels") else changed_value(getattr(choice.config, name, None), hints[name])
        if value is not None:
            with suppress(ZooError):  # widths of some networks are multiples of a number
                choice.with_options({name: value}, named=True)
                yield name, value_text(value)


def _epochs(choice: Choice) -> dict[str, int] | None:
    """Return the epochs of preset `paper` at the full learning rate and of decay; None for components that are not trained."""
    from zoo.presets import choose_preset

    if choice.kind == "method" and choice.contract.uses:
        system = RecipeConfig(method=choice.full_name)
        training = choice.contract.training
    elif choice.kind == "recipe":
        system = choice.config
        training = get_registry().find("method", system.method).contract.training
    else:
        return None
    preset = choose_preset("paper", system, training)
    assert preset.epochs is not None
    decay = int(preset.epochs * preset.decay)
    return {"constant": preset.epochs - decay, "decay": decay}


def _parameters(choice: Choice) -> tuple[int | None, str]:
    """Return the number of a network's parameters, which are not allocated, or why the network cannot be built."""
    if choice.kind not in ("generator", "discriminator"):
        return None, ""
    import torch

    from zoo.build import build

    try:
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in build(choice.for_size(SIDE)).parameters()), ""
    except ZooError as error:
        return None, with_flags(str(error))


def _sizes(choice: Choice) -> Iterator[str]:
    if choice.square_only:
        yield "squares"
    if choice.contract.size_multiple > 1:
        yield f"multiples of {choice.contract.size_multiple} px"


def _with_meanings(features: Collection[str]) -> str:
    return ", ".join(f"{name} ({FEATURES[name]})" if name in FEATURES else name for name in features)


def print_details(choice: Choice) -> None:
    """Print a component on lines that fit the terminal."""
    facts = details(choice)
    contract, epochs, promises = facts["contract"], facts["epochs"], facts["contract"]["promises"].items()
    print_wrapped(f"{choice.kind} {choice.full_name} — {choice.component.summary}", "  ")
    decay = f", {epochs['decay']} of decay" if epochs and epochs["decay"] else ""
    training = epochs and f"{epochs['constant']} at the full learning rate{decay} (preset paper)"
    at = f" for images of {SIDE} px" if choice.fixed_size else ""
    lines = {
        "from": f"{choice.plugin.distribution} {choice.plugin.version} ({facts['target']})",
        "paper": facts["paper"],
        "license": facts["license"],
        "parameters": f"{facts['parameters']:,}{at}" if facts["parameters"] is not None else "",
        "sizes": ", ".join(_sizes(choice)),
        "offers": _with_meanings(contract["offers"]),
        "needs": _with_meanings(contract["needs"]),
        "bounds": ", ".join(BOUNDS.get(name, f"{name} {{}}").format(f"{bound:g}") for name, bound in promises),
        "epochs": training or "",
        "fault": facts["fault"],
        "example": facts["example"],
    }
    print_facts(lines)
    _print_options(facts["options"])


def _print_options(options: Sequence[Option]) -> None:
    if options:
        typer.echo("options, written as NAME:OPTION=VALUE,OPTION=VALUE:")
    for one in options:
        mark = " (used in translation only)" if one.inference else ""
        print_wrapped(f"  {one.name}={one.text} ({one.allowed}){mark}", "    ")
        if one.meaning:
            print_wrapped(f"      {one.meaning}", "      ")
