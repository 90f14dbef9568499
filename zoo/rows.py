"""The rows that a plugin returns, checked one by one; a message names the wrong row and the rule. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

from zoo.checkpoints.templates import sizes
from zoo.hookspec import KINDS, CheckpointFormat, Component, Contract, Weights

NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
TARGET = re.compile(r"[\w.]+:\w+")
REPO = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
FOLDER = re.compile(r"[\w.]+:[\w./-]+")
HYPHENED = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")

T = TypeVar("T")
Rule = tuple[bool, str]
"""Whether a row keeps a rule, and the rule."""


class RejectedError(Exception):
    """A plugin that loads but breaks a rule; its message is shown to the user."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What a plugin returns from its hooks."""

    components: tuple[Component, ...] = ()
    weights: tuple[Weights, ...] = ()
    checkpoints: tuple[CheckpointFormat, ...] = ()


NO_ROWS = Rows()


def checked_rows(components: Iterable[Any] = (), weights: Iterable[Any] = (), checkpoints: Iterable[Any] = ()) -> Rows:
    """Return a plugin's rows.

    Raises:
        RejectedError: a row breaks a rule, or two have one name.
    """
    return Rows(
        components=_checked(components, Component, lambda row: f"{row.kind} {row.name!r}", _component_rules),
        weights=_checked(weights, Weights, lambda row: f"weights {row.name!r}", _weights_rules),
        checkpoints=_checked(
            checkpoints, CheckpointFormat, lambda row: f"checkpoint format {row.name!r}", _checkpoint_rules
        ),
    )


def _checked(
    rows: Iterable[Any], kind: type[T], title: Callable[[T], str], rules: Callable[[T], Iterator[Rule]]
) -> tuple[T, ...]:
    found: dict[str, T] = {}
    for row in rows:
        if not isinstance(row, kind):
            raise RejectedError(f"bad row: expected a zoo.hookspec.{kind.__name__}, got {type(row).__name__}")
        for holds, rule in rules(row):
            if not holds:
                raise RejectedError(f"bad row {title(row)}: {rule}")
        if title(row) in found:
            raise RejectedError(f"two rows are named {title(row)}")
        found[title(row)] = row
    return tuple(found.values())


def _component_rules(row: Component) -> Iterator[Rule]:
    yield row.kind in KINDS, f"kind must be one of {', '.join(KINDS)}"
    yield _matches(NAME, row.name), "name must be like `my_net2`"
    yield _matches(TARGET, row.target), "target must be `package.module:Class`"
    yield is_dataclass(row.config) and not isinstance(row.config, type), "config must be an instance of a dataclass"
    yield _is_line(row.summary), "summary must be a line of text: one line, not empty"
    yield type(row.config).__dataclass_params__.frozen, "config must be a frozen dataclass"
    known = {field.name for field in fields(row.config)}
    for name, options in {"small": row.small, "quick": row.quick}.items():
        yield (
            known >= set(options),
            f"{name} names options that its config lacks: {', '.join(sorted({*options} - known))}",
        )
    yield not row.example or _matches(TARGET, row.example), "example must be `package.module:function`"
    of_options = getattr(row.config, "contract", None)
    yield from _contract_rules(of_options() if callable(of_options) else row.contract)


def _contract_rules(contract: Any) -> Iterator[Rule]:
    yield isinstance(contract, Contract), f"contract must be a zoo.hookspec.Contract, got {type(contract).__name__}"
    multiple = contract.size_multiple
    yield isinstance(multiple, int) and multiple >= 1, "the contract's size_multiple must be a whole number from 1"
    for name in ("offers", "needs"):
        yield isinstance(getattr(contract, name), frozenset), f"the contract's {name} must be a frozenset of words"
    named = isinstance(contract.inputs, tuple) and all(isinstance(each, str) for each in contract.inputs)
    yield named, "the contract's inputs must be a tuple of words"
    numbers = all(isinstance(value, int | float) for value in contract.promises.values())
    yield numbers, "the contract's promises must be numbers"


def _weights_rules(row: Weights) -> Iterator[Rule]:
    pinned = re.fullmatch(r"[0-9a-f]{40}", row.revision) and re.fullmatch(r"[0-9a-f]{64}", row.sha256)
    yield _matches(HYPHENED, row.name), "name must be like `method-dataset`"
    yield _is_line(row.summary), "summary must be a line of text: one line, not empty"
    yield row.train.strip() != "", "train must be the command that trains them"
    yield not row.repo or _matches(REPO, row.repo), "repo must be `ORG/NAME`"
    needs = "a repo needs the full commit (40 hex digits) as revision and the sha256 of its file"
    yield not row.repo or bool(pinned), needs
    yield not row.folder or _matches(FOLDER, row.folder), "folder must be `package:folder`"
    yield not (row.repo and row.folder), "weights have a repo or a folder, not both"
    safetensors = re.fullmatch(r"[\w-][\w.-]*\.safetensors", row.file) is not None
    yield safetensors, "file must be a .safetensors file"


def _checkpoint_rules(row: CheckpointFormat) -> Iterator[Rule]:
    yield _matches(HYPHENED, row.name), "name must be like `cyclegan-resnet9`"
    filled = row.tensors and row.summary.strip() and row.origin.strip()
    yield bool(filled), "tensors, summary and origin must not be empty"
    known, fault = frozenset[str](), ""
    try:
        known = frozenset(sizes(row))
        row.summary.format(**dict.fromkeys(known, 1))
    except ValueError as error:
        fault = str(error)
    except (KeyError, IndexError) as error:
        fault = f"summary names a size that no shape has: {error}"
    yield not fault, fault
    unknown = set(row.options.values()) - known
    yield not unknown, f"options name sizes that no shape has: {', '.join(sorted(unknown))}"


def _matches(pattern: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


def _is_line(text: object) -> bool:
    return isinstance(text, str) and text.strip() != "" and "\n" not in text
