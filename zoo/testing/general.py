"""Checks of every kind: it is built, its config is plain data, and unknown options are refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import msgspec
import torch
from torch import nn

from zoo.build import build
from zoo.choices import Choice
from zoo.contracts import Dataset, Discriminator, Generator, Method, Normalizer
from zoo.testing.checks import CheckError
from zoo.testing.harness import NetworkHarness, harness_of

BASES: dict[str, type] = {base.__name__.lower(): base for base in (Generator, Discriminator, Normalizer, Method)}
METRIC = ("name", "higher_is_better", "unit", "protocol")
PLAIN = "Give it fields of int, float, str, bool, tuple, None and Literal; name everything else by a string"
UNKNOWN = "no_such_option"
USUAL = 256
"""Side in pixels at which papers train."""


def builds(choice: Choice) -> str:
    """Build the part with the options of `small`, and a network also with all of its own; return its parameters."""
    is_network = choice.kind in ("generator", "discriminator")
    part = harness_of(choice).build() if is_network or choice.kind == "method" else build(choice)
    _require_interface(part, choice)
    return f"{_parameters_of_full(choice):,} parameters" if is_network else type(part).__name__


def config(choice: Choice) -> str:
    """Send the config to JSON and back, as it is and with the options of `small`; return its fields."""
    kind = type(choice.config)
    fields = inspect.signature(kind).parameters
    positional = [name for name, field in fields.items() if field.kind is not inspect.Parameter.KEYWORD_ONLY]
    if positional:
        found = f"{', '.join(positional)} of {kind.__name__} may be given by position or are taken by no field"
        fix = f"Write @dataclass(frozen=True, kw_only=True) above class {kind.__name__}, without an __init__ of its own"
        raise CheckError("a config whose fields are given by name", found, fix)
    try:
        replace(choice.component.config, **choice.component.small)
    except Exception as error:  # of any type
        fix = "Correct `small` in the row"
        raise CheckError("`small` to hold options that the config takes", " ".join(str(error).split()), fix) from error
    for one in (choice.component.config, choice.config):
        wanted = f"{kind.__name__} to be the same after JSON"
        try:
            again = msgspec.json.decode(msgspec.json.encode(one), type=kind)
        except msgspec.ValidationError as error:
            found = str(error).replace(" - at `$.", " for `")
            raise CheckError(wanted, found, "Give the field a default of its type") from error
        except Exception as error:  # of any type
            raise CheckError(wanted, " ".join(str(error).split()), PLAIN) from error
        if again != one:
            name = next(name for name in fields if getattr(again, name) != getattr(one, name))
            raise CheckError(wanted, f"{name}={getattr(one, name)!r} became {getattr(again, name)!r}", PLAIN)
    return f"{len(fields)} options"


def options(choice: Choice) -> str:
    """Pass an unknown option to the config and the part, which both must refuse."""
    kind = type(choice.config)
    try:
        kind(**{UNKNOWN: 1})
    except Exception:  # of any type
        pass
    else:
        expected = "an unknown option to be refused, so that a typo is seen"
        fix = "Let the dataclass make its own __init__, without **kwargs"
        raise CheckError(expected, f"{kind.__name__}({UNKNOWN}=1) was accepted", fix)
    module, _, name = choice.component.target.partition(":")
    target: Callable[..., Any] = getattr(import_module(module), name)
    parameters = inspect.signature(target).parameters.values()
    variadic = [f"**{each.name}" for each in parameters if each.kind is inspect.Parameter.VAR_KEYWORD]
    if variadic:
        expected = "a constructor without other named options than its config"
        fix = f"Replace {variadic[0]} by fields of {kind.__name__}"
        raise CheckError(expected, f"{name}(..., {variadic[0]}) accepts any option", fix)
    return "refused"


def _require_interface(part: Any, choice: Choice) -> None:
    """Refuse a part that is not of its kind's class, or lacks a member of its kind's protocol."""
    kind, name = choice.kind, type(part).__name__
    base = BASES.get(kind)
    if base and not isinstance(part, base):
        fix = f"Write: class {name}(zoo.contracts.{base.__name__})"
        raise CheckError(f"a zoo.contracts.{base.__name__}", name, fix)
    if kind == "dataset" and not isinstance(part, Dataset):
        raise CheckError("a method write(writer, source)", f"{name} without it", "See zoo.contracts.Dataset")
    if kind == "metric":
        single, sets = ("per_image", "compares"), ("features", "distance", "extractor", "notes")
        split = ("collect", "value", "compares", "reads", "by")
        wanted = (*METRIC, *(sets if hasattr(part, "features") else split if hasattr(part, "collect") else single))
        missing = [each for each in wanted if not hasattr(part, each)]
        if missing:
            fix = "See zoo.contracts.Metric, ReadingMetric, ClassMetric, SplitMetric and SetMetric"
            raise CheckError(f"a metric with {', '.join(wanted)}", f"{name} without {', '.join(missing)}", fix)


def _parameters_of_full(choice: Choice) -> int:
    """Build the network with the row's own options, without memory for its weights where it can be; count its parameters."""
    full = NetworkHarness(replace(choice, config=choice.component.config))
    side = USUAL if full.fixed_size and full.takes(USUAL) else None
    try:
        with torch.device("meta"):
            network = full.network(side=side)
    except Exception:  # not every network can be built without memory
        network = full.network(side=side)
    assert isinstance(network, nn.Module)
    return sum(parameter.numel() for parameter in network.parameters())
