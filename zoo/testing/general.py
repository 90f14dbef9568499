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
from zoo.contracts import Dataset, Discriminator, Generator, Method, Normalizer
from zoo.hookspec import Kind
from zoo.registry import Choice
from zoo.testing.checks import CheckError
from zoo.testing.harness import MethodHarness, NetworkHarness

BASES: dict[Kind, type] = {
    "generator": Generator,
    "discriminator": Discriminator,
    "normalizer": Normalizer,
    "method": Method,
}
METRIC = ("name", "higher_is_better", "unit", "protocol")
PLAIN = "Give it fields of int, float, str, bool, tuple, None and Literal; name everything else by a string"
UNKNOWN = "no_such_option"
USUAL = 256
"""Side in pixels at which papers train."""


def builds(choice: Choice) -> str:
    """Build the part with the options of `small`, and a network also with all of its own; return its parameters."""
    kind = choice.kind
    if kind in ("generator", "discriminator"):
        part: Any = NetworkHarness(choice).build()
    else:
        part = MethodHarness(choice).build() if kind == "method" else build(choice)
    _require_interface(part, choice)
    if kind not in ("generator", "discriminator"):
        return type(part).__name__
    return f"{_parameters_of_full(choice):,} parameters"


def config(choice: Choice) -> str:
    """Send the config to JSON and back, as it is and with the options of `small`; return its fields."""
    kind = type(choice.config)
    positional = [
        name
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    if positional:
        raise CheckError(
            "a config whose fields are given by name",
            f"{', '.join(positional)} of {kind.__name__} may be given by position or are taken by no field",
            f"Write @dataclass(frozen=True, kw_only=True) above class {kind.__name__}, without an __init__ of its own",
        )
    component = choice.component
    try:
        replace(component.config, **component.small)
    except Exception as error:  # of any type
        raise CheckError(
            "`small` to hold options that the config takes", " ".join(str(error).split()), "Correct `small` in the row"
        ) from error
    for one in (component.config, choice.config):
        wanted = f"{kind.__name__} to be the same after JSON"
        try:
            again = msgspec.json.decode(msgspec.json.encode(one), type=kind)
        except Exception as error:  # of any type
            raise CheckError(wanted, " ".join(str(error).split()), PLAIN) from error
        if again != one:
            names = [name for name in inspect.signature(kind).parameters if getattr(again, name) != getattr(one, name)]
            name = names[0]
            raise CheckError(wanted, f"{name}={getattr(one, name)!r} became {getattr(again, name)!r}", PLAIN)
    return f"{len(inspect.signature(kind).parameters)} options"


def options(choice: Choice) -> str:
    """Pass an unknown option to the config and the part, which both must refuse."""
    kind = type(choice.config)
    if not _refuses(lambda: kind(**{UNKNOWN: 1})):
        raise CheckError(
            "an unknown option to be refused, so that a typo is seen",
            f"{kind.__name__}({UNKNOWN}=1) was accepted",
            "Let the dataclass make its own __init__, without **kwargs",
        )
    module, _, name = choice.component.target.partition(":")
    target: Callable[..., Any] = getattr(import_module(module), name)
    parameters = inspect.signature(target).parameters.values()
    variadic = [f"**{each.name}" for each in parameters if each.kind is inspect.Parameter.VAR_KEYWORD]
    if variadic:
        raise CheckError(
            "a constructor without other named options than its config",
            f"{name}(..., {variadic[0]}) accepts any option",
            f"Replace {variadic[0]} by fields of {kind.__name__}",
        )
    return "refused"


def _require_interface(part: Any, choice: Choice) -> None:
    """Refuse a part that is not of its kind's class, or lacks a member of its kind's protocol."""
    kind, name = choice.kind, type(part).__name__
    base = BASES.get(kind)
    if base and not isinstance(part, base):
        raise CheckError(
            f"a zoo.contracts.{base.__name__}", name, f"Write: class {name}(zoo.contracts.{base.__name__})"
        )
    if kind == "dataset" and not isinstance(part, Dataset):
        raise CheckError("a method write(writer, source)", f"{name} without it", "See zoo.contracts.Dataset")
    if kind == "metric":
        single, sets = ("per_image", "compares"), ("features", "distance", "extractor", "notes")
        split = ("collect", "value", "compares", "reads", "by")
        wanted = (*METRIC, *(sets if hasattr(part, "features") else split if hasattr(part, "collect") else single))
        missing = [each for each in wanted if not hasattr(part, each)]
        if missing:
            raise CheckError(
                f"a metric with {', '.join(wanted)}",
                f"{name} without {', '.join(missing)}",
                "See zoo.contracts.Metric, ReadingMetric, ClassMetric, SplitMetric and SetMetric",
            )


def _parameters_of_full(choice: Choice) -> int:
    """Build the network with the row's own options, without memory for its weights where it can be; count its parameters."""
    component = choice.component
    full = NetworkHarness(replace(choice, config=component.config))
    side = USUAL if full.fixed_size and full.takes(USUAL) else None
    try:
        with torch.device("meta"):
            network = full.network(side=side)
    except Exception:  # not every network can be built without memory
        network = full.network(side=side)
    assert isinstance(network, nn.Module)
    return sum(parameter.numel() for parameter in network.parameters())


def _refuses(make: Callable[[], object]) -> bool:
    try:
        make()
    except Exception:
        return True
    return False
